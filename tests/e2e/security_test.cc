// security_test.cc: what the history of poolers teaches to try: who may command, what a console's
// cancel key opens, where a secret could show, and what a session leaves on its server.
#include <doctest/doctest.h>

#include <functional>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

// In the extended protocol; the SQLSTATE of the error, or nothing.
std::string by_extended_protocol(const Pgweir& pgweir, const std::string& user,
                                 const std::string& command) {
  RawClient client(pgweir.port());
  if (!client.login(user, "pgweir")) return "<no login>";
  client.send(message('P', zero_ended("") + zero_ended(command) + be16(0)) +
              message('B', zero_ended("") + zero_ended("") + be16(0) + be16(0) + be16(0)) +
              message('E', zero_ended("") + be32(0)) + message('S', ""));
  const auto messages = client.read_through('Z');
  return messages ? sqlstate_in(*messages) : "<closed>";
}

struct Way {
  std::string name;
  std::function<void(Session&, const Pgweir&)> leave;
};

const std::vector<Way>& ways_to_leave() {
  static const std::vector<Way> ways = {
      {"Terminate", [](Session&, const Pgweir&) {}},
      {"reset", [](Session& session, const Pgweir&) { session.vanish(); }},
      {"in a transaction", [](Session& session, const Pgweir&) { session.run("BEGIN"); }},
      {"in a failed transaction",
       [](Session& session, const Pgweir&) {
         session.run("BEGIN");
         session.exec("oops");
       }},
      {"cancelled",
       [](Session& session, const Pgweir&) {
         session.send("SELECT pg_sleep(600)");
         PGcancel* key = PQgetCancel(session.raw());
         char error[256] = "";
         do {  // One that overtakes the query hits nothing.
           PQcancel(key, error, sizeof error);
         } while (session.busy_for(100ms));
         PQfreeCancel(key);
         session.rest();
       }},
      {"with a query running",
       [](Session& session, const Pgweir&) {
         session.send("SELECT pg_sleep(0.1)");
         session.vanish();
       }},
  };
  return ways;
}

// All that a session can leave behind, and that it is not there.
struct Trace {
  const char* made;
  const char* gone;
};
constexpr Trace kTraces[] = {
    {"SET work_mem = '123kB'", "SELECT current_setting('work_mem') <> '123kB'"},
    {"SELECT set_config('search_path', 'pg_catalog', false)",
     "SELECT current_setting('search_path') <> 'pg_catalog'"},
    {"SET ROLE bob", "SELECT current_user = 'postgres'"},
    {"SET SESSION AUTHORIZATION alice", "SELECT session_user = 'postgres'"},
    {"CREATE TEMP TABLE mine (a int)", "SELECT to_regclass('pg_temp.mine') IS NULL"},
    {"LISTEN news", "SELECT count(*) = 0 FROM pg_listening_channels()"},
    {"PREPARE plan AS SELECT 1", "SELECT count(*) = 0 FROM pg_prepared_statements"},
    {"DECLARE open CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) = 0 FROM pg_cursors"},
    {"SELECT pg_advisory_lock(7)",
     "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"},
    {"SET default_transaction_read_only = on",
     "SELECT current_setting('default_transaction_read_only') = 'off'"},
};

}  // namespace

TEST_CASE("B1: who may do what on the console, by either protocol") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(pool_of(1).line("stats_users = bob"));
  for (const char* const shown : {"SHOW POOLS", "SHOW VERSION", "SHOW HELP"}) {
    CAPTURE(shown);
    for (const char* const user : {"admin", "bob"}) {
      CHECK(Session(pgweir.conninfo(user, "pgweir")).exec(shown).sqlstate().empty());
    }
  }
  for (const char* const command :
       {"RELOAD", "SHUTDOWN", "SHUTDOWN WAIT_FOR_CLIENTS", "SHUTDOWN WAIT_FOR_SERVERS"}) {
    CAPTURE(command);
    CHECK(Session(pgweir.conninfo("bob", "pgweir")).exec(command).sqlstate() == "42501");
    CHECK_FALSE(Session(pgweir.conninfo("alice", "pgweir")).alive());
    for (const char* const user : {"bob", "alice", "admin"}) {
      // Nobody commands by the extended protocol: PgBouncer neither.
      CHECK_FALSE(by_extended_protocol(pgweir, user, command).empty());
    }
  }
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE("B1: the cancel key of a console client opens nothing") {
  Pgweir pgweir(pool_of(1));
  RawClient busy(pgweir.port());
  REQUIRE(busy.login());
  busy.send(query("SELECT pg_sleep(0.3), 1"));
  RawClient console(pgweir.port());
  REQUIRE(console.login("admin", is_pgbouncer() ? "pgbouncer" : "pgweir"));
  cancel(pgweir.port(), console.key());
  const auto messages = busy.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(sqlstate_in(*messages).empty());
  CHECK(console.ask("SHOW VERSION").has_value());
}

TEST_CASE("B4: no secret shows in the log, on the console or in an error") {
  if (is_pgbouncer()) return;
  const std::string known = "s3cret-of-alice", typed = "s3cret-that-was-typed";
  const std::string of_line = "s3cret-of-a-line", of_role = "s3cret-of-a-role";
  Settings settings = pool_of(1);
  settings.line("auth_type = plain").line("verbose = 3").line("query_wait_timeout = 1");
  settings.accounts = {{"alice", known}, {"md5_role", of_role}, {"admin", "a"}};
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  settings.database("wrong = " + where + " dbname=shop user=md5_role password=" + of_line);
  settings.database("lost = host=127.0.0.1 port=1 password=" + of_line);
  Pgweir pgweir(settings);
  std::string heard;
  const auto listen = [&](const std::string& user, const std::string& database,
                          const std::string& password) {
    Session session(pgweir.conninfo(user, database, "password=" + password));
    heard += session.error() + session.exec("SELECT 1").text();
  };
  listen("alice", "shop", typed);
  listen("nobody", "shop", typed);
  listen("alice", "shop", known);
  listen("alice", "wrong", known);
  listen("alice", "lost", known);
  listen("md5_role", "shop", of_role);
  Session console(pgweir.conninfo("admin", "pgweir", "password=a"));
  for (const char* const shown : {"SHOW POOLS", "SHOW HELP"}) {
    const Answer answer = console.exec(shown);
    for (int row = 0; row < answer.rows(); ++row) {
      for (int column = 0; column < answer.columns(); ++column) heard += answer.value(row, column);
    }
  }
  heard += pgweir.log();
  CHECK(heard.find("md5_role") != std::string::npos);
  for (const std::string& secret : {known, typed, of_line, of_role}) {
    CAPTURE(secret);
    CHECK(heard.find(secret) == std::string::npos);
  }
}

TEST_CASE("B4: who dies leaves no core dump, unless it has been told to") {
  if (is_pgbouncer() || is_sanitized()) return;  // A sanitizer has to look into the memory.
  const auto leaves_core = [](const char* setting) {
    Pgweir pgweir(pool_of(1).line(setting));
    return pgweir.die_leaving_core(SIGABRT);
  };
  CHECK_FALSE(leaves_core("core_dumps = 0"));
  const bool told = leaves_core("core_dumps = 1");
  WARN_MESSAGE(told, "this system writes no core dumps at all");
}

TEST_CASE(
    "session mode: whatever a client leaves behind, in whatever way, the next sees none of it") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers).line("pool_mode = session"));
    const std::string conninfo = pgweir.conninfo("postgres");
    for (const Way& way : ways_to_leave()) {
      CAPTURE(way.name);
      for (const Trace& trace : kTraces) {
        CAPTURE(trace.made);
        {
          Session leaver(conninfo);
          leaver.run(std::string{"BEGIN; "} + trace.made + "; COMMIT");
          REQUIRE(leaver.value(trace.gone) == "f");
          way.leave(leaver, pgweir);
        }
        CHECK(Session(conninfo).value(trace.gone) == "t");
      }
    }
  }
}

TEST_CASE("A4: passwords of every length prove, and nothing but themselves") {
  for (const std::size_t bytes : {1u, 1'023u, 1'024u, 2'047u, 2'048u, 65'535u}) {
    if (is_pgbouncer() && bytes > 1'023) continue;
    CAPTURE(bytes);
    Settings settings = pool_of(1);
    settings.line("auth_type = plain");
    settings.accounts = {{"alice", std::string(bytes, 'L')}};
    Pgweir pgweir(settings);
    const auto enters = [&](const std::string& password) {
      RawClient client(pgweir.port());
      client.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
      if (!client.read()) return false;
      client.send(message('p', zero_ended(password)));
      const auto answer = client.read();
      return answer && answer->tag == 'R';
    };
    CHECK(enters(std::string(bytes, 'L')));
    CHECK_FALSE(enters(std::string(bytes - 1, 'L')));
    CHECK_FALSE(enters(std::string(bytes, 'L') + "L"));
  }
}
