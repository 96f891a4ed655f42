// hostile_test.cc: a peer that does not speak TLS, or speaks it in bad faith, costs its connection.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

#include "proxy/tls/codec.h"
#include "tests/unit/proxy/tls/raw_peer.h"
#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy::tls::tests;
using proxy::tls::kChatterMax;
using proxy::tls::kDataPerChatterBytes;

namespace {

std::string listener_says_of(std::string_view bytes) {
  Scene scene;
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.listener.take(as_bytes(bytes));
  CHECK(talk.listener.plain.empty());
  return talk.listener.why();
}

}  // namespace

TEST_CASE("plaintext instead of TLS is told so") {
  const std::string not_tls = "TLS handshake failed: the client does not speak TLS";
  CHECK(listener_says_of(std::string_view{"\0\0\0\x08\x04\xd2\x16\x2f", 8}) == not_tls);
  CHECK(listener_says_of("GET / HTTP/1.1\r\n\r\n") == not_tls);
  CHECK(listener_says_of("Q") == not_tls);
  // The ClientHello of SSLv2.
  CHECK(listener_says_of(std::string_view{"\x80\x2e\x01\x03\x01\0\x15", 7}) == not_tls);
}

TEST_CASE("a record of no version is told so") {
  CHECK(listener_says_of("\x16garbage that is long enough") ==
        "TLS handshake failed: wrong version number: the client does not speak TLS");
}

TEST_CASE("a server that answers in plaintext is told so") {
  Scene scene;
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  talk.dialler.take(as_bytes("EFATAL"));
  CHECK(talk.dialler.why() == "TLS handshake failed: the server does not speak TLS");
  CHECK(std::string{talk.dialler.fault->sqlstate} == "08P01");
}

TEST_CASE("after a fault every call is one, and nothing is sent") {
  Scene scene;
  Talk talk = scene.shaken();
  Buffer bad{0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5};
  talk.listener.take(bad);
  REQUIRE(talk.listener.fault);
  Buffer plain, records;
  CHECK_FALSE(talk.listener.codec->open(bad, plain, records).has_value());
  CHECK_FALSE(talk.listener.codec->seal(as_bytes("x"), records).has_value());
  talk.listener.codec->finish(records);
  CHECK((plain.empty() && records.empty()));
}

TEST_CASE("an altered byte breaks the connection, and the peer is told by an alert") {
  for (const std::string protocols : {"tlsv1.2", "tlsv1.3"}) {
    Scene scene;
    scene.clients.protocols = protocols;
    Talk talk = scene.shaken();
    talk.dialler.say("SELECT 1");
    talk.dialler.sent.back() ^= 1;
    talk.run();
    CHECK(talk.listener.plain.empty());
    CHECK(talk.listener.why() == "TLS failed: a record was altered on its way");
    CHECK(talk.dialler.why() == "TLS failed: the server broke it off (alert bad record mac)");
  }
}

TEST_CASE("a record that is sent twice breaks the connection") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.say("once");
  const Buffer record = std::exchange(talk.dialler.sent, {});
  talk.listener.take(record);
  talk.listener.take(record);
  CHECK(talk.listener.read() == "once");
  CHECK(talk.listener.fault);
}

TEST_CASE("plaintext behind the handshake is never taken for data") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.listener.take(as_bytes({"Q\0\0\0\x0dSELECT 1", 14}));
  CHECK(talk.listener.plain.empty());
  CHECK(talk.listener.fault);
}

TEST_CASE("a truncated stream is no fault, and not the end that the peer announced") {
  Scene scene;
  Talk talk = scene.shaken();
  talk.dialler.say("some of this");
  talk.dialler.sent.resize(10);
  talk.run();
  CHECK(talk.listener.plain.empty());
  CHECK_FALSE(talk.listener.fault);
  CHECK_FALSE(talk.listener.codec->peer_finished());
  CHECK_FALSE(talk.listener.codec->quiet());
}

TEST_CASE("a peer that ends before the handshake is over is at fault") {
  Scene scene;
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  const Buffer close_notify{0x15, 3, 1, 0, 2, 1, 0};
  talk.dialler.take(close_notify);
  CHECK(talk.dialler.why() == "TLS handshake failed: the server has ended it");
  CHECK(talk.dialler.codec->peer_finished());
}

TEST_CASE("an alert of a peer is not its announced end") {
  Scene scene;
  REQUIRE(scene.load().empty());
  Talk talk = scene.talk();
  const Buffer unknown_authority{0x15, 3, 1, 0, 2, 2, 48};
  talk.listener.take(unknown_authority);
  CHECK(talk.listener.fault);
  CHECK_FALSE(talk.listener.codec->peer_finished());
}

TEST_CASE("an old complaint of the thread is not blamed on a connection") {
  Scene scene;
  Talk talk = scene.shaken();
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED, "elsewhere", 1);
  talk.dialler.say("SELECT 1");
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED, "elsewhere", 1);
  talk.run();
  CHECK(talk.listener.read() == "SELECT 1");
  CHECK_FALSE((talk.dialler.fault || talk.listener.fault));
}

TEST_CASE("a failed call leaves no complaint behind") {
  CHECK(listener_says_of("\x16garbage that is long enough").starts_with("TLS handshake failed"));
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("a key update of the peer is answered, and both go on") {
  Scene scene;
  REQUIRE(scene.load().empty());
  RawPeer peer(true);
  End end{scene.contexts.accept(false)};
  REQUIRE(peer.shake(end));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    peer.say("new keys");
    end.take(peer.sent());
    CHECK(end.sent.size() < 100);
    end.say("so be it");
    peer.take(std::exchange(end.sent, {}));
    CHECK(peer.read() == "so be it");
  }
  CHECK(end.read() == "new keysnew keysnew keysnew keysnew keys");
  CHECK(end.why() == "no fault");
}

TEST_CASE("who asks for new keys without end is not answered without end") {
  Scene scene;
  REQUIRE(scene.load().empty());
  for (const int kind : {SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED}) {
    CAPTURE(kind);
    RawPeer peer(true);
    End end{scene.contexts.accept(false)};
    REQUIRE(peer.shake(end));
    end.sent.clear();
    Buffer all;
    for (int i = 0; i < 10'000; ++i) {
      REQUIRE(SSL_key_update(peer.ssl(), kind) == 1);
      SSL_do_handshake(peer.ssl());
      const Buffer one = peer.sent();
      all.insert(all.end(), one.begin(), one.end());
    }
    end.take(all);
    CHECK(end.why() == "TLS failed: the peer asks for new keys without end");
    CHECK(end.sent.size() < 2'000);
  }
}

TEST_CASE("who asks for new keys now and then may do so for ever") {
  Scene scene;
  REQUIRE(scene.load().empty());
  RawPeer peer(true);
  End end{scene.contexts.accept(false)};
  REQUIRE(peer.shake(end));
  const std::string much(kDataPerChatterBytes, 'x');
  for (int i = 0; i < 100; ++i) {
    REQUIRE(SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    peer.say(much);
    end.take(peer.sent());
    CHECK(std::exchange(end.plain, {}).size() == much.size());
    peer.take(std::exchange(end.sent, {}));
  }
  CHECK(end.why() == "no fault");
}

TEST_CASE("a client that wants to renegotiate is told no") {
  Scene scene;
  scene.clients.protocols = "tlsv1.2";
  REQUIRE(scene.load().empty());
  RawPeer peer(true);
  End end{scene.contexts.accept(false)};
  REQUIRE(peer.shake(end));
  REQUIRE(SSL_renegotiate(peer.ssl()) == 1);
  SSL_do_handshake(peer.ssl());
  end.take(peer.sent());
  CHECK(end.sent.size() < 100);
  CHECK(end.plain.empty());
  peer.take(std::exchange(end.sent, {}));
  CHECK(SSL_do_handshake(peer.ssl()) != 1);
  ERR_clear_error();
}

TEST_CASE("a server that wants to renegotiate is told no") {
  Scene scene;
  scene.servers.protocols = "tlsv1.2";
  REQUIRE(scene.load().empty());
  RawPeer peer(false);
  peer.show(scene.clients);
  End end{std::move(*scene.contexts.connect(scene.servers, "db.example.com"))};
  REQUIRE(end.codec->begin(end.sent).has_value());
  peer.take(std::exchange(end.sent, {}));
  REQUIRE(peer.shake(end));
  for (int i = 0; i < 3; ++i) {
    REQUIRE(SSL_renegotiate(peer.ssl()) == 1);
    SSL_do_handshake(peer.ssl());
    const Buffer request = peer.sent();
    REQUIRE_FALSE(request.empty());
    end.take(request);
    CHECK(end.sent.size() < 100);  // An alert: a ClientHello is longer.
    end.sent.clear();
  }
  CHECK(end.plain.empty());
  CHECK(end.why() == "no fault");
  for (std::uint64_t i = 0; i < kChatterMax && !end.fault; ++i) {
    SSL_renegotiate(peer.ssl());
    SSL_do_handshake(peer.ssl());
    end.take(peer.sent());
  }
  CHECK(end.fault);  // Not without end.
}

TEST_CASE("a message of TLS that is left half sent stops what is to be sealed") {
  Scene scene;
  REQUIRE(scene.load().empty());
  RawPeer peer(false);
  peer.show(scene.clients);
  SSL_set_max_send_fragment(peer.ssl(), 512);
  SSL_CTX_set_session_ticket_cb(
      SSL_get_SSL_CTX(peer.ssl()),
      [](SSL* ssl, void*) {
        const std::string much(2000, 'x');
        return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), much.data(), much.size());
      },
      nullptr, nullptr);
  SSL_set_num_tickets(peer.ssl(), 0);
  End end{std::move(*scene.contexts.connect(scene.servers, "db.example.com"))};
  REQUIRE(end.codec->begin(end.sent).has_value());
  peer.take(std::exchange(end.sent, {}));
  REQUIRE(peer.shake(end));
  REQUIRE(SSL_new_session_ticket(peer.ssl()) == 1);
  SSL_do_handshake(peer.ssl());
  const Buffer ticket = peer.sent();
  REQUIRE(ticket.size() > 2000);

  SUBCASE("whole") { end.take(ticket); }
  SUBCASE("half") { end.take(Bytes{ticket}.first(700)); }
  const bool half = !end.codec->quiet();
  end.say("SELECT 1");
  CHECK(end.why() ==
        (half ? "TLS failed: the peer has left a message of TLS half sent" : "no fault"));
}
