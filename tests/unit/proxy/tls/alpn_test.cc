// alpn_test.cc: direct TLS has to agree on postgresql; behind an SSLRequest only a client that asks
// for something else is refused.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/unit/proxy/tls/raw_peer.h"
#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy::tls::tests;

namespace {

// A client that asks for these protocols (none: no ALPN), before our end.
std::string visit(bool direct, std::string_view protocols, RawPeer& peer) {
  Scene scene;
  REQUIRE(scene.load().empty());
  End end{scene.contexts.accept(direct)};
  if (!protocols.empty()) {
    SSL_set_alpn_protos(peer.ssl(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
  }
  if (peer.shake(end) && end.codec->established()) return "established";
  CHECK(std::string{end.fault->sqlstate} == "08P01");
  return end.why();
}

std::string visit(bool direct, std::string_view protocols) {
  RawPeer peer(true);
  return visit(direct, protocols, peer);
}

// A server that knows nothing of ALPN, or chooses this.
std::string dial(bool direct, const unsigned char* chosen, const std::string& protocols) {
  Scene scene;
  scene.servers.direct = direct;
  scene.servers.protocols = protocols;
  REQUIRE(scene.load().empty());
  RawPeer peer(false);
  peer.show(scene.clients);
  if (chosen != nullptr) {
    SSL_CTX_set_alpn_select_cb(
        SSL_get_SSL_CTX(peer.ssl()),
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned,
           void* word) {
          *out = static_cast<unsigned char*>(word) + 1;
          *size = *static_cast<unsigned char*>(word);
          return SSL_TLSEXT_ERR_OK;
        },
        const_cast<unsigned char*>(chosen));
  }
  End end{std::move(*scene.contexts.connect(scene.servers, "db.example.com"))};
  REQUIRE(end.codec->begin(end.sent).has_value());
  peer.take(std::exchange(end.sent, {}));
  peer.shake(end);
  return end.codec->established() ? "established" : end.why();
}

constexpr std::string_view kPostgresql = "\x0apostgresql", kHttp = "\x02h2\x08http/1.1";

}  // namespace

TEST_CASE("behind an SSLRequest a client need not ask for a protocol") {
  CHECK(visit(false, {}) == "established");
}

TEST_CASE("a client that asks for postgresql gets it") {
  for (const bool direct : {false, true}) {
    RawPeer peer(true);
    CHECK(visit(direct, kPostgresql, peer) == "established");
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(peer.ssl(), &chosen, &size);
    CHECK(std::string_view{reinterpret_cast<const char*>(chosen), size} == "postgresql");
  }
}

TEST_CASE("postgresql may be one of several") {
  CHECK(visit(true, std::string{kHttp} + std::string{kPostgresql}) == "established");
}

TEST_CASE("a client that asks for other protocols alone is refused") {
  for (const bool direct : {false, true}) {
    RawPeer peer(true);
    CHECK(visit(direct, kHttp, peer) ==
          "TLS handshake failed: the client wants another protocol than postgresql");
    ERR_clear_error();
    CHECK(SSL_do_handshake(peer.ssl()) != 1);
  }
}

TEST_CASE("a direct client without ALPN is refused with no_application_protocol") {
  Scene scene;
  REQUIRE(scene.load().empty());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawPeer peer(true);
    SSL_set_max_proto_version(peer.ssl(), version);
    End end{scene.contexts.accept(true)};
    SSL_do_handshake(peer.ssl());
    end.take(peer.sent());
    CHECK(end.why() == "TLS handshake failed: the client did not ask for postgresql by ALPN");
    peer.take(end.sent);
    ERR_clear_error();
    CHECK(SSL_do_handshake(peer.ssl()) != 1);
    CHECK(ERR_GET_REASON(ERR_get_error()) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    ERR_clear_error();
  }
}

TEST_CASE("a server need not know ALPN, except behind a direct handshake") {
  const std::string not_agreed =
      "TLS handshake failed: the server did not agree to postgresql by ALPN";
  for (const std::string protocols : {"tlsv1.2", "tlsv1.3"}) {
    CHECK(dial(false, nullptr, protocols) == "established");
    CHECK(dial(true, nullptr, protocols) == not_agreed);
    const auto* postgresql = reinterpret_cast<const unsigned char*>(kPostgresql.data());
    CHECK(dial(true, postgresql, protocols) == "established");
  }
}

TEST_CASE("a server that chooses what it was not offered is refused") {
  const auto* http = reinterpret_cast<const unsigned char*>("\x08http/1.1");
  for (const bool direct : {false, true}) {
    CHECK(dial(direct, http, "tlsv1.3").starts_with("TLS handshake failed: "));
  }
}

TEST_CASE("two ends of ours shake hands directly") {
  Scene scene;
  scene.servers.direct = true;
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk("db.example.com", true);
  talk.run();
  CHECK(talk.established());
}

TEST_CASE("a name is sent as SNI, an address and a path are not") {
  const auto asked_for = [](const std::string& host) {
    Scene scene;
    REQUIRE(scene.load().empty());
    RawPeer peer(false);
    std::string seen = "nothing";
    SSL_CTX_set_client_hello_cb(
        SSL_get_SSL_CTX(peer.ssl()),
        [](SSL* ssl, int*, void* to) {
          const unsigned char* bytes = nullptr;
          std::size_t size = 0;
          if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) == 1) {
            *static_cast<std::string*>(to) = as_text(Bytes{bytes, size}.subspan(5));
          }
          return SSL_CLIENT_HELLO_ERROR;
        },
        &seen);
    End end{std::move(*scene.contexts.connect(scene.servers, host))};
    REQUIRE(end.codec->begin(end.sent).has_value());
    peer.take(end.sent);
    SSL_do_handshake(peer.ssl());
    ERR_clear_error();
    return seen;
  };
  CHECK(asked_for("db.example.com") == "db.example.com");
  CHECK(asked_for("10.0.0.1") == "nothing");
  CHECK(asked_for("::1") == "nothing");
  CHECK(asked_for("/run/postgresql") == "nothing");
  CHECK(asked_for("") == "nothing");
}

TEST_CASE("a host that is too long for SNI is a fault") {
  Scene scene;
  REQUIRE(scene.load().empty());
  const auto codec = scene.contexts.connect(scene.servers, std::string(300, 'a'));
  REQUIRE_FALSE(codec.has_value());
  CHECK(std::string{codec.error().sqlstate} == "08001");
}
