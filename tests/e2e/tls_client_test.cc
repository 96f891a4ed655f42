// tls_client_test.cc: TLS with clients: each sslmode, what is agreed on, and how it may begin.
#include <doctest/doctest.h>
#include <openssl/tls1.h>

#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

Settings with_tls(const std::string& mode, int workers = 1) {
  return papers().for_clients(Settings::on(Postgres::shared(), workers), mode);
}

std::string by(const Pgweir& pgweir, const std::string& more) {
  return pgweir.conninfo("alice", "shop", more);
}

bool serves(const std::string& conninfo) {
  Session session(conninfo);
  return session.alive() && session.value("SELECT 41 + 1") == "42";
}

bool is_encrypted(const Session& session) { return PQsslInUse(session.raw()) == 1; }

// What libpq says of a connection that does not come about.
std::string refusal(const std::string& conninfo) {
  const Session session(conninfo);
  return session.alive() ? "<let in>" : session.error();
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The facts of a raw client's handshake; "" where it failed.
struct Agreed {
  std::string version;
  std::string cipher;
  std::string group;
  explicit operator bool() const { return !version.empty(); }
};
Agreed agree(const Pgweir& pgweir, const SealTerms& terms) {
  RawClient client(pgweir.port());
  // A client of TLS 1.3 has done before the server has looked at its part.
  if (!client.start_tls(terms) || !client.login()) return {};
  return {client.seal()->version(), client.seal()->cipher(), client.seal()->group()};
}
Agreed agree_in(const Pgweir& pgweir, int version, const std::string& ciphers = {}) {
  return agree(pgweir, {.version_min = version, .version_max = version, .ciphers = ciphers});
}

}  // namespace

// --- sslmode.

TEST_CASE("disable: SSLRequest is answered with N, and in plain text it works") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    RawClient client(pgweir.port());
    CHECK(client.ask_for_tls() == 'N');
    CHECK(client.login());
    Session preferring(by(pgweir, "sslmode=prefer"));
    CHECK_FALSE(is_encrypted(preferring));
    CHECK(preferring.value("SELECT 1") == "1");
    CHECK(holds(refusal(by(pgweir, "sslmode=require")), "server does not support SSL"));
  }
}

TEST_CASE("allow and prefer: either way") {
  for (const char* mode : {"allow", "prefer"}) {
    CAPTURE(mode);
    Pgweir pgweir(with_tls(mode, 3));
    CHECK(serves(by(pgweir, "sslmode=disable")));
    Session session(by(pgweir, "sslmode=prefer"));
    CHECK(is_encrypted(session));
    CHECK(session.value("SELECT 1") == "1");
  }
}

TEST_CASE("require: nobody gets in by plain text") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls("require", workers));
    CHECK(serves(by(pgweir, "sslmode=require")));
    CHECK(holds(refusal(by(pgweir, "sslmode=disable")), "SSL required"));
    RawClient plain(pgweir.port());
    CHECK_FALSE(plain.login("alice", "pgweir"));  // Nor the console.
    RawClient told(pgweir.port());
    told.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
    const Farewell farewell = told.farewell();
    CHECK(farewell.closed);
    CHECK(farewell.sqlstate == "28000");
    CHECK(farewell.text == "SSL required");
  }
}

TEST_CASE("require: what a client is asked before TLS is nothing") {
  Settings settings = with_tls("require").line("auth_type = plain");
  Pgweir pgweir(settings);
  RawClient client(pgweir.port());
  client.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
  const auto first = client.read();
  REQUIRE(first);
  CHECK(first->tag == 'E');  // Not 'R': its password would have come in the clear.
}

TEST_CASE("verify-ca and verify-full: no client without a certificate of ours") {
  papers().put_client("alice");
  papers().put_client("alice", "strange_alice", papers().stranger);
  for (const std::string mode : {"verify-ca", "verify-full"}) {
    CAPTURE(mode);
    Pgweir pgweir(with_tls(mode));
    CHECK(serves(by(pgweir, "sslmode=require" + papers().shown("alice"))));
    const std::string none = refusal(by(pgweir, "sslmode=require sslcert= sslkey="));
    CHECK_MESSAGE(holds(none, "certificate required"), none);
    const std::string strange =
        refusal(by(pgweir, "sslmode=require" + papers().shown("strange_alice")));
    CHECK_MESSAGE(holds(strange, "unknown ca"), strange);
    CHECK(holds(refusal(by(pgweir, "sslmode=disable")), "SSL required"));
    CHECK(eventually([&] { return holds(pgweir.log(), "the client has shown no certificate"); }));
    CHECK(eventually([&] { return holds(pgweir.log(), "certificate verify failed"); }));
  }
}

TEST_CASE("a certificate that has expired is no certificate") {
  papers().put("old", papers().root.make_certificate(
                          {.common_name = "alice", .dates = weir::certs::Dates::expired}));
  Pgweir pgweir(with_tls("verify-ca"));
  const std::string old = refusal(by(pgweir, "sslmode=require" + papers().shown("old")));
  CHECK_MESSAGE(holds(old, "certificate expired"), old);
}

// --- What is agreed on.

TEST_CASE("by default TLS 1.2 and 1.3 are spoken, and nothing older") {
  Pgweir pgweir(with_tls("require"));
  CHECK(agree_in(pgweir, TLS1_3_VERSION).version == "TLSv1.3");
  CHECK(agree_in(pgweir, TLS1_2_VERSION).version == "TLSv1.2");
  CHECK_FALSE(agree_in(pgweir, TLS1_1_VERSION));
  CHECK_FALSE(agree_in(pgweir, TLS1_VERSION));
  CHECK(eventually([&] { return holds(pgweir.log(), "none of our protocol versions"); }));
}

TEST_CASE("client_tls_protocols names the versions") {
  Pgweir newest(with_tls("require").line("client_tls_protocols = tlsv1.3"));
  CHECK(agree_in(newest, TLS1_3_VERSION));
  CHECK_FALSE(agree_in(newest, TLS1_2_VERSION));
  Pgweir older(with_tls("require").line("client_tls_protocols = tlsv1.2"));
  CHECK_FALSE(agree_in(older, TLS1_3_VERSION));
  CHECK(agree(older, {}).version == "TLSv1.2");
  // To OpenSSL 3 the digests of TLS 1.1 are below level 1.
  Pgweir oldest(with_tls("require")
                    .line("client_tls_protocols = all")
                    .line("client_tls_ciphers = DEFAULT@SECLEVEL=0"));
  CHECK(agree_in(oldest, TLS1_1_VERSION).version == "TLSv1.1");
}

TEST_CASE("client_tls_ciphers and client_tls13_ciphers name the ciphers") {
  const std::string ours = "ECDHE-ECDSA-AES256-GCM-SHA384";
  Pgweir pgweir(with_tls("require")
                    .line("client_tls_ciphers = " + ours)
                    .line("client_tls13_ciphers = TLS_CHACHA20_POLY1305_SHA256"));
  CHECK(agree_in(pgweir, TLS1_2_VERSION).cipher == ours);
  CHECK_FALSE(agree_in(pgweir, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"));
  CHECK(agree_in(pgweir, TLS1_3_VERSION).cipher == "TLS_CHACHA20_POLY1305_SHA256");
}

TEST_CASE("the default ciphers have forward secrecy and authenticate") {
  papers().put("rsa", papers().root.make_certificate(
                          {.common_name = "pooler.test", .kind = weir::certs::Kind::rsa2048}));
  Settings settings = with_tls("require")
                          .line("client_tls_cert_file = " + papers().path("rsa.crt"))
                          .line("client_tls_key_file = " + papers().path("rsa.key"));
  Pgweir strict(settings);
  Pgweir open(settings.line("client_tls_ciphers = all"));
  for (const char* cipher : {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256"}) {
    CAPTURE(cipher);
    CHECK_FALSE(agree_in(strict, TLS1_2_VERSION, cipher));
    CHECK(agree_in(open, TLS1_2_VERSION, cipher));
  }
  CHECK_FALSE(agree_in(open, TLS1_2_VERSION, "aNULL:eNULL"));
}

TEST_CASE("client_tls_ecdhcurve names the curve") {
  Pgweir pgweir(with_tls("require").line("client_tls_ecdhcurve = secp384r1"));
  CHECK(agree(pgweir, {.groups = "X25519:P-384"}).group == "secp384r1");
  CHECK_FALSE(agree(pgweir, {.groups = "X25519"}));
}

// --- Whom the client meets.

TEST_CASE("libpq verifies our name and our address") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls("require", workers));
    const std::string full = "sslmode=verify-full sslrootcert=" + papers().path("root.crt");
    CHECK(serves(by(pgweir, full)));  // host=127.0.0.1
    CHECK(serves(by(pgweir, full + " host=pooler.test hostaddr=127.0.0.1")));
    CHECK(holds(refusal(by(pgweir, full + " host=other.test hostaddr=127.0.0.1")),
                "does not match host name"));
    CHECK(
        holds(refusal(by(pgweir, "sslmode=verify-ca sslrootcert=" + papers().path("stranger.crt"))),
              "certificate verify failed"));
  }
}

// --- Direct TLS, and other beginnings.

TEST_CASE("TLS at once needs ALPN to agree on postgresql") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls("require", workers));
    RawClient direct(pgweir.port());
    REQUIRE(direct.encrypt({.alpn = "postgresql"}));
    CHECK(direct.seal()->alpn() == "postgresql");
    CHECK(direct.login());
    CHECK(direct.value("SELECT 41 + 1") == "42");
    RawClient without(pgweir.port());
    CHECK_FALSE(without.encrypt({}));
    CHECK(without.ends());
    RawClient other(pgweir.port());
    CHECK_FALSE(other.encrypt({.alpn = "h2"}));
    CHECK(other.ends());
    CHECK(serves(by(pgweir, "sslmode=require")));
  }
}

TEST_CASE("behind SSLRequest ALPN is not needed, but not another protocol's either") {
  Pgweir pgweir(with_tls("require"));
  RawClient without(pgweir.port());
  CHECK(without.start_tls());
  RawClient with(pgweir.port());
  CHECK(with.start_tls({.alpn = "postgresql"}));
  CHECK(with.seal()->alpn() == "postgresql");
  RawClient other(pgweir.port());
  CHECK_FALSE(other.start_tls({.alpn = "http/1.1"}));
}

TEST_CASE("TLS at once where there is none is refused in plain words") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  RawClient client(pgweir.port());
  client.send_raw(std::string("\x16\x03\x01\x00\x05", 5) + "hello");
  const Farewell farewell = client.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate == "08P01");
}

TEST_CASE("a unix socket has no TLS and needs none") {
  Pgweir pgweir(with_tls("verify-ca"));
  const std::string socket = pgweir.file((".s.PGSQL." + std::to_string(pgweir.port())).c_str());
  RawClient client(socket);
  CHECK(client.ask_for_tls() == 'N');
  CHECK(client.login());
  CHECK(client.value("SELECT 41 + 1") == "42");
  RawClient direct(socket);
  CHECK_FALSE(direct.encrypt({.alpn = "postgresql"}));
}

TEST_CASE("GSSENCRequest is refused with N, and SSLRequest may follow") {
  Pgweir pgweir(with_tls("require"));
  RawClient client(pgweir.port());
  client.send(untagged(kGssencRequest));
  CHECK(client.read_exactly(1) == "N");
  CHECK(client.start_tls());
  CHECK(client.login());
  CHECK(serves(by(pgweir, "gssencmode=prefer sslmode=require")));
}

TEST_CASE("encryption is asked for once") {
  const auto refused = [](RawClient& client, std::uint32_t code) {
    client.send(untagged(code));
    const Farewell farewell = client.farewell();
    return farewell.closed && farewell.sqlstate == "08P01";
  };
  Pgweir plain(Settings::on(Postgres::shared()));
  for (const std::uint32_t code : {kSslRequest, kGssencRequest}) {
    CAPTURE(code);
    RawClient client(plain.port());
    client.send(untagged(code));
    CHECK(client.read_exactly(1) == "N");
    CHECK(refused(client, code));
  }
  Pgweir sealed(with_tls("require"));
  RawClient again(sealed.port());
  REQUIRE(again.start_tls());
  CHECK(refused(again, kSslRequest));  // TLS within TLS.
  RawClient direct(sealed.port());
  REQUIRE(direct.encrypt({.alpn = "postgresql"}));
  CHECK(refused(direct, kSslRequest));
}

TEST_CASE("a cancel request comes through TLS, and in plain text too, as libpq sends it") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls("require", workers));
    Witness witness(Postgres::shared());
    const auto runs = [&] {
      return witness.backends("query LIKE '%pg_sleep%' AND state = 'active'") == 1;
    };
    RawClient client(pgweir.port());
    REQUIRE(client.start_tls());
    REQUIRE(client.login());
    for (const bool sealed : {true, false}) {
      CAPTURE(sealed);
      client.send(query("SELECT pg_sleep(600)"));
      REQUIRE(eventually(runs));
      RawClient canceller(pgweir.port());
      if (sealed) REQUIRE(canceller.start_tls());
      canceller.send(untagged(kCancelRequest, client.key()));
      CHECK(canceller.ends());
      const auto answer = client.read_through('Z');
      REQUIRE(answer);
      CHECK(sqlstate_in(*answer) == "57014");
    }
  }
}

TEST_CASE("the console is reached through TLS") {
  Pgweir pgweir(with_tls("require", 3));
  Session console(pgweir.conninfo("admin", "pgweir", "sslmode=require"));
  REQUIRE(console.alive());
  CHECK(console.exec("SHOW POOLS").ok());
}
