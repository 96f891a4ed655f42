// verify_test.cc: whose certificate is asked for, who is believed, and what is said of the others.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/proxy/tls/raw_peer.h"
#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::tls::tests;
using certs::Dates;

namespace {

// A handshake with a server that shows this certificate.
Talk meet(Scene& scene, const certs::Certificate& shown, SslMode mode, const std::string& host) {
  show(scene.folder, scene.clients, "shown", shown);
  scene.servers.mode = mode;
  scene.servers.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  scene.load();
  Talk talk = scene.talk(host);
  talk.run();
  return talk;
}

std::string outcome(Scene& scene, const certs::Certificate& shown, SslMode mode,
                    const std::string& host = "db.example.com") {
  const Talk talk = meet(scene, shown, mode, host);
  if (talk.established()) return "established";
  CHECK_FALSE(talk.listener.codec->established());
  return std::string{talk.dialler.fault->sqlstate} + " " + talk.dialler.fault->text;
}

const std::string kFailed = "08001 TLS handshake failed: certificate verify failed: ";

// A client that shows `shown`, before clients' settings of this mode.
Talk visit(Scene& scene, SslMode mode, const certs::Certificate* shown) {
  scene.clients.mode = mode;
  scene.clients.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  if (shown != nullptr) show(scene.folder, scene.servers, "visitor", *shown);
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.run();
  return talk;
}

}  // namespace

TEST_CASE("prefer and require take any certificate of a server") {
  Scene scene;
  const auto stranger = certs::make_self_signed({.common_name = "anyone", .dates = Dates::expired});
  for (const auto mode : {SslMode::allow, SslMode::prefer, SslMode::require}) {
    const Talk talk = meet(scene, stranger, mode, "db.example.com");
    CHECK(talk.established());
    CHECK_FALSE(talk.dialler.codec->verified_peer());
  }
}

TEST_CASE("verify-ca takes any name that the authority has signed") {
  Scene scene;
  const auto other = scene.authority.make_certificate({.names = {"other.example.com"}});
  CHECK(outcome(scene, other, SslMode::verify_ca) == "established");
}

TEST_CASE("verify-full wants the name that was dialled") {
  Scene scene;
  const auto other = scene.authority.make_certificate({.names = {"other.example.com"}});
  CHECK(outcome(scene, other, SslMode::verify_full) ==
        kFailed + "the certificate does not name this host");
  CHECK(outcome(scene, other, SslMode::verify_full, "other.example.com") == "established");
  CHECK(outcome(scene, other, SslMode::verify_full, "OTHER.example.com") == "established");
}

TEST_CASE("verify-full of an address wants the address") {
  Scene scene;
  const auto here = scene.authority.make_certificate({.addresses = {"127.0.0.1", "::1"}});
  CHECK(outcome(scene, here, SslMode::verify_full, "127.0.0.1") == "established");
  CHECK(outcome(scene, here, SslMode::verify_full, "::1") == "established");
  CHECK(outcome(scene, here, SslMode::verify_full, "127.0.0.2").starts_with("08001"));
}

TEST_CASE("a server of another authority is not believed") {
  Scene scene;
  const auto other = certs::make_authority("Another");
  const auto shown = other.make_certificate({.names = {"db.example.com"}});
  CHECK(outcome(scene, shown, SslMode::verify_ca) ==
        kFailed + "unable to get local issuer certificate");
  const auto lonely = certs::make_self_signed({.names = {"db.example.com"}});
  CHECK(outcome(scene, lonely, SslMode::verify_full) == kFailed + "self-signed certificate");
}

TEST_CASE("a server that is refused learns why") {
  Scene scene;
  const auto lonely = certs::make_self_signed({.names = {"db.example.com"}});
  const Talk talk = meet(scene, lonely, SslMode::verify_full, "db.example.com");
  CHECK(talk.listener.why() ==
        "TLS handshake failed: the client does not trust our certificate (alert unknown ca)");
  CHECK(std::string{talk.listener.fault->sqlstate} == "08P01");
}

TEST_CASE("a certificate of another time is refused") {
  Scene scene;
  const auto old =
      scene.authority.make_certificate({.names = {"db.example.com"}, .dates = Dates::expired});
  CHECK(outcome(scene, old, SslMode::verify_ca) == kFailed + "certificate has expired");
  const auto early =
      scene.authority.make_certificate({.names = {"db.example.com"}, .dates = Dates::not_yet});
  CHECK(outcome(scene, early, SslMode::verify_ca) == kFailed + "certificate is not yet valid");
}

TEST_CASE("a chain leads to the authority through those between") {
  Scene scene;
  const auto between = scene.authority.make_authority("Between");
  const auto shown = between.make_certificate({.names = {"db.example.com"}});
  CHECK(outcome(scene, shown, SslMode::verify_full) == "established");
}

TEST_CASE("without a ca_file the system's store is asked") {
  Scene scene;
  scene.servers.mode = SslMode::verify_full;
  CHECK(scene.load().empty());
  Talk talk = scene.talk();
  talk.run();
  CHECK(talk.dialler.why() ==
        "TLS handshake failed: certificate verify failed: unable to get local issuer certificate");
}

TEST_CASE("a server that is verified has a name, towards which no NUL helps") {
  Scene scene;
  const auto shown = scene.authority.make_certificate(
      {.common_name = std::string("db\0.evil", 8), .names = {"db.example.com"}});
  const Talk talk = meet(scene, shown, SslMode::verify_full, "db.example.com");
  REQUIRE(talk.dialler.codec->verified_peer());
  CHECK(talk.dialler.codec->verified_peer()->common_name.empty());
  CHECK(talk.dialler.codec->verified_peer()->subject == "CN=db\\00.evil");
}

TEST_CASE("without a ca_file no client is asked for a certificate") {
  Scene scene;
  const auto visitor = scene.authority.make_certificate({.common_name = "alice"});
  show(scene.folder, scene.servers, "visitor", visitor);
  const Talk talk = scene.shaken();
  CHECK(talk.established());
  CHECK_FALSE(talk.listener.codec->verified_peer());
}

TEST_CASE("with a ca_file a client may show a certificate, and is known by it") {
  Scene scene;
  const auto visitor = scene.authority.make_certificate({.common_name = "alice"});
  for (const auto mode : {SslMode::allow, SslMode::prefer, SslMode::require}) {
    const Talk talk = visit(scene, mode, &visitor);
    REQUIRE(talk.established());
    REQUIRE(talk.listener.codec->verified_peer());
    CHECK(talk.listener.codec->verified_peer()->common_name == "alice");
    CHECK(talk.listener.codec->verified_peer()->subject == "CN=alice");
  }
}

TEST_CASE("a client is told which authorities are believed") {
  Scene scene;
  scene.clients.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  REQUIRE(scene.load().empty());
  RawPeer peer(true);
  End end{scene.contexts.accept(false)};
  REQUIRE(peer.shake(end));
  const auto* names = SSL_get0_peer_CA_list(peer.ssl());
  REQUIRE(sk_X509_NAME_num(names) == 1);
  std::string name(100, '\0');
  X509_NAME_oneline(sk_X509_NAME_value(names, 0), name.data(), static_cast<int>(name.size()));
  CHECK(std::string{name.c_str()} == "/CN=Test Authority");
}

TEST_CASE("with a ca_file a client may show none as well") {
  Scene scene;
  const Talk talk = visit(scene, SslMode::require, nullptr);
  CHECK(talk.established());
  CHECK_FALSE(talk.listener.codec->verified_peer());
}

TEST_CASE("a certificate that a client need not show is refused all the same when it is wrong") {
  Scene scene;
  const auto stranger = certs::make_self_signed({.common_name = "alice"});
  const Talk talk = visit(scene, SslMode::prefer, &stranger);
  CHECK_FALSE(talk.listener.codec->established());
  CHECK(std::string{talk.listener.fault->sqlstate} == "28000");
  CHECK(talk.listener.why() ==
        "TLS handshake failed: certificate verify failed: self-signed certificate");
}

TEST_CASE("verify-ca and verify-full demand a certificate of a client") {
  for (const auto mode : {SslMode::verify_ca, SslMode::verify_full}) {
    for (const std::string protocols : {"tlsv1.2", "tlsv1.3"}) {
      CAPTURE(protocols);
      Scene scene;
      scene.clients.protocols = protocols;
      const Talk without = visit(scene, mode, nullptr);
      CHECK_FALSE(without.listener.codec->established());
      CHECK(std::string{without.listener.fault->sqlstate} == "28000");
      CHECK(without.listener.why() == "TLS handshake failed: the client has shown no certificate");
      CHECK(std::string{without.dialler.fault->sqlstate} ==
            (protocols == "tlsv1.3" ? "08001" : "08P01"));

      const auto visitor = scene.authority.make_certificate({.common_name = "any name"});
      CHECK(visit(scene, mode, &visitor).established());
    }
  }
}

TEST_CASE("a client whose certificate has expired is refused with 28000") {
  Scene scene;
  const auto old =
      scene.authority.make_certificate({.common_name = "alice", .dates = Dates::expired});
  const Talk talk = [&] {
    scene.clients.mode = SslMode::verify_ca;
    scene.clients.ca_file = scene.folder.write("ca.crt", scene.authority.text());
    show(scene.folder, scene.servers, "visitor", old);
    scene.load();
    Talk fresh = scene.talk();
    fresh.run();
    return fresh;
  }();
  CHECK(std::string{talk.listener.fault->sqlstate} == "28000");
  CHECK(talk.dialler.why() ==
        "TLS failed: our certificate has expired, says the server (alert certificate expired)");
}
