// doctor_test.cc: `pgweir doctor` goes to a real PostgreSQL and says what is wrong there. What it
// prints is looked through for passwords each time.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/certs/certs.h"
#include "tests/e2e/harness/practice.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

std::string at(const Postgres& postgres) {
  return "host=127.0.0.1 port=" + std::to_string(postgres.port());
}

std::string with_password(const std::string& password) { return " password='" + password + "'"; }

std::string stored_secret(const std::string& role) {
  Session direct(Postgres::shared().conninfo());
  return direct.value("SELECT rolpassword FROM pg_authid WHERE rolname = '" + role + "'");
}

// By the server itself, into its own directory: it takes a key only if nobody else can read it.
void put_file(Session& root, const std::string& name, const std::string& text) {
  root.run("COPY (SELECT unnest(string_to_array('" + text +
           "', E'\\n'))) TO PROGRAM 'umask 077; cat > " + name + "'");
}

void show_certificate(const Postgres& postgres, const weir::certs::Certificate& certificate) {
  Session root(postgres.conninfo());
  put_file(root, "server.crt", certificate.text);
  put_file(root, "server.key", certificate.key);
  root.run("ALTER SYSTEM SET ssl = on");
  root.run("SELECT pg_reload_conf()");
  CHECK(eventually([&] { return Session(postgres.conninfo()).value("SHOW ssl") == "on"; }));
}

}  // namespace

TEST_CASE("all is well: the doctor says so, by database, and ends with 0") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {
      "shop = " + at(Postgres::shared()) + " user=scram_role" + with_password(kRolePassword),
      "depot = " + at(Postgres::shared()) + " user=plain_role" + with_password(kRolePassword)};
  const Run run = practice.run({});
  CAPTURE(run.output);
  CHECK(run.ending == 0);
  const std::string where = "127.0.0.1:" + std::to_string(Postgres::shared().port());
  CHECK(run.output.find("\ndepot\n  ok       plain_role logs in to " + where + ": PostgreSQL 1") <
        run.output.find("\nshop\n  ok       scram_role logs in to " + where + ": PostgreSQL 1"));
  CHECK(run.output.ends_with("\nAll is well.\n"));
  const Findings findings = practice.ask();
  CHECK(findings.ending == 0);
  CHECK(findings.whole["worst"] == "ok");
  CHECK(findings.whole["file"] == practice.scratch.file("pgweir.ini"));
  CHECK(findings.sentence("room").find("which may open 40 (depot 20, shop 20)") !=
        std::string::npos);
}

TEST_CASE("a wrong password is told in PostgreSQL's words, and ends with 2") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared()) + " user=scram_role" +
                        with_password(kWrongPassword)};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.whole["worst"] == "error");
  CHECK(findings.sentence("cannot_log_in")
            .find("FATAL: password authentication failed for user \"scram_role\"") !=
        std::string::npos);
  CHECK((*findings.find("cannot_log_in"))["database"] == "shop");
}

TEST_CASE("an alternate password that lets in is a warning: the rotation is under way") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared()) + " user=scram_role" +
                        with_password(kWrongPassword) + " password_alternate='" + kRolePassword +
                        "'"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 1);
  CHECK(findings.has("first_password_refused"));
  CHECK(!findings.has("cannot_log_in"));
}

TEST_CASE("password_command is run for the login, and its failure is told") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared()) +
                        " user=scram_role password_command='printf \"$TOKEN\"'"};
  practice.environment = {"TOKEN=" + std::string(kRolePassword)};
  CHECK(practice.ask().ending == 0);
  practice.databases = {"shop = " + at(Postgres::shared()) +
                        " user=scram_role password_command='echo no luck >&2; exit 3'"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.sentence("password_command_failed").find("exited with status 3: no luck") !=
        std::string::npos);
  CHECK(!findings.has("cannot_log_in"));
}

TEST_CASE("variables of libpq have no say in what is found") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared()) + " user=scram_role"};
  practice.environment = {"PGPASSWORD=" + std::string(kRolePassword), "PGSSLMODE=verify-full",
                          "PGOPTIONS=-c nonsense=1"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.sentence("cannot_log_in").find("no password supplied") != std::string::npos);
}

TEST_CASE("an unknown host and a port that nobody has are told apart") {
  if (is_pgbouncer()) return;
  const Port nobodys;
  Practice practice;
  practice.databases = {
      "shop = host=no-such-host.invalid user=alice",
      "depot = host=127.0.0.1 port=" + std::to_string(nobodys.number()) + " user=alice"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK((*findings.find("cannot_resolve"))["database"] == "shop");
  CHECK(findings.sentence("cannot_resolve").find("no-such-host.invalid") != std::string::npos);
  CHECK((*findings.find("cannot_connect"))["database"] == "depot");
  CHECK(findings.sentence("cannot_connect").find("Connection refused") != std::string::npos);
}

TEST_CASE("pools that max_connections has no room for are a warning with the numbers") {
  if (is_pgbouncer()) return;
  const Postgres small(12);
  Session other(small.conninfo("shop", "bob") + " application_name=metabase");
  REQUIRE(other.alive());
  Practice practice;
  practice.databases = {"shop = " + at(small) + " user=alice"};
  Findings findings = practice.ask();
  CHECK(findings.ending == 1);
  CHECK(findings.sentence("no_room").find(
            "has room for 8 connections of pgweir (max_connections 12, 3 reserved, 1 held by "
            "others now: metabase 1), which may open 20") != std::string::npos);
  CHECK(findings.cure("no_room").find("max_db_connections = 8,") != std::string::npos);
  CHECK(findings.cure("no_room").find("max_connections = 24,") != std::string::npos);
  practice.lines = {"max_db_connections = 8"};
  findings = practice.ask();
  CHECK(findings.ending == 0);
  CHECK(findings.has("room"));
}

TEST_CASE("auth_query that is not permitted: the function that is printed makes it work") {
  if (is_pgbouncer()) return;
  const Postgres own;
  Session root(own.conninfo());
  root.run("CREATE ROLE \"the-asker\" LOGIN");
  Practice practice;
  practice.databases = {"shop = " + at(own)};
  practice.lines = {"auth_user = the-asker"};
  Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(
      findings.sentence("auth_query_not_permitted").find("permission denied for table pg_authid") !=
      std::string::npos);
  const std::string cure = findings.cure("auth_query_not_permitted");
  const auto from = cure.find("run:\n") + 5;
  const auto until = cure.find("\nand write:\n");
  REQUIRE(until != std::string::npos);

  practice.lines.push_back(cure.substr(until + 12));  // Before there is such a function.
  findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.cure("auth_query_missing") == cure);

  root.run(cure.substr(from, until - from));
  findings = practice.ask();
  CHECK_MESSAGE(findings.ending == 0, findings.whole.dump(2));
  CHECK(findings.sentence("auth_query").find("finds the user") != std::string::npos);
  Session asker(own.conninfo("shop", "the-asker"));
  CHECK(asker.exec("SELECT * FROM pgweir.get_auth('md5_role')").value(0, 1) ==
        root.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'md5_role'"));
  CHECK(asker.exec("SELECT * FROM pgweir.get_auth('nobody')").rows() == 0);
  Session stranger(own.conninfo("shop", "alice"));
  CHECK(stranger.exec("SELECT * FROM pgweir.get_auth('md5_role')").sqlstate() == "42501");
}

TEST_CASE("auth_query of three columns, that finds anybody, or nobody") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared())};
  practice.lines = {"auth_user = alice", "auth_query = SELECT $1::text, 'secret', 3"};
  CHECK(practice.ask().has("auth_query_columns"));
  practice.lines.back() = "auth_query = SELECT $1::text, 'secret'";
  CHECK(practice.ask().has("auth_query_secret_for_nobody"));
  practice.lines.back() = "auth_query = SELECT $1::text, 'secret' WHERE false";
  const Findings findings = practice.ask();
  CHECK(findings.has("auth_query_finds_nobody"));
  CHECK(findings.ending == 1);
}

TEST_CASE("auth_query that takes too long is ended in the server, and leaves nothing behind") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared())};
  practice.lines = {"auth_user = alice",
                    "auth_query = SELECT $1::text, 'endless'::text FROM pg_sleep(600)"};
  CHECK(practice.ask().sentence("auth_query_failed").find("statement timeout") !=
        std::string::npos);
  Session root(Postgres::shared().conninfo());
  CHECK(root.value("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                   "query LIKE '%endless%'") == "0");
}

TEST_CASE("a SCRAM secret that is not the server's cannot be passed through") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared())};
  practice.userlist = "\"scram_role\" \"" + stored_secret("plain_role") + "\"\n";
  Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.has("scram_differs"));
  practice.userlist = "\"scram_role\" \"" + stored_secret("scram_role") + "\"\n";
  findings = practice.ask();
  CHECK_MESSAGE(findings.ending == 0, findings.whole.dump(2));
  CHECK(findings.has("scram_pass_through"));
  practice.databases.front() += " user=scram_role";
  findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.has("scram_without_client"));
}

TEST_CASE("an md5 hash logs in where md5 is asked for, and nowhere else") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared())};
  const std::string hash = "\" \"" + stored_secret("md5_role") + "\"\n";
  practice.userlist = "\"md5_role" + hash;
  CHECK(practice.ask().ending == 0);
  practice.userlist = "\"scram_role" + hash;
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.has("md5_cannot_log_in"));
}

TEST_CASE("a server without TLS is an error where TLS is asked for") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared()) + " user=alice"};
  practice.lines = {"server_tls_sslmode = require"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.sentence("tls_not_offered").find("server_tls_sslmode = require") !=
        std::string::npos);
  CHECK(!findings.has("logged_in"));
}

TEST_CASE("a certificate is verified as pgweir would, and its end is told") {
  if (is_pgbouncer()) return;
  const Postgres own;
  const auto authority = weir::certs::make_authority("Authority");
  const auto stranger = weir::certs::make_authority("Stranger");
  show_certificate(own, authority.make_certificate({.addresses = {"127.0.0.1"}}));
  Practice practice;
  write_file(practice.scratch.file("ca.crt"), authority.text());
  write_file(practice.scratch.file("stranger.crt"), stranger.text());
  practice.databases = {"shop = " + at(own) + " user=scram_role" + with_password(kRolePassword)};
  practice.lines = {"server_tls_sslmode = verify-full",
                    "server_tls_ca_file = " + practice.scratch.file("ca.crt")};
  Findings findings = practice.ask();
  CHECK_MESSAGE(findings.ending == 0, findings.whole.dump(2));
  CHECK(findings.sentence("logged_in").ends_with(", TLSv1.3"));
  practice.lines.back() = "server_tls_ca_file = " + practice.scratch.file("stranger.crt");
  findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.has("tls_not_trusted"));
  CHECK(!findings.has("logged_in"));
  const Postgres old;
  show_certificate(old, authority.make_certificate(
                            {.addresses = {"127.0.0.1"}, .dates = weir::certs::Dates::expired}));
  practice.databases = {"shop = " + at(old) + " user=alice"};
  practice.lines = {"server_tls_sslmode = require"};
  findings = practice.ask();
  CHECK(findings.ending == 1);
  CHECK(findings.sentence("certificate_out_of_date").find("2001-12-31") != std::string::npos);
}

TEST_CASE("our own certificate for clients, and a key that is not its own") {
  if (is_pgbouncer()) return;
  const auto authority = weir::certs::make_authority("Authority");
  const auto first = authority.make_certificate({.common_name = "first"});
  Practice practice;
  write_file(practice.scratch.file("server.crt"), first.text);
  write_file(practice.scratch.file("server.key"), authority.make_certificate({}).key);
  practice.databases = {"shop = " + at(Postgres::shared()) + " user=alice"};
  practice.lines = {"client_tls_sslmode = require",
                    "client_tls_cert_file = " + practice.scratch.file("server.crt"),
                    "client_tls_key_file = " + practice.scratch.file("server.key")};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.sentence("tls_files").find("does not match the certificate") != std::string::npos);
  write_file(practice.scratch.file("server.key"), first.key);
  CHECK(practice.ask().ending == 0);
}

TEST_CASE("a role's and a database's own limit are held against the pools") {
  if (is_pgbouncer()) return;
  const Postgres own;
  Session root(own.conninfo());
  root.run("ALTER ROLE alice CONNECTION LIMIT 5");
  root.run("ALTER DATABASE depot CONNECTION LIMIT 7");
  Practice practice;
  practice.databases = {"shop = " + at(own) + " user=alice", "depot = " + at(own) + " user=bob"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 1);
  CHECK(findings.sentence("role_limit").find("alice may have 5 connections") != std::string::npos);
  CHECK(findings.sentence("database_limit").find("depot takes 7 connections") != std::string::npos);
}

TEST_CASE("another pooler in front of PostgreSQL is noticed") {
  if (is_pgbouncer()) return;
  const Pgweir between(Settings::on(Postgres::shared()));
  Practice practice;
  practice.databases = {"shop = host=127.0.0.1 port=" + std::to_string(between.port()) +
                        " user=alice"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 1);
  CHECK(findings.has("pooler_between"));
}

TEST_CASE("settings that are wrong are all that is told: nobody is visited") {
  if (is_pgbouncer()) return;
  Practice practice;
  practice.databases = {"shop = " + at(Postgres::shared()) + " user=alice"};
  practice.lines = {"listen_prot = 1", "proxy_protocol_from = ::/0"};
  const Findings findings = practice.ask();
  CHECK(findings.ending == 2);
  CHECK(findings.whole["findings"].size() == 2);
  CHECK(findings.sentence("settings").find("did you mean listen_port?") != std::string::npos);
}

TEST_CASE("without a file the doctor goes where DATABASE_URL leads") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  const Run run = run_program(scratch, {"doctor", "--json"},
                              {"DATABASE_URL=postgresql://alice@127.0.0.1:" +
                               std::to_string(Postgres::shared().port()) + "/shop"});
  const auto whole = nlohmann::json::parse(run.output, nullptr, false);
  REQUIRE_MESSAGE(whole.is_object(), run.output);
  CHECK(run.ending == 1);  // That whoever comes to 127.0.0.1 is trusted.
  CHECK(whole["file"].is_null());
  CHECK(run.output.find("alice logs in to 127.0.0.1:") != std::string::npos);
}
