// timeouts_test.cc: what ends by itself: queries, transactions, silent clients, pools without use;
// and what a client that waits is told.
#include <doctest/doctest.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/seen.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings with(const std::string& line, int workers = 1) {
  return Settings::on(Postgres::shared(), workers).line(line);
}

}  // namespace

TEST_CASE("query_timeout ends the query, at the server too") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Witness witness(Postgres::shared());
    Pgweir pgweir(with("query_timeout = 0.3", workers));
    Session session(pgweir.conninfo());
    session.send("SELECT pg_sleep(600)");
    const Answer answer = session.next();
    CHECK(answer.text() == "query timeout");
    CHECK(answer.sqlstate() == "57014");
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") == 0; }));
  }
}

TEST_CASE("idle_transaction_timeout rolls back what nobody goes on with, and keeps the server") {
  Witness witness(Postgres::shared());
  Pgweir pgweir(with("idle_transaction_timeout = 0.3\ndefault_pool_size = 1"));
  Session session(pgweir.conninfo());
  session.run("SET application_name = 'ghost'");
  session.run("BEGIN; SELECT pg_advisory_lock(4711); CREATE TEMP TABLE left_behind (a int)");
  const std::string pid = session.exec("SELECT pg_backend_pid()").value();
  CHECK(eventually([&] {
    return witness.session().exec("SELECT count(*) FROM pg_locks WHERE objid = 4711").value() ==
           "0";
  }));
  Session next(pgweir.conninfo());
  CHECK(next.exec("SELECT pg_backend_pid()").value() == pid);
  CHECK(next.exec("SELECT to_regclass('left_behind') IS NULL").value() == "t");
  const Answer answer = session.exec("COMMIT");
  CHECK(answer.text() == "idle transaction timeout");
  CHECK(answer.sqlstate() == "25P03");
}

TEST_CASE("transaction_timeout ends a transaction however busy it is") {
  Pgweir pgweir(with("transaction_timeout = 0.5"));
  Session session(pgweir.conninfo());
  session.run("BEGIN");
  Answer answer;
  CHECK(eventually([&] {
    answer = session.exec("SELECT 1");
    return !answer.ok();
  }));
  CHECK(answer.text() == "transaction timeout");
  CHECK(answer.sqlstate() == "25P04");
}

TEST_CASE("client_idle_timeout closes a silent client of one user, and none of another") {
  Witness witness(Postgres::shared());
  Pgweir pgweir(Settings::on(Postgres::shared()).user("alice = client_idle_timeout=1"));
  Session other(pgweir.conninfo("bob"));
  Session session(pgweir.conninfo());
  other.run("SELECT 1");
  session.run("SELECT 1");
  Session console(pgweir.console());
  CHECK(eventually([&] { return pool_figure(console, "cl_active") == 0; }));
  CHECK(pool_figure(console, "cl_active", "bob") == 1);
  const Answer answer = session.exec("SELECT 1");
  CHECK(answer.text() == "client_idle_timeout");
  CHECK(answer.sqlstate() == "57P05");
  other.run("SELECT 1");
}

TEST_CASE("query_wait_notify and login_notify_message reach libpq's notice receiver") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(
        with("query_wait_notify = 1\nlogin_notify_message = mind the step\n"
             "default_pool_size = 1",
             workers));
    Session holder(pgweir.conninfo());
    Session waiting(pgweir.conninfo());
    CHECK(waiting.notices() == std::vector<std::string>{"NOTICE:  mind the step\n"});
    holder.run("BEGIN");
    waiting.send("SELECT 42");
    CHECK(eventually([&] {
      PQconsumeInput(waiting.raw());
      PQisBusy(waiting.raw());
      return waiting.notices().size() == 2;
    }));
    holder.run("COMMIT");
    CHECK(waiting.next().value() == "42");
    CHECK(waiting.notices().back() ==
          "NOTICE:  No server connection available in postgres backend, client being queued\n");
  }
}

TEST_CASE("a pool behind * is forgotten after its last connection, and made again") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const std::string port = std::to_string(Postgres::shared().port());
    Settings settings = with("autodb_idle_timeout = 0.2\nserver_idle_timeout = 0.2", workers);
    settings.databases = {"* = host=127.0.0.1 port=" + port};
    Pgweir pgweir(settings);
    Session console(pgweir.console());
    for (int i = 0; i < 2; ++i) {
      Session(pgweir.conninfo()).run("SELECT 1");
      CHECK(eventually([&] { return pool_figure(console, "cl_active") == -1; }));
    }
  }
}
