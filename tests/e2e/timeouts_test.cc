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

TEST_CASE("query_timeout cancels the query; client and server go on") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(with("query_timeout = 1\ndefault_pool_size = 1", workers));
    Session session(pgweir.conninfo());
    const std::string pid = session.exec("SELECT pg_backend_pid()").value();
    const Answer answer = session.exec("SELECT pg_sleep(600)");
    CHECK(answer.sqlstate() == "57014");
    CHECK(answer.text() == "canceling statement due to user request");
    CHECK(session.exec("SELECT pg_backend_pid()").value() == pid);
    session.run("BEGIN");
    CHECK(session.exec("SELECT pg_sleep(600)").sqlstate() == "57014");
    CHECK(session.exec("SELECT 1").sqlstate() == "25P02");
    session.run("ROLLBACK");
    CHECK(session.exec("SELECT 42").value() == "42");
  }
}

TEST_CASE("query_timeout ends a COPY whose rows do not come, and late ones do no harm") {
  Pgweir pgweir(with("query_timeout = 1\ndefault_pool_size = 1"));
  Session session(pgweir.conninfo());
  session.run("CREATE TEMP TABLE rows (a int)");
  const std::string pid = session.exec("SELECT pg_backend_pid()").value();
  PGresult* const started = PQexec(session.raw(), "COPY rows FROM STDIN");
  CHECK(PQresultStatus(started) == PGRES_COPY_IN);
  PQclear(started);
  const auto ended = [&] {
    return PQsocket(session.raw()) < 0 || PQconsumeInput(session.raw()) != 1;
  };
  for (int i = 0; i < 20; ++i) {
    REQUIRE(PQputCopyData(session.raw(), "1\n", 2) == 1);
    REQUIRE(PQflush(session.raw()) == 0);
  }
  Session other(pgweir.conninfo());  // It waits in line until the COPY is over.
  CHECK(eventually([&] { return other.exec("SELECT 1").ok(); }));
  CHECK_FALSE(ended());
  for (int i = 0; i < 20; ++i) REQUIRE(PQputCopyData(session.raw(), "1\n", 2) == 1);
  REQUIRE(PQputCopyEnd(session.raw(), nullptr) == 1);
  CHECK(session.next().sqlstate() == "57014");
  CHECK(session.exec("SELECT pg_backend_pid()").value() == pid);
}

TEST_CASE("who waits in line for longer than query_timeout hears 57014, and stays") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(with("query_timeout = 1\ndefault_pool_size = 1", workers));
    Session holder(pgweir.conninfo());
    Session waiting(pgweir.conninfo());
    holder.run("BEGIN");
    const Answer answer = waiting.exec("SELECT 1");
    CHECK(answer.sqlstate() == "57014");
    CHECK(answer.text() == "query_timeout");
    holder.run("COMMIT");
    CHECK(waiting.exec("SELECT 42").value() == "42");
  }
}

TEST_CASE("client_lifetime ends a client between two transactions, and libpq connects again") {
  Pgweir pgweir(with("client_lifetime = 0.4"));
  Session session(pgweir.conninfo());
  session.run("BEGIN");
  const std::string pid = session.exec("SELECT pg_backend_pid()").value();
  CHECK(session.exec("SELECT pg_sleep(0.8)").ok());
  session.run("COMMIT");
  CHECK(eventually([&] { return !session.exec("SELECT 1").ok(); }));
  CHECK(eventually(
      [&] { return pgweir.log().find("client_lifetime (57P01)") != std::string::npos; }));
  PQreset(session.raw());
  CHECK(session.exec("SELECT pg_backend_pid()").value() == pid);
}

TEST_CASE("query_timeout_action = close ends the query, at the server too") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Witness witness(Postgres::shared());
    Pgweir pgweir(with("query_timeout = 0.3\nquery_timeout_action = close", workers));
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
  CHECK(eventually([&] { return !session.exec("SELECT 1").ok(); }));
  // libpq keeps an error to itself that comes between two queries.
  CHECK(pgweir.log().find("transaction timeout (25P04)") != std::string::npos);
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
