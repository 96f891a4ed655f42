// tls_server_test.cc: TLS with servers: each sslmode, whom it trusts, and what it shows.
#include <doctest/doctest.h>

#include <atomic>

#include "tests/e2e/harness/fake_server.h"
#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

// What the program under test takes for a name of loopback.
const std::string& server_name() {
  static const std::string name = name_of({"127.0.0.1"});
  return name;
}

// bob only through TLS, carol only without, cert_role by certificate.
constexpr const char* kHba =
    "hostssl all bob all trust\n"
    "host all bob all reject\n"
    "hostnossl all carol all trust\n"
    "host all carol all reject\n"
    "hostssl all cert_role all cert\n"
    "host all cert_role all reject\n";

// One whose certificate names server_name() and 127.0.0.1, and one of another authority.
Postgres& sealed() {
  static Postgres postgres(100,
                           PostgresTls{.certificate = papers().root.make_certificate(
                                           {.names = {server_name()}, .addresses = {"127.0.0.1"}}),
                                       .authorities = papers().root.text(),
                                       .hba = kHba});
  static const bool made = [] {
    Session(postgres.conninfo("postgres")).run("CREATE ROLE cert_role LOGIN");
    return true;
  }();
  static_cast<void>(made);
  return postgres;
}

Postgres& strange() {
  static Postgres postgres(
      100,
      PostgresTls{.certificate = papers().stranger.make_certificate({.names = {server_name()}})});
  return postgres;
}

std::string at(const Postgres& postgres, const std::string& host = "127.0.0.1") {
  return " dbname=shop host=" + host + " port=" + std::to_string(postgres.port()) + " ";
}

// No databases yet.
Settings with_tls(const std::string& mode, int workers = 1) {
  Settings settings{.databases = {},
                    .lines = {"pool_mode = transaction", "auth_type = trust",
                              "server_login_retry = 1", "server_tls_sslmode = " + mode},
                    .accounts = {{"cert_role", ""},
                                 {"scram_role", kRolePassword},
                                 {"md5_role", kRolePassword},
                                 {"plain_role", kRolePassword}},
                    .workers = workers,
                    .made_up_names = true};
  return settings;
}

Settings trusting_root(const std::string& mode, int workers = 1) {
  return with_tls(mode, workers).line("server_tls_ca_file = " + papers().path("root.crt"));
}

// What PostgreSQL says of the connection: "t" or "f".
std::string encrypted(const Pgweir& pgweir, const std::string& database,
                      const std::string& user = "alice") {
  Session session(pgweir.conninfo(user, database));
  if (!session.alive()) return session.error();
  return session.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A database whose servers cannot be had, and why.
struct Closed {
  std::string database;
  std::string why;
  std::string user = "alice";
};

// Their clients wait, and are told in the end.
void check_all_wait(Settings settings, const std::vector<Closed>& all) {
  Pgweir pgweir(settings);
  std::vector<RawClient> clients;
  clients.reserve(all.size());
  for (const Closed& one : all) {
    clients.emplace_back(pgweir.port());
    clients.back().send(startup_packet({{"user", one.user}, {"database", one.database}}));
  }
  for (const Closed& one : all) {
    const std::string line = " " + one.database + "/" + one.user;
    const auto told = [&] {
      const std::string log = pgweir.log();
      for (auto from = log.find(line); from != log.npos; from = log.find(line, from + 1)) {
        const std::string rest = log.substr(from, log.find('\n', from) - from);
        if (holds(rest, "login failed: ") && holds(rest, one.why)) return true;
      }
      return false;
    };
    CHECK_MESSAGE(eventually(told, Deadline::in(20s)), one.database << "\n" << pgweir.log());
  }
  for (RawClient& client : clients) {
    const auto proved = client.read();
    CHECK((proved && proved->tag == 'R'));
    CHECK_FALSE(client.readable(0ms));
  }
  pgweir.reload(settings.line("query_wait_timeout = 1ms"));
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(all[i].database);
    const Farewell farewell = clients[i].farewell();
    CHECK(farewell.closed);
    CHECK(farewell.sqlstate == "57P03");
    CHECK(farewell.text == "query_wait_timeout");
    CHECK_MESSAGE(holds(farewell.hint, all[i].why), farewell.hint);
  }
}

}  // namespace

// --- sslmode.

TEST_CASE("disable: never encrypted") {
  Pgweir pgweir(with_tls("disable").database("sealed =" + at(sealed())));
  CHECK(encrypted(pgweir, "sealed") == "f");
  CHECK(encrypted(pgweir, "sealed", "carol") == "f");
  CHECK(holds(encrypted(pgweir, "sealed", "bob"), "rejects connection"));
}

TEST_CASE("allow and prefer: encrypted where the server can") {
  for (const char* mode : {"allow", "prefer"}) {
    CAPTURE(mode);
    Pgweir pgweir(with_tls(mode, 3)
                      .database("sealed =" + at(sealed()))
                      .database("plain =" + at(Postgres::shared())));
    CHECK(encrypted(pgweir, "sealed") == "t");
    CHECK(encrypted(pgweir, "sealed", "bob") == "t");
    CHECK(encrypted(pgweir, "plain") == "f");
    CHECK(holds(encrypted(pgweir, "sealed", "carol"), "rejects connection"));
  }
}

TEST_CASE("require: encrypted, whoever it is") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls("require", workers)
                      .database("sealed =" + at(sealed()))
                      .database("strange =" + at(strange())));
    CHECK(encrypted(pgweir, "sealed") == "t");
    CHECK(encrypted(pgweir, "strange") == "t");
  }
}

TEST_CASE("verify-ca: of our authority, by whatever name") {
  Pgweir pgweir(trusting_root("verify-ca")
                    .database("sealed =" + at(sealed()))
                    .database("other_name =" + at(sealed(), "localhost")));
  CHECK(encrypted(pgweir, "sealed") == "t");
  CHECK(encrypted(pgweir, "other_name") == "t");
}

TEST_CASE("D2: verify-full: by its name and by its address") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(trusting_root("verify-full", workers)
                      .database("by_name =" + at(sealed(), server_name()))
                      .database("by_address =" + at(sealed())));
    CHECK(encrypted(pgweir, "by_name") == "t");
    CHECK(encrypted(pgweir, "by_address") == "t");
  }
}

TEST_CASE("D2: what cannot be had in the way that is asked for is not had in another") {
  const std::string full = " sslmode=verify-full";
  check_all_wait(trusting_root("require")
                     .database("plain =" + at(Postgres::shared()))
                     .database("plain_full =" + at(Postgres::shared()) + full)
                     .database("strange_ca =" + at(strange()) + "sslmode=verify-ca")
                     .database("strange_full =" + at(strange(), server_name()) + full)
                     .database("other_name =" + at(sealed(), "localhost") + full)
                     .database("other_address =" + at(strange()) + full +
                               " sslrootcert=" + papers().path("stranger.crt"))
                     .database("too_old =" + at(sealed()) + "server_tls_protocols=tlsv1.2 " +
                               "server_tls_ciphers=ECDHE-RSA-AES256-GCM-SHA384"),
                 {{"plain", "server refused SSL"},
                  {"plain_full", "server refused SSL"},
                  {"strange_ca", "certificate verify failed"},
                  {"strange_full", "certificate verify failed"},
                  {"other_name", "does not name this host"},
                  {"other_address", "does not name this host"},
                  {"too_old", "ciphers"}});
}

TEST_CASE("each database may have its own mode and authority beside the global ones") {
  for (const int workers : worker_counts()) {
    const std::string stranger = papers().path("stranger.crt");
    Pgweir pgweir(
        trusting_root("verify-full", workers)
            .database("ours =" + at(sealed(), server_name()))
            .database("theirs =" + at(strange(), server_name()) + "sslrootcert=" + stranger)
            .database("same_theirs =" + at(strange(), server_name()) +
                      "server_tls_ca_file=" + stranger)
            .database("anyone =" + at(strange()) + "server_tls_sslmode=require")
            .database("plain =" + at(Postgres::shared()) + "sslmode=disable")
            .database("maybe =" + at(Postgres::shared()) + "sslmode=prefer"));
    for (const char* database : {"ours", "theirs", "same_theirs", "anyone"}) {
      CAPTURE(database);
      CHECK(encrypted(pgweir, database) == "t");
    }
    CHECK(encrypted(pgweir, "plain") == "f");
    CHECK(encrypted(pgweir, "maybe") == "f");
  }
}

TEST_CASE("a unix socket needs no encryption, whatever the mode") {
  Pgweir pgweir(
      trusting_root("verify-full").database("near =" + at(sealed(), sealed().socket_dir())));
  CHECK(encrypted(pgweir, "near") == "f");
}

// --- What is agreed on.

TEST_CASE("server_tls_protocols and server_tls_ciphers are kept") {
  const std::string cipher = "ECDHE-ECDSA-AES256-GCM-SHA384";
  Pgweir pgweir(with_tls("require")
                    .line("server_tls_protocols = tlsv1.2")
                    .line("server_tls_ciphers = " + cipher)
                    .database("older =" + at(sealed()))
                    .database("newer =" + at(sealed()) + "server_tls_protocols=tlsv1.3 " +
                              "server_tls13_ciphers=TLS_CHACHA20_POLY1305_SHA256"));
  const std::string asked =
      "SELECT version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  CHECK(Session(pgweir.conninfo("alice", "older")).value(asked) == "TLSv1.2 " + cipher);
  CHECK(Session(pgweir.conninfo("alice", "newer")).value(asked) ==
        "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256");
}

TEST_CASE("we show PostgreSQL a certificate, for all databases or for one") {
  papers().put_client("cert_role");
  papers().put_client("somebody_else");
  const auto shown = [](const std::string& name) {
    return "sslcert=" + papers().path(name + ".crt") + " sslkey=" + papers().path(name + ".key");
  };
  Pgweir global(with_tls("require")
                    .line("server_tls_cert_file = " + papers().path("cert_role.crt"))
                    .line("server_tls_key_file = " + papers().path("cert_role.key"))
                    .database("sealed =" + at(sealed())));
  Session session(global.conninfo("cert_role", "sealed"));
  REQUIRE_MESSAGE(session.alive(), session.error());
  CHECK(session.value("SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()") ==
        "/CN=cert_role");
  Pgweir own(with_tls("require")
                 .database("with =" + at(sealed()) + shown("cert_role"))
                 .database("wrong =" + at(sealed()) + shown("somebody_else"))
                 .database("without =" + at(sealed())));
  CHECK(encrypted(own, "with", "cert_role") == "t");
  CHECK(holds(encrypted(own, "wrong", "cert_role"), "certificate authentication failed"));
  CHECK(holds(encrypted(own, "without", "cert_role"), "requires a valid client certificate"));
}

TEST_CASE("TLS at once, without asking, needs ALPN to agree on postgresql") {
  SealTerms terms{.side = SealTerms::Side::server,
                  .alpn = "postgresql",
                  .own = papers().root.make_certificate({.names = {server_name()}})};
  std::atomic<bool> named = false;
  FakeServer agreeing([&](FakeSession& session) {
    if (!session.encrypt(terms)) return;
    named = session.seal()->asked_name() == server_name();
    session.serve([](const std::string&) { return false; });
  });
  SealTerms without = terms;
  without.alpn.clear();
  FakeServer silent([&](FakeSession& session) {
    if (session.encrypt(without)) session.serve([](const std::string&) { return false; });
  });
  const auto to = [](const FakeServer& server) {
    return " host=" + server_name() + " port=" + std::to_string(server.port()) +
           " sslnegotiation=direct ";
  };
  {
    Pgweir pgweir(trusting_root("verify-full").database("direct =" + to(agreeing)));
    CHECK(Session(pgweir.conninfo("alice", "direct")).value("SELECT 1") == "ok");
    CHECK(named);
  }
  check_all_wait(trusting_root("verify-full").database("silent =" + to(silent)),
                 {{"silent", "did not agree to postgresql by ALPN"}});
}

// --- Channel binding.

TEST_CASE("D3: channel_binding=require: SCRAM through TLS, and nothing else") {
  {
    Pgweir pgweir(with_tls("require", 3)
                      .line("server_channel_binding = require")
                      .database("sealed =" + at(sealed()))
                      .database("lax =" + at(sealed()) + "channel_binding=prefer"));
    CHECK(encrypted(pgweir, "sealed", "scram_role") == "t");
    CHECK(encrypted(pgweir, "lax", "md5_role") == "t");
    CHECK(encrypted(pgweir, "lax", "alice") == "t");
    for (const char* user : {"alice", "md5_role", "plain_role"}) {
      CAPTURE(user);
      const std::string told = encrypted(pgweir, "sealed", user);
      CHECK_MESSAGE(holds(told, "channel binding is required, but"), told);
    }
  }
  Pgweir one(with_tls("prefer")
                 .database("bound =" + at(sealed()) + "sslmode=require channel_binding=require")
                 .database("free =" + at(sealed())));
  CHECK(encrypted(one, "bound", "scram_role") == "t");
  CHECK(holds(encrypted(one, "bound", "md5_role"), "md5"));
  CHECK(encrypted(one, "free", "md5_role") == "t");
}

TEST_CASE("D3: a server that speaks TLS and hides PLUS gets no password of ours") {
  std::atomic<int> told = 0;
  FakeServer liar([&](FakeSession& session) {
    if (!session.start_tls({.own = papers().pooler}) || !session.read_startup()) return;
    session.send(message('R', be32(10) + zero_ended("SCRAM-SHA-256") + '\0'));
    if (session.next()) ++told;
  });
  Pgweir pgweir(with_tls("require").database("liar = host=127.0.0.1 channel_binding=require port=" +
                                             std::to_string(liar.port())));
  const std::string words = encrypted(pgweir, "liar", "scram_role");
  CHECK_MESSAGE(holds(words, "does not offer SCRAM-SHA-256-PLUS"), words);
  CHECK(told == 0);
}
