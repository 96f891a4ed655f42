// sessions_test.cc: a second handshake is shorter, and knows what the first one has verified.
#include "proxy/tls/sessions.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/proxy/tls/raw_peer.h"
#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy::tls::tests;

namespace {

Talk again(Scene& scene, const std::string& host = "db.example.com") {
  Talk talk = scene.talk(host);
  talk.run();
  REQUIRE(talk.established());
  return talk;
}

bool resumes(Scene& scene, const std::string& host = "db.example.com") {
  const Talk talk = again(scene, host);
  CHECK(is_resumed(talk.listener) == is_resumed(talk.dialler));
  return is_resumed(talk.listener);
}

// Both sides verify each other.
void verify_all(Scene& scene) {
  const auto visitor = scene.authority.make_certificate({.common_name = "alice"});
  show(scene.folder, scene.servers, "visitor", visitor);
  scene.clients.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  scene.clients.mode = SslMode::verify_ca;
  scene.servers.ca_file = scene.clients.ca_file;
  scene.servers.mode = SslMode::verify_full;
}

}  // namespace

TEST_CASE("the second handshake with a host is resumed, for each version") {
  for (const std::string protocols : {"tlsv1.2", "tlsv1.3"}) {
    CAPTURE(protocols);
    Scene scene;
    scene.clients.protocols = protocols;
    REQUIRE(scene.load().empty());
    CHECK_FALSE(resumes(scene));
    CHECK(resumes(scene));
    CHECK(resumes(scene));
    CHECK_FALSE(resumes(scene, "other.example.com"));
  }
}

TEST_CASE("a resumed session keeps the peer that was verified, and the end point") {
  for (const std::string protocols : {"tlsv1.2", "tlsv1.3"}) {
    CAPTURE(protocols);
    Scene scene;
    verify_all(scene);
    scene.clients.protocols = protocols;
    REQUIRE(scene.load().empty());
    const Buffer end_point = again(scene).dialler.codec->end_point();
    const Talk talk = again(scene);
    REQUIRE(is_resumed(talk.listener));
    CHECK(talk.listener.codec->verified_peer()->common_name == "alice");
    CHECK(talk.dialler.codec->verified_peer()->common_name == "pgweir");
    CHECK(talk.listener.codec->end_point() == end_point);
    CHECK(talk.dialler.codec->end_point() == end_point);
  }
}

TEST_CASE("a resumed session carries bytes") {
  Scene scene;
  REQUIRE(scene.load().empty());
  again(scene);
  Talk talk = again(scene);
  talk.dialler.say("ping");
  talk.listener.say("pong");
  talk.run();
  CHECK(talk.listener.read() == "ping");
  CHECK(talk.dialler.read() == "pong");
}

TEST_CASE("a load of the same files forgets no session") {
  Scene scene;
  REQUIRE(scene.load().empty());
  again(scene);
  REQUIRE(scene.load().empty());
  CHECK(resumes(scene));
}

TEST_CASE("another certificate of ours voids the tickets") {
  Scene scene;
  REQUIRE(scene.load().empty());
  again(scene);
  show(scene.folder, scene.clients, "ours",
       scene.authority.make_certificate({.names = {"db.example.com"}}));
  REQUIRE(scene.load().empty());
  CHECK_FALSE(resumes(scene));
  CHECK(resumes(scene));
}

TEST_CASE("a client that was trusted under other authorities has to show its certificate again") {
  Scene scene;
  verify_all(scene);
  REQUIRE(scene.load().empty());
  again(scene);
  const auto other = certs::make_authority("Another");
  scene.clients.ca_file = scene.folder.write("other.crt", other.text());
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.run();
  CHECK_FALSE(talk.listener.codec->established());
}

TEST_CASE("a server that was trusted under other authorities is verified again") {
  Scene scene;
  verify_all(scene);
  REQUIRE(scene.load().empty());
  again(scene);
  scene.folder.write("server_ca.crt", certs::make_authority("Another").text());
  scene.servers.ca_file = scene.folder.path("server_ca.crt");
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.run();
  CHECK_FALSE(talk.dialler.codec->established());
}

TEST_CASE("settings with another mode have sessions of their own") {
  Scene scene;
  REQUIRE(scene.load().empty());
  again(scene);
  scene.servers.mode = SslMode::verify_full;
  scene.servers.ca_file = scene.folder.write("ca.crt", certs::make_authority("Another").text());
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.run();
  CHECK_FALSE(talk.dialler.codec->established());
}

TEST_CASE("one ticket is sent to a client") {
  Scene scene;
  REQUIRE(scene.load().empty());
  RawPeer peer(true);
  int tickets = 0;
  SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(peer.ssl()), SSL_SESS_CACHE_CLIENT);
  SSL_set_ex_data(peer.ssl(), 0, &tickets);
  SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(peer.ssl()), [](SSL* ssl, SSL_SESSION*) {
    ++*static_cast<int*>(SSL_get_ex_data(ssl, 0));
    return 0;
  });
  End end{scene.contexts.accept(false)};
  REQUIRE(peer.shake(end));
  CHECK(peer.read().empty());
  CHECK(tickets == 1);
}

TEST_CASE("no more hosts are kept than the maximum") {
  proxy::tls::Sessions sessions;
  const proxy::tls::SessionPtr session{SSL_SESSION_new()};
  for (std::size_t i = 0; i <= proxy::tls::Sessions::kHostsMax; ++i) {
    sessions.keep("host" + std::to_string(i), *session);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i <= proxy::tls::Sessions::kHostsMax; ++i) {
    kept += sessions.copy_for("host" + std::to_string(i)) ? 1 : 0;
  }
  CHECK(kept == proxy::tls::Sessions::kHostsMax);
}

TEST_CASE("a host that fails when it gets its session back is not asked again") {
  Scene scene;
  REQUIRE(scene.load().empty());
  again(scene);
  Talk talk = scene.talk();
  talk.dialler.take(as_bytes("EGARBAGE"));
  REQUIRE(talk.dialler.fault);
  CHECK_FALSE(resumes(scene));
  CHECK_FALSE(resumes(scene));
  CHECK_FALSE(resumes(scene, "other.example.com"));
  CHECK(resumes(scene, "other.example.com"));
}

TEST_CASE("a host that fails without a session is asked the next time") {
  Scene scene;
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.dialler.take(as_bytes("EGARBAGE"));
  REQUIRE(talk.dialler.fault);
  CHECK_FALSE(resumes(scene));
  CHECK(resumes(scene));
}
