// Property: from its first byte to the end of its login, in plain text and through TLS, whatever a
// client sends that does not know the password, it is never told AuthenticationOk, no server is
// ever dialled for it, and the next client is answered. The first byte of an input chooses how
// pgweir is set up; then come acts: bytes as they stand, a handshake, bytes through it, time.
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>

#include "proxy/tls/contexts.h"
#include "tests/certs/certs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/street/town.h"

using namespace weir;
using proxy::Codec;

namespace {

constexpr const char* kPassword = "0e6c7a52-9f0b-4b55-8a3e-5f1d2c7b9e44";
constexpr std::array<std::uint8_t, 9> kAuthenticationOk{'R', 0, 0, 0, 8, 0, 0, 0, 0};
constexpr std::array<std::uint8_t, 8> kSslRequest{0, 0, 0, 8, 4, 210, 22, 47};
constexpr std::size_t kActsMax = 64;

constexpr std::array kWays{"scram-sha-256", "md5", "plain", "hba", "trust", "cert"};

class Doorstep {
 public:
  Doorstep(std::string_view way, bool proxied)
      : authority_(certs::make_authority("an authority")),
        town_(policy_, {.config = config(way, proxied), .secrets = secrets(way)}) {
    proxy::config::TlsSettings settings;
    settings.mode = proxy::config::SslMode::require;
    WEIR_CHECK(contexts_.load({}, {settings}).empty());
    settings_ = settings;
  }

  street::Town& town() { return town_; }
  street::Door& servers() { return town_.net.door("db", 5432); }
  std::unique_ptr<Codec> hand() { return std::move(*contexts_.connect(settings_, "pooler")); }

 private:
  // Under trust the name alone opens.
  static std::map<std::string, std::string> secrets(std::string_view way) {
    if (way == "trust") return {{kPassword, ""}};
    return {{"app", kPassword}, {"boss", kPassword}};
  }

  std::string config(std::string_view way, bool proxied) {
    const auto certificate = authority_.make_certificate({.names = {"pooler"}});
    std::string text = "[databases]\nshop = host=db port=5432\n* = host=db port=5432\n[pgweir]\n";
    text += "auth_type = " + std::string{way};
    text += "\nadmin_users = boss\nauth_failures_before_delay = 0\n";
    text += "auth_failures_before_refusal = 0\nlog_connections = 0\nlog_pooler_errors = 0\n";
    text += "client_tls_sslmode = " + std::string{way == "cert" ? "verify-full" : "prefer"};
    text += "\nclient_tls_ca_file = " + folder_.write("ca.crt", authority_.text());
    text += "\nclient_tls_cert_file = " + folder_.write("own.crt", certificate.text);
    text += "\nclient_tls_key_file = " + folder_.write("own.key", certificate.key);
    text += "\nauth_hba_file = " + folder_.write("hba",
                                                 "hostssl all all all cert\n"
                                                 "host shop all all scram-sha-256\n"
                                                 "host all all all reject\n");
    if (proxied) text += "\nproxy_protocol_from = 127.0.0.0/8";
    return text + "\n";
  }

  certs::Folder folder_;
  certs::Authority authority_;
  street::InOrder policy_;
  street::Town town_;
  proxy::tls::Contexts contexts_;
  proxy::config::TlsSettings settings_;
};

Doorstep& doorstep(std::uint8_t choice) {
  // What hangs on a context is ended by it as long as OpenSSL has not ended, so that is to begin
  // before the map, and to end behind it.
  static const bool begun = OPENSSL_init_ssl(0, nullptr) == 1;
  WEIR_CHECK(begun);
  static std::map<std::uint8_t, std::unique_ptr<Doorstep>> all;
  choice = static_cast<std::uint8_t>(choice % (2 * kWays.size()));
  auto& one = all[choice];
  if (!one) one = std::make_unique<Doorstep>(kWays[choice / 2], choice % 2 == 1);
  return *one;
}

class Stranger {
 public:
  explicit Stranger(Doorstep& at) : at_(at), peer_(at.town().connect()) {}
  ~Stranger() {
    peer_.close();
    at_.town().run();
    if (peer_.closed()) at_.town().net.forget(peer_);
  }

  void send(Bytes bytes) {
    peer_.send(bytes);
    at_.town().run();
    listen();
  }
  // As libpq does it, or at once.
  void shake(bool asks) {
    if (codec_) return;
    if (asks) send(kSslRequest);
    codec_ = at_.hand();
    Buffer hello;
    if (codec_->begin(hello)) send(hello);
  }
  void send_sealed(Bytes bytes) {
    Buffer records;
    if (codec_ && codec_->established() && codec_->seal(bytes, records)) send(records);
  }
  void wait(std::uint8_t seconds) {
    at_.town().run_for(seconds * kSecond);
    listen();
  }

 private:
  void listen() {
    Buffer got = peer_.take();
    Buffer reply;
    if (codec_) {
      Buffer plain;
      if (!codec_->open(got, plain, reply)) codec_.reset();
      got = std::move(plain);
    }
    heard_.insert(heard_.end(), got.begin(), got.end());
    const auto found = std::search(heard_.begin(), heard_.end(), kAuthenticationOk.begin(),
                                   kAuthenticationOk.end());
    WEIR_CHECK(found == heard_.end());
    if (!reply.empty()) send(reply);
  }

  Doorstep& at_;
  street::Peer& peer_;
  std::unique_ptr<Codec> codec_;
  Buffer heard_;
};

void act(Stranger& stranger, Bytes& script) {
  const std::uint8_t what = fuzz::take_byte(script);
  const std::size_t length = fuzz::take_byte(script);
  const Bytes bytes = script.first(std::min(length, script.size()));
  switch (what % 4) {
    case 0:
      script = script.subspan(bytes.size());
      return stranger.send(bytes);
    case 1:
      script = script.subspan(bytes.size());
      return stranger.send_sealed(bytes);
    case 2:
      return stranger.shake(length % 2 == 0);
    default:
      return stranger.wait(static_cast<std::uint8_t>(length));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes script{data, size};
  Doorstep& at = doorstep(fuzz::take_byte(script));
  {
    Stranger stranger(at);
    for (std::size_t acts = 0; acts < kActsMax && !script.empty(); ++acts) act(stranger, script);
  }
  WEIR_CHECK(at.servers().opened == 0);
  street::Peer& next = at.town().connect();
  next.send(kSslRequest);
  at.town().run();
  next.close();
  at.town().run();
  at.town().net.forget(next);
  return 0;
}
