// console_test.cc: the console and its commands, as operators and their tools use them.
#include <doctest/doctest.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

// So many clients hold a transaction at once; one more waits.
bool has_room_for(const Pgweir& pgweir, int size) {
  std::vector<std::unique_ptr<Session>> holders;
  for (int i = 0; i <= size; ++i) {
    holders.push_back(std::make_unique<Session>(pgweir.conninfo()));
    holders.back()->send("BEGIN");
    if (i < size && !holders.back()->next()) return false;
  }
  return holders.back()->busy_for(150ms);
}

}  // namespace

TEST_CASE("SHOW POOLS has PgBouncer's columns in PgBouncer's order, and counts") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session console(pgweir.console());
    Session active(pgweir.conninfo());
    active.run("BEGIN");
    Session waiting(pgweir.conninfo());
    waiting.send("SELECT 1");
    CHECK(eventually([&] { return pool_figure(console, "cl_waiting") == 1; }));
    CHECK(pool_figure(console, "sv_active") == 1);
    CHECK(pool_figure(console, "sv_idle") == 0);
    CHECK(pool_figure(console, "cl_active") == 1);
    active.run("COMMIT");
    CHECK(waiting.next().ok());
    CHECK(eventually([&] { return pool_figure(console, "sv_idle") == 1; }));
    CHECK(pool_figure(console, "sv_active") == 0);
    if (is_pgbouncer()) continue;  // Debian's has fewer columns.
    const Answer answer = console.exec("SHOW POOLS");
    const std::vector<std::string> expected = {"database",
                                               "user",
                                               "cl_active",
                                               "cl_waiting",
                                               "cl_active_cancel_req",
                                               "cl_waiting_cancel_req",
                                               "sv_active",
                                               "sv_active_cancel",
                                               "sv_being_canceled",
                                               "sv_idle",
                                               "sv_used",
                                               "sv_tested",
                                               "sv_login",
                                               "maxwait",
                                               "maxwait_us",
                                               "pool_mode",
                                               "load_balance_hosts"};
    std::vector<std::string> columns;
    for (int i = 0; i < answer.columns(); ++i) columns.push_back(answer.column(i));
    CHECK(columns == expected);
    CHECK(answer.tag() == "SHOW");
    bool shop = false;
    bool own = false;
    for (int row = 0; row < answer.rows(); ++row) {
      if (answer.value(row, 0) == "shop") {
        shop = true;
        CHECK(answer.value(row, 1) == "alice");
        CHECK(answer.value(row, 15) == "transaction");
        CHECK(answer.null(row, 16));
      }
      own = own || answer.value(row, 15) == "statement";
    }
    CHECK(shop);
    CHECK(own);  // The console's own pool has a row too.
  }
}

TEST_CASE("maxwait tells how long the oldest waiter has waited") {
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  Session active(pgweir.conninfo());
  active.run("BEGIN");
  Session waiting(pgweir.conninfo());
  waiting.send("SELECT 1");
  CHECK(eventually([&] { return pool_figure(console, "maxwait") >= 1; }));
  active.run("COMMIT");
  CHECK(waiting.next().ok());
  CHECK(eventually([&] { return pool_figure(console, "maxwait") == 0; }));
}

TEST_CASE("the console answers on both of its names") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(pool_of(1));
  for (const char* name : {"pgweir", "pgbouncer"}) {
    Session console(pgweir.conninfo("admin", name));
    REQUIRE_MESSAGE(console.alive(), console.error());
    const Answer version = console.exec("SHOW VERSION");
    CHECK(version.column(0) == "version");
    CHECK(version.value().find("pgweir") != std::string::npos);
    CHECK(console.parameter("client_encoding") == "UTF8");
    CHECK(console.parameter("server_version") != "");
  }
}

TEST_CASE("SHOW CONFIG has PgBouncer's columns, and SHOW CONFIG SOURCES where it was said") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(pool_of(1).line("query_wait_timeout = 2min"));
  Session console(pgweir.console());
  const auto columns = [](const Answer& answer) {
    std::string out;
    for (int i = 0; i < answer.columns(); ++i) out += answer.column(i) + " ";
    return out;
  };
  const auto row_of = [](const Answer& answer, const std::string& key) {
    for (int row = 0; row < answer.rows(); ++row) {
      if (answer.value(row, 0) == key) return row;
    }
    return -1;
  };
  const Answer plain = console.exec("SHOW CONFIG");
  CHECK(plain.tag() == "SHOW");
  CHECK(columns(plain) == "key value default changeable ");
  CHECK(plain.rows() > 98);
  const int wait = row_of(plain, "query_wait_timeout");
  REQUIRE(wait >= 0);
  CHECK(plain.value(wait, 1) == "120");
  CHECK(plain.value(wait, 2) == "120");
  CHECK(plain.value(wait, 3) == "yes");
  CHECK(plain.value(row_of(plain, "listen_port"), 1) == std::to_string(pgweir.port()));
  CHECK(plain.value(row_of(plain, "listen_port"), 3) == "no");
  CHECK(plain.null(row_of(plain, "user"), 1));
  CHECK(plain.null(row_of(plain, "user"), 2));
  const Answer sources = console.exec("SHOW CONFIG SOURCES");
  CHECK(columns(sources) == "key value default changeable source ");
  CHECK(sources.rows() == plain.rows());
  CHECK(sources.value(row_of(sources, "query_wait_timeout"), 4).find("pgweir.ini:") !=
        std::string::npos);
  CHECK(sources.value(row_of(sources, "listen_backlog"), 4) == "default");
}

TEST_CASE("SHOW HELP is a notice with the commands in its detail") {
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  const Answer answer = console.exec("SHOW HELP");
  CHECK(answer.ok());
  CHECK(answer.tag() == "SHOW");
  REQUIRE(console.notices().size() == 1);
  CHECK(console.notices()[0].find("Console usage") != std::string::npos);
  CHECK(console.notices()[0].find("RELOAD") != std::string::npos);
}

TEST_CASE("commands in any case, with blanks and a semicolon; SELECT for SHOW; nonsense refused") {
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  CHECK(console.exec("show version").ok());
  CHECK(console.exec("  Show   Version  ; ").ok());
  const Answer nonsense = console.exec("FROBNICATE");
  CHECK(nonsense.text().find("invalid command 'FROBNICATE', use SHOW HELP;") != std::string::npos);
  CHECK(nonsense.sqlstate().size() == 5);
  CHECK(console.exec("SHOW VERSION").ok());  // The session is still there.
}

TEST_CASE("only those who may come to the console do, and see no more than they may") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(pool_of(1).line("stats_users = bob"));
  Session stranger(pgweir.conninfo("alice", "pgweir"));
  CHECK_FALSE(stranger.alive());
  CHECK(stranger.error().find("not allowed") != std::string::npos);
  Session watcher(pgweir.conninfo("bob", "pgweir"));
  REQUIRE_MESSAGE(watcher.alive(), watcher.error());
  CHECK(watcher.exec("SHOW POOLS").ok());
  CHECK(watcher.exec("RELOAD").text() == "admin access needed");
  CHECK(watcher.exec("SHUTDOWN").text() == "admin access needed");
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE("a client of a database may not command the console") {
  Pgweir pgweir(pool_of(1));
  Session client(pgweir.conninfo("admin", "shop"));
  CHECK(client.exec("SHOW POOLS").ok() == false);
  CHECK(client.exec("SHUTDOWN").ok() == false);
}

TEST_CASE("RELOAD and SIGHUP pick up a changed pool size") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session console(pgweir.console());
    CHECK(has_room_for(pgweir, 1));
    pgweir.write(pool_of(3, workers));
    CHECK(console.exec("RELOAD").tag() == "RELOAD");
    CHECK(has_room_for(pgweir, 3));
    pgweir.write(pool_of(2, workers));
    pgweir.signal(SIGHUP);
    CHECK(eventually([&] { return has_room_for(pgweir, 2); }));
  }
}

TEST_CASE("RELOAD brings new users and databases, and takes no one from those who are inside") {
  Pgweir pgweir(pool_of(2));
  Session console(pgweir.console());
  Session inside(pgweir.conninfo());
  inside.run("BEGIN");
  Settings wider = pool_of(2);
  wider.database("annex = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()) +
                 " dbname=depot");
  wider.accounts = {{"scram_role", kRolePassword}};
  pgweir.write(wider);
  REQUIRE(console.exec("RELOAD").ok());
  CHECK(Session(pgweir.conninfo("alice", "annex")).value("SELECT current_database()") == "depot");
  CHECK(Session(pgweir.conninfo("scram_role")).value("SELECT current_user") == "scram_role");
  CHECK(inside.value("SELECT 1") == "1");
  inside.run("COMMIT");
}

TEST_CASE("a RELOAD of a bad file changes nothing and tells the console") {
  if (is_pgbouncer()) return;  // Since 1.25.
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  for (const std::string bad :
       {"no_such_key = 1", "pool_mode = sometimes", "default_pool_size = many"}) {
    CAPTURE(bad);
    pgweir.write(pool_of(5).line(bad));
    const Answer answer = console.exec("RELOAD");
    CHECK_FALSE(answer.ok());
    CHECK(answer.sqlstate() == "F0000");
    CHECK(has_room_for(pgweir, 1));
  }
  pgweir.write(pool_of(2));
  CHECK(console.exec("RELOAD").ok());
  CHECK(has_room_for(pgweir, 2));
}

TEST_CASE("SHUTDOWN ends the program at once") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Witness witness(Postgres::shared());
    Session client(pgweir.conninfo());
    client.run("BEGIN");
    Session console(pgweir.console());
    console.send("SHUTDOWN");
    CHECK(pgweir.wait() == 0);
    CHECK_FALSE(client.exec("SELECT 1").ok());
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") == 0; }));
  }
}

TEST_CASE("console commands by the extended protocol get a clean answer") {
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  const Answer answer = console.params("SHOW VERSION", {});
  const bool understood = answer.status() == PGRES_TUPLES_OK;
  const bool refused = answer.text().find("extended query protocol") != std::string::npos;
  CHECK((understood || refused));
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE("the unix socket serves, and lets the process's own user into the console") {
  Pgweir pgweir(pool_of(1));
  const std::string where = "host=" + pgweir.file("") + " port=" + std::to_string(pgweir.port());
  Session client(where + " dbname=shop user=alice");
  REQUIRE_MESSAGE(client.alive(), client.error());
  CHECK(client.value("SELECT 1") == "1");
  if (is_pgbouncer()) return;  // Runs as somebody else when the tests are root.
  Session console(where + " dbname=pgbouncer user=pgbouncer");
  CHECK_MESSAGE(console.alive(), console.error());
}
