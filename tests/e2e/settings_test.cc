// settings_test.cc: what a client asks for in its startup packet, and what becomes of it: through
// pgweir as straight on PostgreSQL, with other clients on the same server in between.
#include <doctest/doctest.h>

#include <functional>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings one_server(int workers = 1) {
  return Settings::on(Postgres::shared(), workers).line("default_pool_size = 1");
}

const std::string kAsked =
    "application_name=mine client_encoding=latin-1 "
    "options='-c TimeZone=Asia/Tokyo -c datestyle=sql,dmy --work-mem=1MB -cextra_float_digits=0 "
    "-c search_path=pg_catalog,\\\\ public -c app.tenant=7 -c IntervalStyle=ISO_8601'";

// All that a client may know of its session.
std::string seen(Session& session) {
  std::string all;
  for (const char* const name :
       {"TimeZone", "DateStyle", "IntervalStyle", "application_name", "client_encoding",
        "standard_conforming_strings", "default_transaction_read_only"}) {
    all += session.parameter(name) + "|";
  }
  if (session.transaction() == PQTRANS_INERROR) return all;
  for (const char* const name :
       {"TimeZone", "DateStyle", "IntervalStyle", "application_name", "client_encoding", "work_mem",
        "extra_float_digits", "search_path", "app.tenant"}) {
    all += session.value(std::string{"SHOW "} + name) + "|";
  }
  return all;
}

using Script = std::vector<std::string>;

const std::vector<Script>& scripts() {
  static const std::vector<Script> kScripts = {
      {"RESET TimeZone"},
      {"SET TimeZone = 'America/Lima'", "RESET DateStyle", "RESET TimeZone"},
      {"SET TimeZone = 'America/Lima'", "SET application_name = 'x'", "RESET ALL"},
      {"SET application_name = 'x'", "DISCARD ALL"},
      {"SET TimeZone = 'America/Lima'", "SET TimeZone TO DEFAULT"},
      {"SET TimeZone = 'America/Lima'", "SET TIME ZONE LOCAL"},
      {"SET IntervalStyle = 'sql_standard'", "SELECT set_config('IntervalStyle', NULL, false)"},
      {"SET TimeZone = 'America/Lima'", "DO $$ BEGIN RESET ALL; END $$"},
      {"RESET work_mem", "RESET search_path", "RESET app.tenant", "RESET extra_float_digits"},
      {"SELECT 1; RESET TimeZone; SELECT 2"},
      {"SET TimeZone = 'America/Lima'; RESET TimeZone; SET DateStyle = 'German'"},
      // In transactions.
      {"SET TimeZone = 'America/Lima'", "BEGIN", "RESET ALL", "COMMIT"},
      {"SET TimeZone = 'America/Lima'", "BEGIN", "RESET ALL", "ROLLBACK"},
      {"SET TimeZone = 'America/Lima'", "BEGIN", "RESET TimeZone", "oops", "COMMIT"},
      {"BEGIN", "SET LOCAL TimeZone = 'America/Lima'", "RESET TimeZone", "COMMIT"},
      {"BEGIN", "RESET work_mem", "SET LOCAL work_mem = '2MB'", "COMMIT"},
      {"BEGIN", "SET LOCAL TimeZone TO DEFAULT", "COMMIT"},
      {"SET TimeZone = 'America/Lima'", "BEGIN", "SAVEPOINT a", "RESET TimeZone",
       "ROLLBACK TO SAVEPOINT a", "COMMIT"},
      {"BEGIN; SET TimeZone = 'America/Lima'; ROLLBACK"},
      {"BEGIN", "SET TimeZone = 'America/Lima'", "oops", "ROLLBACK"},
      {"BEGIN", "SET TimeZone = 'America/Lima'", "oops", "COMMIT"},
      {"SELECT set_config('TimeZone', 'America/Lima', true)"},
      {"SELECT set_config('TimeZone', 'America/Lima', false)"},
      {"BEGIN", "SELECT set_config('DateStyle', 'German', true)", "COMMIT"},
      {"SET TimeZone = 'America/Lima'; oops"},
      {"SET client_encoding = 'utf-8'", "RESET client_encoding"},
      {"SET default_transaction_read_only = on", "RESET default_transaction_read_only"},
      {"SET standard_conforming_strings = off", "RESET ALL"},
      {"SET NAMES 'LATIN9'", "DISCARD ALL"},
      // To just what the server itself has: it is the client's own wish all the same.
      {"SET TimeZone = 'UTC'", "RESET DateStyle"},
      {"SET application_name = ''", "BEGIN", "ROLLBACK"},
  };
  return kScripts;
}

}  // namespace

TEST_CASE("SET, RESET and their kin: through pgweir as straight on PostgreSQL") {
  if (is_pgbouncer()) return;  // There RESET gives the pooler's value.
  for (const int servers : {1, 2}) {
    Pgweir pgweir(one_server().line("default_pool_size = " + std::to_string(servers)));
    for (const bool extended : {false, true}) {
      for (const Script& script : scripts()) {
        Session pooled(pgweir.conninfo("alice", "shop", kAsked));
        Session direct(Postgres::shared().conninfo("shop", "alice") + " " + kAsked);
        Session other(pgweir.conninfo("alice", "shop", "application_name=other"));
        REQUIRE(seen(pooled) == seen(direct));
        for (const std::string& sql : script) {
          CAPTURE(servers);
          CAPTURE(extended);
          CAPTURE(sql);
          const bool one = extended && sql.find(';') == sql.npos;
          const Answer here = one ? pooled.params(sql, {}) : pooled.exec(sql);
          const Answer there = one ? direct.params(sql, {}) : direct.exec(sql);
          CHECK(here.tag() == there.tag());
          CHECK(here.sqlstate() == there.sqlstate());
          CHECK(pooled.transaction() == direct.transaction());
          if (servers > 1 || pooled.transaction() == PQTRANS_IDLE) {
            CHECK(other.value("SHOW application_name") == "other");
            CHECK(other.value("SHOW search_path") == "\"$user\", public");
          }
          CHECK(seen(pooled) == seen(direct));
        }
      }
    }
  }
}

TEST_CASE("clients with any startup parameters alternate on the servers of a pool") {
  if (is_pgbouncer()) return;
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"work_mem", "321kB"},
      {"extra_float_digits", "-3"},
      {"search_path", "pg_catalog, x"},
      {"statement_timeout", "1min"},
      {"lock_timeout", "7s"},
      {"app.tenant", "it's \\ \"7\""},
      {"geqo", "off"},
      {"idle_in_transaction_session_timeout", "9s"}};
  for (const int workers : worker_counts()) {
    for (const int servers : {1, 3}) {
      Pgweir pgweir(one_server(workers).line("default_pool_size = " + std::to_string(servers)));
      RawClient plain(pgweir.port());
      REQUIRE(plain.login("alice", "shop", {{"app.tenant", ""}}));
      std::vector<std::string> defaults;
      for (const auto& [name, value] : settings) defaults.push_back(plain.value("SHOW " + name));
      std::vector<RawClient> clients;
      for (const auto& one : settings) {
        clients.emplace_back(pgweir.port());
        REQUIRE(clients.back().login("alice", "shop", {one}));
      }
      for (int turn = 0; turn < 3; ++turn) {
        for (std::size_t i = 0; i < settings.size(); ++i) {
          CAPTURE(settings[i].first);
          CHECK(clients[i].value("SHOW " + settings[i].first) == settings[i].second);
          CHECK(plain.value("SHOW " + settings[i].first) == defaults[i]);
        }
      }
    }
  }
}

TEST_CASE("extra_float_digits of a driver counts") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(one_server());
  Session rounded(pgweir.conninfo("alice", "shop", "options='-c extra_float_digits=-3'"));
  Session whole(pgweir.conninfo("alice", "shop", "options='-c extra_float_digits=3'"));
  for (int turn = 0; turn < 2; ++turn) {
    CHECK(rounded.value("SELECT 0.1::float8 + 0.2") == "0.3");
    CHECK(whole.value("SELECT 0.1::float8 + 0.2") == "0.30000000000000004");
  }
}

TEST_CASE("a setting that PostgreSQL refuses ends the session in PostgreSQL's words") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(one_server());
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"nosuch", "42704"},          {"work_mem", "22023"},      {"port", "55P02"},
      {"log_connections", "55P02"}, {"log_statement", "42501"}, {"fsync", "55P02"},
      {"search_path", "22023"}};
  for (const auto& one : refused) {
    const std::string& name = one.first;
    const std::string& sqlstate = one.second;
    CAPTURE(name);
    const std::string value = name == "log_statement" ? "all" : "on,,";
    Session direct(Postgres::shared().conninfo("shop", "alice") + " options='-c " + name + "=" +
                   (name == "fsync" ? "on" : value) + "'");
    RawClient client(pgweir.port());
    REQUIRE(client.login("alice", "shop", {{name, name == "fsync" ? "on" : value}}));
    client.send(query("CREATE TABLE never (a int)"));
    const Farewell farewell = client.farewell();
    CHECK(farewell.severity == "FATAL");
    if (name != "port" && name != "log_connections") CHECK(farewell.sqlstate == sqlstate);
    if (name != "log_connections") {
      CHECK_FALSE(direct.alive());
      CHECK(direct.error().find("FATAL:  " + farewell.text) != std::string::npos);
    }
  }
  Session next(pgweir.conninfo());
  CHECK(next.value("SELECT to_regclass('never') IS NULL") == "t");
  CHECK(next.value("SHOW work_mem") == "4MB");
}

TEST_CASE("a greeting is spelled as PostgreSQL spells it, and an encoding that is none refused") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(one_server());
  const auto same = [&](const std::string& name, const std::string& value) {
    CAPTURE(name);
    CAPTURE(value);
    RawClient pooled(pgweir.port());
    RawClient direct(Postgres::shared().port());
    REQUIRE(pooled.login("alice", "shop", {{name, value}}));
    REQUIRE(direct.login("alice", "shop", {{name, value}}));
    for (const auto& told : direct.parameters()) {
      const auto& here = pooled.parameters();
      CHECK(std::find(here.begin(), here.end(), told) != here.end());
    }
  };
  for (const char* const encoding :
       {"utf-8", "UNICODE", "latin1", "ISO-8859-15", "windows1252", "win", "sql_ascii", "KOI8",
        "sjis", "euc_jis_2004", "gb18030", "iso_8859_5"}) {
    same("client_encoding", encoding);
  }
  for (const char* const style : {"iso", "iso, mdy", "SQL,european", "German", "german, ymd", "us",
                                  "postgres,noneuropean", "dmy", "YMD, ISO"}) {
    same("datestyle", style);
  }
  for (const char* const on : {"on", "T", "yes", "1", "of", "false", "N"}) {
    same("standard_conforming_strings", on);
    same("default_transaction_read_only", on);
  }
  same("intervalstyle", "SQL_Standard");
  same("application_name", "caf\xc3\xa9");

  RawClient refused(pgweir.port());
  refused.send(startup_packet({{"user", "alice"}, {"database", "shop"}, {"client_encoding", "x"}}));
  const Farewell farewell = refused.farewell();
  CHECK(farewell.sqlstate == "22023");
  CHECK(farewell.text == "invalid value for parameter \"client_encoding\": \"x\"");
}

TEST_CASE("default_transaction_read_only typed by one makes nobody else's request fail") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(one_server());
  Session human(pgweir.conninfo());
  Session application(pgweir.conninfo());
  application.run("CREATE TABLE IF NOT EXISTS orders (a int)");
  human.run("SET default_transaction_read_only = on");
  application.run("INSERT INTO orders VALUES (1)");
  CHECK(human.exec("INSERT INTO orders VALUES (2)").sqlstate() == "25006");
  application.run("INSERT INTO orders VALUES (3)");
  application.run("DROP TABLE orders");
}

TEST_CASE("a database that is made read-only is read-only through the pool, and back") {
  if (is_pgbouncer()) return;
  Session root(Postgres::shared().conninfo("shop"));
  root.run("CREATE TABLE IF NOT EXISTS orders (a int); GRANT ALL ON orders TO PUBLIC");
  Pgweir pgweir(one_server().line("admin_users = postgres"));
  Session before(pgweir.conninfo());
  Session writer(pgweir.conninfo());
  for (Session* const one : {&before, &writer}) one->run("INSERT INTO orders VALUES (1)");
  // Afterwards new connections, or those that have loaded the configuration again, are as told.
  const auto all_are = [&](const char* value) {
    return eventually([&] {
      return before.value("SHOW default_transaction_read_only") == value &&
             writer.value("SHOW default_transaction_read_only") == value;
    });
  };
  root.run("ALTER SYSTEM SET default_transaction_read_only = on");
  root.run("SELECT pg_reload_conf()");
  CHECK(all_are("on"));
  for (int turn = 0; turn < 2; ++turn) {
    for (Session* const one : {&before, &writer}) {
      CHECK(one->exec("INSERT INTO orders VALUES (2)").sqlstate() == "25006");
      CHECK(one->parameter("default_transaction_read_only") == "on");
    }
  }
  root.run("SET default_transaction_read_only = off");
  root.run("ALTER SYSTEM RESET default_transaction_read_only");
  root.run("SELECT pg_reload_conf()");
  CHECK(all_are("off"));
  for (Session* const one : {&before, &writer}) one->run("INSERT INTO orders VALUES (3)");
  root.run("DROP TABLE orders");
}

TEST_CASE("a server that acts as another user goes to nobody else") {
  if (is_pgbouncer()) return;
  for (const std::string set : {"SET SESSION AUTHORIZATION alice", "SET ROLE alice"}) {
    CAPTURE(set);
    Pgweir pgweir(one_server());
    Session one(pgweir.conninfo("postgres"));
    Session two(pgweir.conninfo("postgres"));
    const std::string pid = two.value("SELECT pg_backend_pid()");
    one.run("BEGIN; " + std::string{set}.insert(4, "LOCAL ") + "; COMMIT");
    CHECK(two.value("SELECT pg_backend_pid()") == pid);
    one.run(set);
    CHECK(two.value("SELECT current_user || ' ' || session_user") == "postgres postgres");
    CHECK(two.value("SELECT pg_backend_pid()") != pid);
  }
}

TEST_CASE("in a pipeline behind a RESET the client is told its startup value, and then has it") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login("alice", "shop", {{"TimeZone", "Asia/Tokyo"}}));
  CHECK(client.value("SHOW TimeZone") == "Asia/Tokyo");
  REQUIRE(client.ask("SET TimeZone = 'America/Lima'").has_value());
  client.send(query("RESET TimeZone") + query("SELECT 1"));
  client.read_through('Z');
  client.read_through('Z');
  RawClient other(pgweir.port());
  REQUIRE(other.login());
  CHECK(other.value("SHOW TimeZone") == "UTC");
  CHECK(client.value("SHOW TimeZone") == "Asia/Tokyo");
}

TEST_CASE("server_reset_query takes away startup parameters, and they come back") {
  for (const char* const reset : {"DISCARD ALL", "RESET work_mem", "SELECT 1"}) {
    if (is_pgbouncer()) return;
    Pgweir pgweir(one_server()
                      .line("server_reset_query_always = 1")
                      .line(std::string{"server_reset_query = "} + reset));
    Session one(pgweir.conninfo("alice", "shop", "options='-c work_mem=1MB -c geqo=off'"));
    Session two(pgweir.conninfo());
    for (int turn = 0; turn < 2; ++turn) {
      CHECK(one.value("SHOW work_mem") == "1MB");
      CHECK(one.value("SHOW geqo") == "off");
      CHECK(two.value("SHOW work_mem") == "4MB");
      CHECK(two.value("SHOW geqo") == "on");
    }
  }
}
