// Property: whatever a peer sends before the handshake is over, no plaintext comes out, a fault
// stays one, and what OpenSSL and the answer hold is bounded. The first byte of an input chooses
// our side, how it is cut, and whether the handshake is direct; the rest are the peer's records.
#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <memory>

#include "proxy/tls/contexts.h"
#include "tests/certs/certs.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using proxy::Codec;
using proxy::config::SslMode;
using proxy::config::TlsSettings;

namespace {

// A record of each direction, the longest message of a handshake twice, and what is parsed of it.
constexpr std::size_t kHeldBytesMax = 256 * 1024;
constexpr std::size_t kAnswerBytesMax = 16 * 1024;

std::atomic<std::size_t> held_bytes = 0;

// OpenSSL's allocations, counted: each has its size in front.
constexpr std::size_t kFront = alignof(std::max_align_t);

void* take(std::size_t size, const char*, int) {
  auto* at = static_cast<std::uint8_t*>(std::malloc(size + kFront));
  if (at == nullptr) return nullptr;
  *reinterpret_cast<std::size_t*>(at) = size;
  held_bytes += size;
  return at + kFront;
}

void give_back(void* thing, const char*, int) {
  if (thing == nullptr) return;
  auto* at = static_cast<std::uint8_t*>(thing) - kFront;
  held_bytes -= *reinterpret_cast<std::size_t*>(at);
  std::free(at);
}

void* resize(void* thing, std::size_t size, const char* file, int line) {
  if (thing == nullptr) return take(size, file, line);
  if (size == 0) {
    give_back(thing, file, line);
    return nullptr;
  }
  auto* at = static_cast<std::uint8_t*>(thing) - kFront;
  held_bytes -= *reinterpret_cast<std::size_t*>(at);
  auto* moved = static_cast<std::uint8_t*>(std::realloc(at, size + kFront));
  WEIR_CHECK(moved != nullptr);
  *reinterpret_cast<std::size_t*>(moved) = size;
  held_bytes += size;
  return moved + kFront;
}

struct Town {
  Town() {
    const certs::Folder folder;  // Gone before libFuzzer leaves without a goodbye.
    const auto authority = certs::make_authority("Fuzz");
    const auto ours = authority.make_certificate({.names = {"db.example.com"}});
    clients.mode = servers.mode = SslMode::verify_full;
    clients.ca_file = servers.ca_file = folder.write("ca.crt", authority.text());
    clients.cert_file = servers.cert_file = folder.write("ours.crt", ours.text);
    clients.key_file = servers.key_file = folder.write("ours.key", ours.key);
    clients.protocols = servers.protocols = "secure";
    WEIR_CHECK(contexts.load(clients, {servers}).empty());
  }
  std::unique_ptr<Codec> codec(bool listens, bool direct) {
    if (listens) return contexts.accept(direct);
    servers.direct = false;
    return std::move(*contexts.connect(servers, "db.example.com"));
  }

  TlsSettings clients, servers;
  proxy::tls::Contexts contexts;
};

Town& town() {
  static Town* only = [] {
    WEIR_CHECK(CRYPTO_set_mem_functions(take, resize, give_back) == 1);
    static Town made;
    return &made;
  }();
  return *only;
}

void check_broken(Codec& codec) {
  Buffer plain, reply;
  const Bytes record = as_bytes("\x16\x03\x01");
  WEIR_CHECK(!codec.open(record, plain, reply).has_value());
  codec.finish(reply);
  WEIR_CHECK(plain.empty() && reply.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input{data, size};
  Town& place = town();
  const std::uint8_t choice = fuzz::take_byte(input);
  const std::size_t before = held_bytes;
  const auto codec = place.codec((choice & 1) == 0, (choice & 2) != 0);
  Buffer plain, reply;
  WEIR_CHECK(codec->begin(reply).has_value());
  bool failed = false;
  fuzz::in_parts(input, std::size_t{1} << (choice >> 2 & 15), [&](Bytes part) {
    if (failed) return;
    const auto opened = codec->open(part, plain, reply);
    failed = !opened.has_value();
    WEIR_CHECK(plain.empty() && !codec->established());
    WEIR_CHECK(opened || (opened.error().text.starts_with("TLS ") &&
                          opened.error().text.find('\n') == std::string::npos));
    WEIR_CHECK(reply.size() <= kAnswerBytesMax && held_bytes - before <= kHeldBytesMax);
  });
  if (failed) check_broken(*codec);
  return 0;
}
