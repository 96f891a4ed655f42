// rules_test.cc: protocols, ciphers, curves and DHE as the operator writes them.
#include "proxy/tls/rules.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::tls::tests;

namespace {

// What two sides agree on, or what the listener has against the other.
std::string agreed(const TlsSettings& clients_like, const TlsSettings& servers_like = {},
                   certs::Kind kind = certs::Kind::p256) {
  Scene scene;
  show(scene.folder, scene.clients, "key",
       scene.authority.make_certificate({.names = {"db.example.com"}, .kind = kind}));
  TlsSettings clients = clients_like;
  clients.mode = scene.clients.mode;
  clients.cert_file = scene.clients.cert_file;
  clients.key_file = scene.clients.key_file;
  scene.clients = clients;
  scene.servers = servers_like;
  scene.servers.mode = SslMode::require;
  const auto said = scene.load();
  if (!said.empty()) return said.front();
  Talk talk = scene.talk();
  talk.run();
  return talk.established() ? talk.listener.codec->description() : talk.listener.why();
}

}  // namespace

TEST_CASE("secure is TLS 1.2 and 1.3") {
  CHECK(agreed({.protocols = "secure"}).starts_with("TLSv1.3/"));
  CHECK(agreed({.protocols = "secure"}, {.protocols = "tlsv1.2"}).starts_with("TLSv1.2/"));
}

TEST_CASE("a list names the versions, and a mark takes one away") {
  CHECK(agreed({.protocols = "TLSv1.2, tlsv1.3"}).starts_with("TLSv1.3/"));
  CHECK(agreed({.protocols = "tlsv1.2"}).starts_with("TLSv1.2/"));
  CHECK(agreed({.protocols = "all:!tlsv1.3"}).starts_with("TLSv1.2/"));
}

TEST_CASE("old versions are spoken when both sides insist") {
  const TlsSettings old{.protocols = "legacy,!tlsv1.2,!tlsv1.3", .ciphers = "ALL:@SECLEVEL=0"};
  CHECK(agreed(old, old).starts_with("TLSv1.1/"));
  CHECK(agreed({}, old) == "TLS handshake failed: the client speaks none of our protocol versions");
}

TEST_CASE("protocols that are none are told") {
  for (const std::string list :
       {"tlsv1.4", "secure,sslv3", "", "tlsv1.2,!tlsv1.2", "tlsv1.1,tlsv1.3"}) {
    CHECK(agreed({.protocols = list}).starts_with("client_tls_protocols \"" + list + "\": it is"));
    CHECK(agreed({}, {.protocols = list}).starts_with("server_tls_protocols \"" + list + "\": "));
  }
}

TEST_CASE("each shortcut of PgBouncer names ciphers that work") {
  for (const std::string name : {"default", "secure", "Normal", "fast", "all", "HIGH:!aNULL", ""}) {
    CAPTURE(name);
    CHECK(agreed({.protocols = "tlsv1.2", .ciphers = name}).starts_with("TLSv1.2/ECDHE-"));
  }
  CHECK(agreed({.protocols = "tlsv1.2", .ciphers = "AES128-SHA"}) ==
        "TLS handshake failed: no cipher in common with the client");
}

TEST_CASE("ciphers that OpenSSL does not know are told") {
  CHECK(agreed({.ciphers = "nonsense"}) ==
        "client_tls_ciphers \"nonsense\": OpenSSL knows no cipher of that list");
  CHECK(agreed({}, {.tls13_ciphers = "TLS_NONSENSE"}) ==
        "server_tls13_ciphers \"TLS_NONSENSE\": OpenSSL does not know all suites of that list");
}

TEST_CASE("the suites of TLS 1.3 can be chosen") {
  CHECK(agreed({.tls13_ciphers = "TLS_CHACHA20_POLY1305_SHA256"}) ==
        "TLSv1.3/TLS_CHACHA20_POLY1305_SHA256");
}

TEST_CASE("a curve by name, or the sentence that there is none") {
  for (const std::string curve :
       {"auto", "P-256", "prime256v1", "X25519", "secp384r1", "X25519:P-256"}) {
    CAPTURE(curve);
    CHECK(agreed({.ecdhcurve = curve}).starts_with("TLSv1.3/"));
  }
  CHECK(agreed({.ecdhcurve = "P-255"}) ==
        "client_tls_ecdhcurve \"P-255\": OpenSSL knows no such curve");
}

TEST_CASE("without a curve TLS 1.2 falls back on DHE, and without that on nothing") {
  const auto with = [](const std::string& dheparams) {
    return agreed({.protocols = "tlsv1.2", .ecdhcurve = "none", .dheparams = dheparams}, {},
                  certs::Kind::rsa2048);  // Plain DHE goes with no other key.
  };
  CHECK(with("auto").starts_with("TLSv1.2/DHE-"));
  CHECK(with("legacy").starts_with("TLSv1.2/DHE-"));
  CHECK(with("none") == "TLS handshake failed: no cipher in common with the client");
}

TEST_CASE("dheparams that are none of the words are told") {
  CHECK(agreed({.dheparams = "2048"}) ==
        "client_tls_dheparams \"2048\": it is auto, none or legacy");
}
