// death_test.cc: servers that die: idle, running, in a transaction, all at once; and come back.
// This program has a cluster of its own, because a backend killed with SIGKILL takes all along.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size))
      .line("server_login_retry = 1");
}

void terminate_all(Witness& witness) {
  witness.session().run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'alice'");
}

bool serves(const Pgweir& pgweir) {
  return eventually([&] {
    Session session(pgweir.conninfo());
    return session.exec("SELECT 'back'").ok();
  });
}

}  // namespace

TEST_CASE("a server that says goodbye while idle is replaced, and no client notices") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(2, workers));
    Witness witness(Postgres::shared());
    Session console(pgweir.console());
    Session session(pgweir.conninfo());
    for (int round = 0; round < 5; ++round) {
      CHECK(session.value("SELECT 1") == "1");
      terminate_all(witness);
      CHECK(eventually([&] { return pool_figure(console, "sv_idle") == 0; }));
      CHECK(session.value("SELECT 2") == "2");
    }
  }
}

TEST_CASE("a server that dies while it runs a query: the client hears why") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Witness witness(Postgres::shared());
    RawClient client(pgweir.port());
    REQUIRE(client.login());
    client.send(query("SELECT pg_sleep(600)"));
    REQUIRE(eventually([&] {
      return witness.backends("state = 'active' AND query LIKE '%pg_sleep(600)%'") == 1;
    }));
    terminate_all(witness);
    const auto first = client.read_through('E');
    REQUIRE(first.has_value());
    CHECK(sqlstate_in(*first) == "57P01");
    CHECK(client.ends());
    CHECK(serves(pgweir));
  }
}

TEST_CASE("a server that dies in a transaction ends its client's session, not a later one") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Witness witness(Postgres::shared());
    Session session(pgweir.conninfo());
    Session waiting(pgweir.conninfo());
    session.run("BEGIN");
    waiting.send("SELECT 'fresh'");
    CHECK(waiting.busy_for(100ms));
    terminate_all(witness);
    CHECK(waiting.next().value() == "fresh");
    CHECK_FALSE(session.exec("SELECT 1").ok());
    CHECK_FALSE(session.alive());
  }
}

TEST_CASE("a transaction is never carried on by another server") {
  Pgweir pgweir(pool_of(2));
  Witness witness(Postgres::shared());
  Session session(pgweir.conninfo());
  session.run("CREATE TABLE IF NOT EXISTS carried (a int); TRUNCATE carried");
  session.run("BEGIN; INSERT INTO carried VALUES (1)");
  terminate_all(witness);
  session.exec("INSERT INTO carried VALUES (2)");
  session.exec("COMMIT");
  Session next(pgweir.conninfo());
  CHECK(next.value("SELECT count(*) FROM carried") == "0");
}

TEST_CASE("a backend killed with SIGKILL: all sessions fall, then all is well again") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(3, workers));
    std::vector<std::unique_ptr<Session>> busy;
    for (int i = 0; i < 3; ++i) {
      busy.push_back(std::make_unique<Session>(pgweir.conninfo()));
      busy.back()->run("BEGIN");
    }
    const std::string pid = busy.front()->value("SELECT pg_backend_pid()");
    ::kill(std::atoi(pid.c_str()), SIGKILL);
    for (auto& session : busy) {  // The others fall when the postmaster has noticed.
      const bool fell = eventually([&] { return !session->exec("SELECT 1").ok(); });
      CHECK(fell);
    }
    CHECK(serves(pgweir));
    CHECK(pgweir.running());
  }
}

TEST_CASE("PostgreSQL restarts: idle clients stay and are served when it is back") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(3, workers));
    Session console(pgweir.console());
    std::vector<std::unique_ptr<Session>> idle;
    for (int i = 0; i < 10; ++i) {
      idle.push_back(std::make_unique<Session>(pgweir.conninfo()));
      idle.back()->run("SELECT 1");
    }
    Postgres::shared().stop();
    CHECK(eventually([&] { return pool_figure(console, "sv_idle") == 0; }));
    // Asked while it is down, they wait; asked when it is back, they are answered.
    for (int i = 0; i < 5; ++i) idle[static_cast<std::size_t>(i)]->send("SELECT 'asked early'");
    CHECK(idle[0]->busy_for(100ms));
    Postgres::shared().start();
    for (int i = 0; i < 5; ++i)
      CHECK(idle[static_cast<std::size_t>(i)]->next().value() == "asked early");
    for (int i = 5; i < 10; ++i)
      CHECK(idle[static_cast<std::size_t>(i)]->value("SELECT 'asked late'") == "asked late");
  }
}

TEST_CASE("started before PostgreSQL: clients wait for it") {
  Postgres::shared().stop();
  Pgweir pgweir(pool_of(2));
  RawClient early(pgweir.port());
  early.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
  early.send(query("SELECT 'early'"));
  const bool sent_away = early.readable(100ms) && early.ends(Deadline::in(100ms));
  CHECK_FALSE(sent_away);
  Postgres::shared().start();
  CHECK(serves(pgweir));
  // The early one was answered, or told why not; it is not left hanging.
  CHECK(early.readable(60s));
}

TEST_CASE("a server that is down: query_wait_timeout tells the client") {
  Pgweir pgweir(pool_of(1));
  Session session(pgweir.conninfo());
  session.run("SELECT 1");
  pgweir.reload(pool_of(1).line("query_wait_timeout = 1"));
  Postgres::shared().stop();
  Answer answer = session.exec("SELECT 1");
  CHECK_FALSE(answer.ok());
  Postgres::shared().start();
  CHECK(serves(pgweir));
}

TEST_CASE("a host that refuses and one that serves: only the first one's clients suffer") {
  const Port silent;
  Settings settings = pool_of(1);
  settings.database("nowhere = host=127.0.0.1 port=" + std::to_string(silent.number()) +
                    " dbname=x");
  Pgweir pgweir(settings);
  Session fine(pgweir.conninfo());
  REQUIRE_MESSAGE(fine.alive(), fine.error());
  pgweir.reload(settings.line("query_wait_timeout = 1"));
  RawClient lost(pgweir.port());
  lost.send(startup_packet({{"user", "alice"}, {"database", "nowhere"}}) + query("SELECT 1"));
  for (int i = 0; i < 20; ++i) CHECK(fine.value("SELECT 1") == "1");
  const Farewell farewell = lost.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate.size() == 5);
  if (!is_pgbouncer()) CHECK(farewell.sqlstate == "57P03");
}
