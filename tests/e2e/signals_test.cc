// signals_test.cc: SIGHUP, SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 as PgBouncer has them, and the
// console's words that mean the same.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool refuses(const Pgweir& pgweir) {
  Session session(pgweir.conninfo());
  return !session.alive() && session.error().find("refused") != std::string::npos;
}

std::string by_unix_socket(const Pgweir& pgweir, const std::string& database,
                           const std::string& user) {
  return "host=" + pgweir.file("") + " port=" + std::to_string(pgweir.port()) +
         " dbname=" + database + " user=" + user;
}

}  // namespace

TEST_CASE("SIGHUP begins a new log file when the old one has been moved away") {
  if (is_pgbouncer()) return;  // Its user may not write here.
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers).line("logfile = own.log"));
    Session before(pgweir.conninfo("alice"));
    REQUIRE_MESSAGE(before.alive(), before.error());
    const auto old_log = [&] { return read_file(pgweir.file("own.log.1")); };
    const auto new_log = [&] { return read_file(pgweir.file("own.log")); };
    CHECK(eventually([&] { return says(new_log(), "shop/alice@"); }));
    std::filesystem::rename(pgweir.file("own.log"), pgweir.file("own.log.1"));
    pgweir.signal(SIGHUP);
    CHECK(eventually([&] { return std::filesystem::exists(pgweir.file("own.log")); }));
    CHECK(Session(pgweir.conninfo("bob")).value("SELECT 1") == "1");
    CHECK(eventually([&] { return says(new_log(), "shop/bob@"); }));
    CHECK_FALSE(says(new_log(), "shop/alice@"));
    CHECK_FALSE(says(old_log(), "shop/bob@"));
    CHECK(before.value("SELECT 1") == "1");
  }
}

TEST_CASE("a SIGHUP with a bad file changes nothing") {
  Pgweir pgweir(pool_of(1));
  pgweir.write(pool_of(5).line("no_such_key = 1"));
  pgweir.signal(SIGHUP);
  CHECK(eventually([&] { return pgweir.log().find("no_such_key") != std::string::npos; }));
  if (is_pgbouncer()) return;
  Session holder(pgweir.conninfo());
  holder.run("BEGIN");
  Session waits(pgweir.conninfo());
  waits.send("SELECT 1");
  CHECK(waits.busy_for(150ms));
  holder.run("COMMIT");
  CHECK(waits.next().ok());
}

TEST_CASE("SIGTERM: no new clients, those inside finish, then exit 0") {
  if (is_pgbouncer()) return;  // Since 1.23.
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(2, workers));
    Session in_transaction(pgweir.conninfo());
    in_transaction.run("BEGIN");
    auto idle = std::make_unique<Session>(pgweir.conninfo());
    pgweir.signal(SIGTERM);
    CHECK(eventually([&] { return refuses(pgweir); }));
    CHECK(idle->value("SELECT 'served still'") == "served still");
    in_transaction.run("COMMIT");
    CHECK(pgweir.running());
    idle.reset();
    CHECK(in_transaction.value("SELECT 'and me'") == "and me");
    in_transaction.vanish();
    CHECK(pgweir.wait() == 0);
  }
}

TEST_CASE("a second SIGTERM or SIGINT, whichever was the first: exit at once") {
  if (is_pgbouncer()) return;
  for (const int first : {SIGTERM, SIGINT}) {
    for (const int second : {SIGTERM, SIGINT}) {
      for (const int workers : worker_counts()) {
        CAPTURE(first);
        CAPTURE(second);
        CAPTURE(workers);
        Pgweir pgweir(pool_of(2, workers));
        Session inside(pgweir.conninfo());
        inside.run("BEGIN");
        pgweir.signal(first);
        CHECK(eventually([&] { return refuses(pgweir); }));
        CHECK(inside.value("SELECT 'in peace'") == "in peace");
        pgweir.signal(second);
        CHECK(pgweir.wait() == 0);
        CHECK_FALSE(inside.exec("COMMIT").ok());
      }
    }
  }
}

TEST_CASE("SIGQUIT: exit at once") {
  if (is_pgbouncer()) return;
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(2, workers));
    Witness witness(Postgres::shared());
    Session inside(pgweir.conninfo());
    inside.run("BEGIN");
    pgweir.signal(SIGQUIT);
    CHECK(pgweir.wait() == 0);
    CHECK_FALSE(inside.exec("COMMIT").ok());
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") == 0; }));
  }
}

TEST_CASE(
    "while a shutdown waits the console answers by the unix socket, and nobody else gets in") {
  if (is_pgbouncer()) return;  // Since 1.25.
  for (const int number : {SIGTERM, SIGINT}) {
    for (const int workers : worker_counts()) {
      CAPTURE(number);
      CAPTURE(workers);
      Pgweir pgweir(pool_of(2, workers));
      Session inside(pgweir.conninfo());
      inside.run("BEGIN");
      pgweir.signal(number);
      REQUIRE(eventually([&] { return refuses(pgweir); }));
      Session console(by_unix_socket(pgweir, "pgweir", "pgweir"));
      REQUIRE_MESSAGE(console.alive(), console.error());
      CHECK(pool_figure(console, "sv_active") == 1);
      Session other(by_unix_socket(pgweir, "shop", "alice"));
      CHECK_FALSE(other.alive());
      CHECK(says(other.error(), "pooler is shutting down"));
      CHECK(inside.value("SELECT 'in peace'") == "in peace");
      CHECK(pgweir.running());
      console.send("SHUTDOWN");
      CHECK(pgweir.wait() == 0);
    }
  }
}

TEST_CASE("SIGINT: waits for the servers in use, then exit 0") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session busy(pgweir.conninfo());
    busy.run("BEGIN");
    Session idle(pgweir.conninfo());
    pgweir.signal(SIGINT);
    if (!is_pgbouncer()) CHECK(eventually([&] { return refuses(pgweir); }));
    CHECK(busy.value("SELECT 'in peace'") == "in peace");
    busy.run("COMMIT");
    CHECK(pgweir.wait() == 0);
    CHECK_FALSE(idle.exec("SELECT 1").ok());
  }
}

TEST_CASE("SIGINT: a client that waits for a server is told so") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  Session busy(pgweir.conninfo());
  busy.run("BEGIN");
  RawClient waiting(pgweir.port());
  REQUIRE(waiting.login());
  waiting.send(query("SELECT 1"));
  REQUIRE(eventually([&] { return pool_figure(console, "cl_waiting") == 1; }));
  pgweir.signal(SIGINT);
  const Farewell farewell = waiting.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.text == "server shutting down");
  CHECK(farewell.sqlstate == "57P01");
  busy.run("COMMIT");
  CHECK(pgweir.wait() == 0);
}

TEST_CASE("SIGUSR1 and SIGUSR2 say by name that PAUSE and RESUME are not built yet") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(Settings::on(Postgres::shared()));
  pgweir.signal(SIGUSR1);
  CHECK(eventually([&] { return says(pgweir.log(), "got SIGUSR1, which means nothing: PAUSE"); }));
  pgweir.signal(SIGUSR2);
  CHECK(eventually([&] { return says(pgweir.log(), "got SIGUSR2, which means nothing: RESUME"); }));
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE("a stop asked on the console, then one SIGTERM: exit at once") {
  if (is_pgbouncer()) return;
  for (const char* command : {"SHUTDOWN WAIT_FOR_CLIENTS", "SHUTDOWN WAIT_FOR_SERVERS"}) {
    CAPTURE(command);
    Pgweir pgweir(Settings::on(Postgres::shared()));
    Session inside(pgweir.conninfo());
    inside.run("BEGIN");
    Session console(pgweir.console());
    CHECK(console.exec(command).tag() == "SHUTDOWN");
    CHECK(inside.value("SELECT 1") == "1");
    pgweir.signal(SIGTERM);
    CHECK(pgweir.wait() == 0);
  }
}

TEST_CASE("two milder stops asked on the console stay mild") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(Settings::on(Postgres::shared()));
  Session inside(pgweir.conninfo());
  inside.run("BEGIN");
  Session console(pgweir.console());
  CHECK(console.exec("SHUTDOWN WAIT_FOR_CLIENTS").tag() == "SHUTDOWN");
  CHECK(console.exec("SHUTDOWN WAIT_FOR_SERVERS").tag() == "SHUTDOWN");
  CHECK(inside.value("SELECT 'in peace'") == "in peace");
  inside.run("COMMIT");
  CHECK(pgweir.wait() == 0);
}
