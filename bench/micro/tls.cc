// tls.cc: what an idle TLS connection keeps on the heap, and the processor time of our side of a
// handshake with a client, full and resumed. Prints one line for each kind of key.
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "protocol/check.h"
#include "proxy/tls/contexts.h"
#include "tests/certs/certs.h"

using namespace weir;
using proxy::Codec;
using proxy::config::SslMode;
using proxy::config::TlsSettings;
using proxy::tls::Contexts;

namespace {

constexpr int kCodecs = 1000;

struct Pair {
  std::unique_ptr<Codec> dialler, listener;
};

class Bench {
 public:
  explicit Bench(certs::Kind kind) {
    const auto authority = certs::make_authority("Bench");
    const auto ours = authority.make_certificate({.names = {"db"}, .kind = kind});
    clients_.mode = SslMode::require;
    clients_.cert_file = folder_.write("ours.crt", ours.text);
    clients_.key_file = folder_.write("ours.key", ours.key);
    servers_.mode = SslMode::require;
    WEIR_CHECK(contexts_.load(clients_, {servers_}).empty());
  }

  // Counts the time spent in `act`.
  template <typename Act>
  auto timed(Act act) {
    const auto begun = std::chrono::steady_clock::now();
    auto result = act();
    spent_ += std::chrono::steady_clock::now() - begun;
    return result;
  }

  // Shakes hands and counts the time spent in the listener's codec.
  Pair meet(const std::string& host) {
    Pair pair{std::move(*contexts_.connect(servers_, host)),
              timed([&] { return contexts_.accept(false); })};
    Buffer to_listener, to_dialler, plain;
    WEIR_CHECK(pair.dialler->begin(to_listener).has_value());
    while (!to_listener.empty() || !to_dialler.empty()) {
      const Buffer records = std::exchange(to_listener, {});
      const auto taken = timed([&] { return pair.listener->open(records, plain, to_dialler); });
      WEIR_CHECK(taken.has_value());
      WEIR_CHECK(pair.dialler->open(std::exchange(to_dialler, {}), plain, to_listener).has_value());
    }
    WEIR_CHECK(pair.dialler->established() && pair.listener->established());
    return pair;
  }

  double microseconds(bool resumed) {
    std::string host = "host";
    meet(host);
    std::vector<double> each;
    for (int i = 0; i < kCodecs; ++i) {
      spent_ = {};
      meet(resumed ? host : host + std::to_string(i));
      each.push_back(std::chrono::duration<double, std::micro>(spent_).count());
    }
    std::nth_element(each.begin(), each.begin() + kCodecs / 2, each.end());
    return each[kCodecs / 2];
  }

  std::size_t idle_bytes(bool listener) {
    std::vector<std::unique_ptr<Codec>> kept;
    kept.reserve(kCodecs);
    meet("host");
    const auto before = mallinfo2().uordblks;
    for (int i = 0; i < kCodecs; ++i) {
      Pair pair = meet("host" + std::to_string(i % 2));
      Buffer records, plain, reply;
      WEIR_CHECK(pair.dialler->seal(as_bytes("SELECT 1"), records).has_value());
      WEIR_CHECK(pair.listener->open(std::exchange(records, {}), plain, reply).has_value());
      WEIR_CHECK(pair.listener->seal(as_bytes("1"), records).has_value());
      WEIR_CHECK(pair.dialler->open(records, plain, reply).has_value());
      kept.push_back(std::move(listener ? pair.listener : pair.dialler));
    }
    return (mallinfo2().uordblks - before) / kCodecs;
  }

  std::string description() { return meet("host").listener->description(); }

 private:
  certs::Folder folder_;
  TlsSettings clients_, servers_;
  Contexts contexts_;
  std::chrono::steady_clock::duration spent_{};
};

void row(const char* name, certs::Kind kind) {
  Bench bench(kind);
  std::printf("%-10s %s: idle %zu bytes towards a client, %zu towards a server; ", name,
              bench.description().c_str(), bench.idle_bytes(true), bench.idle_bytes(false));
  std::printf("accept %.0f us full, %.0f us resumed (median of %d)\n", bench.microseconds(false),
              bench.microseconds(true), kCodecs);
}

}  // namespace

int main() {
  row("ECDSA P-256", certs::Kind::p256);
  row("RSA 2048", certs::Kind::rsa2048);
}
