// tls_proof_test.cc: what TLS proves of a client: certificates instead of passwords, and passwords
// bound to the channel that they come through.
#include <doctest/doctest.h>
#include <openssl/tls1.h>

#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

const std::string kPassword = "password='" + std::string(kRolePassword) + "' ";

Settings with_auth(const std::string& type, int workers = 1) {
  Settings settings = papers().for_clients(Settings::on(Postgres::shared(), workers), "require");
  settings.accounts = {{"scram_role", kRolePassword}};
  return settings.line("auth_type = " + type);
}

Settings by_certificate(int workers = 1) {
  return papers()
      .for_clients(Settings::on(Postgres::shared(), workers), "verify-full")
      .line("auth_type = cert");
}

// Client certificates are looked at where one is shown.
Settings with_hba(const std::string& name, const std::string& text) {
  return with_auth("hba")
      .line("client_tls_ca_file = " + papers().path("root.crt"))
      .line("auth_hba_file = " + papers().put(name, text));
}

std::string as(const Pgweir& pgweir, const std::string& user, const std::string& certificate) {
  return pgweir.conninfo(user, "shop", "sslmode=require" + papers().shown(certificate));
}

// Who the server says it is; else what libpq was told.
std::string user_of(const std::string& conninfo) {
  Session session(conninfo);
  return session.alive() ? session.value("SELECT current_user") : session.error();
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool refused(const std::string& conninfo) {
  return holds(user_of(conninfo), "certificate authentication failed");
}

void put_certificates() {
  for (const char* name : {"alice", "bob", "gate"}) papers().put_client(name);
}

std::string scram_offer(RawClient& client) {
  client.send(startup_packet({{"user", "scram_role"}, {"database", "shop"}}));
  const auto asked = client.read();
  return asked && asked->tag == 'R' ? asked->body.substr(4) : "";
}

void choose_scram(RawClient& client, const std::string& mechanism, const std::string& first) {
  client.send(
      message('p', zero_ended(mechanism) + be32(static_cast<std::uint32_t>(first.size())) + first));
}

}  // namespace

// --- Certificates.

TEST_CASE("auth_type = cert: the common name is the user") {
  put_certificates();
  for (const int workers : worker_counts()) {
    Pgweir pgweir(by_certificate(workers));
    CHECK(user_of(as(pgweir, "alice", "alice")) == "alice");
    CHECK(refused(as(pgweir, "bob", "alice")));
    CHECK(holds(user_of(pgweir.conninfo("alice", "shop", "sslmode=require sslcert= sslkey=")),
                "certificate required"));
    CHECK(user_of(as(pgweir, "bob", "bob")) == "bob");
  }
}

TEST_CASE("auth_type = cert: a refusal has SQLSTATE 28000 and one text for all") {
  put_certificates();
  const auto alice = papers().put_client("alice");
  const auto nobody = papers().put_client("nobody_here");
  Pgweir pgweir(by_certificate());
  const auto farewell = [&](const std::string& user, const weir::certs::Certificate& own) {
    RawClient client(pgweir.port());
    REQUIRE(client.start_tls({.own = own}));
    client.send(startup_packet({{"user", user}, {"database", "shop"}}));
    return client.farewell();
  };
  for (const Farewell& seen : {farewell("bob", alice), farewell("nobody_here", nobody)}) {
    CHECK(seen.closed);
    CHECK(seen.severity == "FATAL");
    CHECK(seen.sqlstate == "28000");
    CHECK(seen.text == "certificate authentication failed");
  }
}

TEST_CASE("auth_type = cert: a stranger's certificate proves nothing") {
  papers().put_client("alice", "strange_alice", papers().stranger);
  Pgweir pgweir(by_certificate());
  const std::string told = user_of(as(pgweir, "alice", "strange_alice"));
  CHECK_MESSAGE(holds(told, "unknown ca"), told);
}

TEST_CASE("auth_type = cert: a name that hides its end behind a NUL is nobody's") {
  const auto sly = papers().put_client(std::string("alice\0.evil", 11), "sly", papers().root);
  Pgweir pgweir(by_certificate());
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls({.own = sly}));
  client.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
  CHECK(client.farewell().sqlstate == "28000");
}

TEST_CASE("auth_type = cert: a resumed session is whose it was") {
  const auto alice = papers().put_client("alice");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    Pgweir pgweir(by_certificate());
    RawClient first(pgweir.port());
    REQUIRE(first.start_tls({.version_max = version, .own = alice}));
    REQUIRE(first.login("alice"));
    const SealTerms again = {.version_max = version, .session = first.seal()->session()};
    RawClient same(pgweir.port());
    REQUIRE(same.start_tls(again));
    CHECK(same.seal()->resumed());
    CHECK(same.login("alice"));
    CHECK(same.value("SELECT current_user") == "alice");
    RawClient other(pgweir.port());
    REQUIRE(other.start_tls(again));
    CHECK(other.seal()->resumed());
    CHECK_FALSE(other.login("bob"));
  }
}

TEST_CASE("hba: cert by common name, and for nobody without TLS") {
  put_certificates();
  Pgweir pgweir(with_hba("cert.hba", "hostssl all all 127.0.0.1/32 cert\n")
                    .line("client_tls_sslmode = prefer"));
  CHECK(user_of(as(pgweir, "alice", "alice")) == "alice");
  CHECK(refused(as(pgweir, "bob", "alice")));
  CHECK(holds(user_of(pgweir.conninfo("alice")), "login rejected"));
}

TEST_CASE("hba: cert with a map from common names to users") {
  put_certificates();
  const std::string map = papers().put("names.ident", "staff gate alice\nstaff gate bob\n");
  Pgweir pgweir(
      with_hba("map.hba", "hostssl all all all cert map=staff\n").line("auth_ident_file = " + map));
  CHECK(user_of(as(pgweir, "alice", "gate")) == "alice");
  CHECK(user_of(as(pgweir, "bob", "gate")) == "bob");
  CHECK(refused(as(pgweir, "carol", "gate")));
  CHECK(refused(as(pgweir, "alice", "alice")));  // The map is all that counts.
}

TEST_CASE("hba: cert with a map from distinguished names") {
  put_certificates();
  const std::string map =
      papers().put("subjects.ident", "whole \"CN=gate\" alice\nwhole /^CN=(.*)$ \\1\n");
  Pgweir pgweir(with_hba("dn.hba", "hostssl all all all cert clientname=DN map=whole\n")
                    .line("auth_ident_file = " + map));
  CHECK(user_of(as(pgweir, "alice", "gate")) == "alice");
  CHECK(user_of(as(pgweir, "bob", "bob")) == "bob");
  CHECK(refused(as(pgweir, "bob", "gate")));
}

TEST_CASE("hba: clientcert asks for a certificate beside the password") {
  put_certificates();
  papers().put_client("scram_role");
  const std::string ours = "sslmode=require " + kPassword;
  for (const std::string word : {"verify-ca", "verify-full"}) {
    CAPTURE(word);
    Pgweir pgweir(with_hba(word + ".hba", "hostssl all all all scram-sha-256 clientcert=" + word));
    const auto with = [&](const std::string& certificate) {
      return user_of(pgweir.conninfo("scram_role", "shop", ours + papers().shown(certificate)));
    };
    CHECK(with("scram_role") == "scram_role");
    CHECK((with("alice") == "scram_role") == (word == "verify-ca"));
    CHECK(refused(pgweir.conninfo("scram_role", "shop", ours + " sslcert= sslkey=")));
  }
}

// --- Channel binding.

TEST_CASE("D3: channel_binding=require of libpq is honoured by SCRAM-SHA-256-PLUS") {
  for (const int workers : worker_counts()) {
    for (const char* type : {"scram-sha-256", "md5"}) {
      CAPTURE(type);
      Settings settings = with_auth(type, workers);
      Session direct(Postgres::shared().conninfo());
      const std::string stored =
          direct.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'scram_role'");
      settings.accounts = {{"scram_role", stored}};  // By which md5 becomes SCRAM.
      for (std::string& line : settings.databases) line += " " + kPassword;
      Pgweir pgweir(settings);
      const std::string bound = "sslmode=require channel_binding=require ";
      CHECK(user_of(pgweir.conninfo("scram_role", "shop", bound + kPassword)) == "scram_role");
      CHECK(holds(user_of(pgweir.conninfo("scram_role", "shop", bound + "password=wrong")),
                  "password authentication failed"));
    }
  }
}

TEST_CASE("D3: channel_binding=require of libpq takes no other proof") {
  for (const char* type : {"trust", "plain", "md5"}) {
    CAPTURE(type);
    Pgweir pgweir(with_auth(type));
    const std::string told = user_of(pgweir.conninfo(
        "scram_role", "shop", "sslmode=require channel_binding=require " + kPassword));
    CHECK_MESSAGE(holds(told, "channel binding required"), told);
  }
}

TEST_CASE("a certificate signed by Ed25519 has nothing to bind to, and PLUS is not offered") {
  papers().put("ed", weir::certs::make_self_signed(
                         {.common_name = "pooler.test", .kind = weir::certs::Kind::ed25519}));
  Pgweir pgweir(with_auth("scram-sha-256")
                    .line("client_tls_cert_file = " + papers().path("ed.crt"))
                    .line("client_tls_key_file = " + papers().path("ed.key")));
  CHECK(user_of(pgweir.conninfo("scram_role", "shop", "sslmode=require " + kPassword)) ==
        "scram_role");
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  CHECK(scram_offer(client) == zero_ended("SCRAM-SHA-256") + '\0');
}

TEST_CASE("PLUS is offered through TLS, first, and never in plain text") {
  Pgweir pgweir(with_auth("scram-sha-256").line("client_tls_sslmode = prefer"));
  RawClient sealed(pgweir.port());
  REQUIRE(sealed.start_tls());
  CHECK(scram_offer(sealed) ==
        zero_ended("SCRAM-SHA-256-PLUS") + zero_ended("SCRAM-SHA-256") + '\0');
  RawClient plain(pgweir.port());
  CHECK(scram_offer(plain) == zero_ended("SCRAM-SHA-256") + '\0');
}

TEST_CASE("D3: a client that could bind and thinks we cannot was lied to, and is refused") {
  Pgweir pgweir(with_auth("scram-sha-256"));
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  REQUIRE(holds(scram_offer(client), "SCRAM-SHA-256-PLUS"));
  choose_scram(client, "SCRAM-SHA-256", "y,,n=,r=fyko+d2lbbFgONRv9qkxdawL");
  const Farewell farewell = client.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate.starts_with("28"));
}

TEST_CASE("D3: the mechanism and what the client says of binding have to agree") {
  Pgweir pgweir(with_auth("scram-sha-256"));
  const std::string bare = "n=,r=fyko+d2lbbFgONRv9qkxdawL";
  const std::pair<const char*, std::string> lies[] = {
      {"SCRAM-SHA-256-PLUS", "n,," + bare},
      {"SCRAM-SHA-256-PLUS", "y,," + bare},
      {"SCRAM-SHA-256-PLUS", "p=tls-unique,," + bare},
      {"SCRAM-SHA-256", "p=tls-server-end-point,," + bare},
  };
  for (const auto& [mechanism, first] : lies) {
    CAPTURE(mechanism);
    CAPTURE(first);
    RawClient client(pgweir.port());
    REQUIRE(client.start_tls());
    REQUIRE_FALSE(scram_offer(client).empty());
    choose_scram(client, mechanism, first);
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK_FALSE(farewell.sqlstate.empty());
  }
}
