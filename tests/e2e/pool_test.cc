// pool_test.cc: how many servers, for whom, for how long, and who waits. Limits are exact over
// all workers: PostgreSQL counts.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

bool has_answer(const std::unique_ptr<Session>& session) {
  PQconsumeInput(session->raw());
  return PQisBusy(session->raw()) == 0;
}

int evictions(const Pgweir& pgweir) {
  const std::string log = pgweir.log();
  int count = 0;
  for (auto at = log.find(": evicted"); at != std::string::npos; at = log.find(": evicted", at + 1))
    ++count;
  return count;
}

// Every one of `size` clients holds a transaction at once, and one more has to wait: the pool is
// whole, neither a place lost nor one too many.
void check_whole(Pgweir& pgweir, int size) {
  std::vector<std::unique_ptr<Session>> holders;
  for (int i = 0; i < size; ++i) {
    holders.push_back(std::make_unique<Session>(pgweir.conninfo()));
    CHECK(holders.back()->exec("BEGIN").ok());
  }
  Session extra(pgweir.conninfo());
  extra.send("SELECT 'served'");
  CHECK(extra.busy_for(150ms));
  holders.front()->run("COMMIT");
  CHECK(extra.next().value() == "served");
  for (auto& holder : holders) holder->exec("ROLLBACK");
}

}  // namespace

TEST_CASE("200 clients on 5 servers: all are answered and PostgreSQL never sees a sixth") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(5, workers));
    Witness witness(Postgres::shared());
    const Limit limit(witness, "ROLE alice", 5);
    Crowd crowd(pgweir.conninfo(), 200);
    std::vector<int> asked(200, 0);
    int wrong = 0;
    const bool all = crowd.run(
        [&](int client) -> std::optional<std::string> {
          const auto i = static_cast<std::size_t>(client);
          if (asked[i] == 20) return std::nullopt;
          return "SELECT " + std::to_string(client * 100 + asked[i]++);
        },
        [&](int client, const Answer& answer) {
          const int expected = client * 100 + asked[static_cast<std::size_t>(client)] - 1;
          wrong += answer.value() != std::to_string(expected);
        },
        [&] { witness.look("usename = 'alice'"); });
    CHECK(all);
    CHECK(wrong == 0);
    CHECK(limit.excesses() == 0);
    CHECK(witness.most() <= 5);
    CHECK(witness.most() > 0);
  }
}

TEST_CASE("after a storm of connects and disconnects the pool is whole") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(4, workers));
    Witness witness(Postgres::shared());
    const Limit limit(witness, "ROLE alice", is_pgbouncer() ? -1 : 4);
    for (int round = 0; round < 100; ++round) {
      Session asks(pgweir.conninfo());
      CHECK(asks.value("SELECT 1") == "1");
      Session says_nothing(pgweir.conninfo());
      RawClient no_login(pgweir.port());
      RawClient leaves_at_once(pgweir.port());
      leaves_at_once.login();
      leaves_at_once.reset();
      witness.look("usename = 'alice'");
    }
    CHECK(witness.most() <= 4);
    check_whole(pgweir, 4);
    CHECK(limit.excesses() == 0);
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") <= 4; }));
  }
}

TEST_CASE("after clients were killed in the middle of transactions the pool is whole") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(4, workers));
    Witness witness(Postgres::shared());
    const Limit limit(witness, "ROLE alice", is_pgbouncer() ? -1 : 4);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::unique_ptr<Session>> doomed;
      for (int i = 0; i < 8; ++i) {  // Four hold a transaction, four wait for one.
        doomed.push_back(std::make_unique<Session>(pgweir.conninfo()));
        doomed.back()->send("BEGIN; SELECT pg_sleep(0.001)");
      }
      CHECK(eventually([&] { return std::ranges::any_of(doomed, has_answer); }));
      for (auto& session : doomed) session->vanish();
    }
    check_whole(pgweir, 4);
    CHECK(limit.excesses() == 0);
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") <= 4; }));
    Session console(pgweir.console());
    CHECK(eventually([&] { return pool_figure(console, "cl_active") == 0; }));
    CHECK(eventually([&] { return pool_figure(console, "cl_waiting") == 0; }));
  }
}

TEST_CASE("a client that asks nothing takes no server") {
  Pgweir pgweir(pool_of(1));
  Session idle(pgweir.conninfo());
  Session asks(pgweir.conninfo());
  CHECK(asks.value("SELECT 1") == "1");
  CHECK(idle.value("SELECT 2") == "2");
  CHECK(asks.value("SELECT pg_backend_pid()") == idle.value("SELECT pg_backend_pid()"));
}

TEST_CASE("pools of different users and databases are different") {
  Pgweir pgweir(pool_of(1));
  Session alice(pgweir.conninfo("alice", "shop"));
  Session bob(pgweir.conninfo("bob", "shop"));
  Session depot(pgweir.conninfo("alice", "depot"));
  alice.run("BEGIN");
  CHECK(bob.value("SELECT current_user || ' in ' || current_database()") == "bob in shop");
  CHECK(depot.value("SELECT current_user || ' in ' || current_database()") == "alice in depot");
  alice.run("COMMIT");
}

TEST_CASE("max_db_connections is exact over users and workers, and idle ones make room") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(5, workers).line("max_db_connections = 3"));
    Witness witness(Postgres::shared());
    Session bob(pgweir.conninfo("bob"));
    bob.run("SELECT 1");  // His idle server goes when alice wants all three places.
    std::vector<std::unique_ptr<Session>> holders;
    for (int i = 0; i < 3; ++i) {
      holders.push_back(std::make_unique<Session>(pgweir.conninfo("alice")));
      holders.back()->run("BEGIN");
    }
    bob.send("SELECT 'room'");
    CHECK(bob.busy_for(200ms));
    holders.front()->run("COMMIT");  // Alice's server is idle now; bob's needs its place.
    CHECK(bob.next().value() == "room");
    CHECK(eventually([&] { return witness.backends("datname = 'shop'") <= 3; }));
    Session depot(pgweir.conninfo("bob", "depot"));  // Another database is not concerned.
    CHECK(depot.value("SELECT 1") == "1");
  }
}

TEST_CASE("PostgreSQL never sees more than a shared limit while pools take places of each other") {
  if (is_pgbouncer()) return;  // It dials before PostgreSQL has let go of the last one.
  struct Shared {
    std::string setting;
    std::string counted;
    std::vector<std::pair<std::string, std::string>> pools;  // User and database.
  };
  const Shared cases[] = {{"max_db_connections = 3",
                           "DATABASE shop",
                           {{"alice", "shop"}, {"bob", "shop"}, {"carol", "shop"}}},
                          {"max_user_connections = 3",
                           "ROLE alice",
                           {{"alice", "shop"}, {"alice", "depot"}, {"alice", "postgres"}}}};
  for (const Shared& shared : cases) {
    for (const int workers : worker_counts()) {
      CAPTURE(shared.setting);
      CAPTURE(workers);
      const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
      Pgweir pgweir(pool_of(5, workers).line(shared.setting).database("postgres = " + where));
      Witness witness(Postgres::shared());
      const Limit limit(witness, shared.counted, 3);
      std::vector<std::string> conninfos;
      for (int i = 0; i < 24; ++i) {
        const auto& [user, database] = shared.pools[static_cast<std::size_t>(i) % 3];
        conninfos.push_back(pgweir.conninfo(user, database));
      }
      Crowd crowd(conninfos);
      for (int round = 0; round < 40; ++round) {  // One pool asks, then another, then all.
        std::vector<int> left(24, 2);
        CHECK(crowd.run(
            [&](int client) -> std::optional<std::string> {
              const bool asks = round % 4 == 3 || client % 3 == round % 4;
              if (!asks || left[static_cast<std::size_t>(client)]-- == 0) return std::nullopt;
              return "SELECT pg_sleep(0.001)";
            },
            [](int, const Answer& answer) { CHECK(answer.ok()); }));
      }
      CHECK(limit.excesses() == 0);
      CHECK(evictions(pgweir) > 20);
    }
  }
}

TEST_CASE("max_db_connections of a database line beats the global one") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Pgweir pgweir(pool_of(5).database("narrow = " + where + " dbname=shop max_db_connections=1"));
  Session one(pgweir.conninfo("alice", "narrow"));
  Session two(pgweir.conninfo("alice", "narrow"));
  one.run("BEGIN");
  two.send("SELECT 1");
  CHECK(two.busy_for(200ms));
  one.run("COMMIT");
  CHECK(two.next().value() == "1");
}

TEST_CASE("max_user_connections is exact over databases and workers") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(5, workers).line("max_user_connections = 3"));
    Witness witness(Postgres::shared());
    std::vector<std::unique_ptr<Session>> holders;
    for (int i = 0; i < 3; ++i) {
      holders.push_back(
          std::make_unique<Session>(pgweir.conninfo("alice", i == 0 ? "depot" : "shop")));
      holders.back()->run("BEGIN");
    }
    Session depot(pgweir.conninfo("alice", "depot"));
    depot.send("SELECT 'room'");
    CHECK(depot.busy_for(200ms));
    Session bob(pgweir.conninfo("bob"));
    CHECK(bob.value("SELECT 1") == "1");
    holders.back()->run("COMMIT");  // An idle server of `shop` makes room for one of `depot`.
    CHECK(depot.next().value() == "room");
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") <= 3; }));
  }
}

TEST_CASE("two users compete for one place of the database: both are served in the end") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(5, workers).line("max_db_connections = 1"));
    Session bob(pgweir.conninfo("bob"));
    bob.run("SELECT 1");
    Crowd alices(pgweir.conninfo("alice"), 4);
    int left = 400;
    int bobs = 0;
    bob.send("SELECT 1");
    const bool all = alices.run(
        [&](int) -> std::optional<std::string> {
          return left-- > 0 ? std::optional<std::string>("SELECT 1") : std::nullopt;
        },
        [](int, const Answer& answer) { CHECK(answer.ok()); },
        [&] {
          PQconsumeInput(bob.raw());
          if (PQisBusy(bob.raw()) != 0) return;
          bobs += static_cast<int>(bob.rest().size());
          bob.send("SELECT 1");
        });
    CHECK(all);
    CHECK(bob.next().ok());  // At the latest when the alices have gone quiet.
    MESSAGE("bob was served " << bobs << " times among 400 of alice's");
  }
}

TEST_CASE("max_client_conn refuses one more, but not on the console") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(2, workers).line("max_client_conn = 5"));
    {
      Crowd five(pgweir.conninfo(), 5);
      RawClient sixth(pgweir.port());
      sixth.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
      const Farewell refused = sixth.farewell();
      CHECK(refused.closed);
      CHECK(refused.text == "no more connections allowed (max_client_conn)");
      if (!is_pgbouncer()) CHECK(refused.sqlstate == "53300");
      Session console(pgweir.console());
      CHECK_MESSAGE(console.alive(), console.error());
      CHECK(five[0].value("SELECT 1") == "1");
    }
    CHECK(eventually([&] { return Session(pgweir.conninfo()).alive(); }));
  }
}

TEST_CASE("query_wait_timeout ends the wait of a client that waited too long") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session holder(pgweir.conninfo());
    holder.run("BEGIN");
    // Not before: the holder may wait for the first login as long as it takes.
    pgweir.reload(pool_of(1, workers).line("query_wait_timeout = 1"));
    Session waits(pgweir.conninfo());
    const Answer answer = waits.exec("SELECT 1");
    CHECK(answer.text() == "query_wait_timeout");
    CHECK(answer.sqlstate().size() == 5);
    CHECK_FALSE(waits.alive());
    holder.run("COMMIT");
    CHECK(holder.value("SELECT 1") == "1");
  }
}

TEST_CASE("a waiting client that goes away leaves the line") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session console(pgweir.console());
    Session holder(pgweir.conninfo());
    holder.run("BEGIN");
    const auto waiting = [&](int count) {
      return eventually([&] { return pool_figure(console, "cl_waiting") == count; });
    };
    Session polite(pgweir.conninfo());
    Session killed(pgweir.conninfo());
    polite.send("SELECT 1"), killed.send("SELECT 1");
    CHECK(waiting(2));
    killed.vanish();
    CHECK(waiting(1));
    PQreset(polite.raw());  // Says Terminate and comes again.
    CHECK(waiting(0));
    Session next(pgweir.conninfo());
    next.send("SELECT 'mine'");
    CHECK(waiting(1));
    holder.run("COMMIT");
    CHECK(next.next().value() == "mine");
  }
}

TEST_CASE("waiting clients are served oldest first") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session direct(Postgres::shared().conninfo());
    direct.run("DROP SEQUENCE IF EXISTS turn; CREATE SEQUENCE turn; GRANT ALL ON turn TO alice");
    Session console(pgweir.console());
    Session holder(pgweir.conninfo());
    holder.run("BEGIN");
    std::vector<std::unique_ptr<Session>> line;
    for (int i = 1; i <= 12; ++i) {
      line.push_back(std::make_unique<Session>(pgweir.conninfo()));
      line.back()->send("SELECT nextval('turn')");
      REQUIRE(eventually([&] { return pool_figure(console, "cl_waiting") == i; }));
      // Between workers the order is kept but for a slack of 10 ms (pool/exchange.h).
      CHECK(line.back()->busy_for(25ms));
    }
    holder.run("COMMIT");
    std::string turns;
    for (auto& session : line) turns += session->next().value() + " ";
    CHECK(turns == "1 2 3 4 5 6 7 8 9 10 11 12 ");
    direct.run("DROP SEQUENCE turn");
  }
}

TEST_CASE("min_pool_size keeps servers ready for a pool with a client") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(5, workers).line("min_pool_size = 3"));
    Witness witness(Postgres::shared());
    Session client(pgweir.conninfo());
    CHECK(eventually([&] { return witness.backends("usename = 'alice'") == 3; }));
    CHECK(client.value("SELECT 1") == "1");
    const std::string now = witness.session().value("SELECT clock_timestamp()");
    witness.session().run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'alice'");
    CHECK(eventually([&] {
      return witness.backends("usename = 'alice' AND backend_start > '" + now + "'") == 3;
    }));
  }
}

TEST_CASE("server_idle_timeout closes a server that nobody used for so long") {
  Pgweir pgweir(pool_of(5).line("server_idle_timeout = 1"));
  Witness witness(Postgres::shared());
  Session client(pgweir.conninfo());
  CHECK(client.value("SELECT 1") == "1");
  CHECK(eventually([&] { return witness.backends("usename = 'alice'") == 0; }));
  CHECK(client.value("SELECT 2") == "2");
}

TEST_CASE("server_lifetime closes a server when it is released") {
  Pgweir pgweir(pool_of(1).line("server_lifetime = 1"));
  Session client(pgweir.conninfo());
  const std::string first = client.value("SELECT pg_backend_pid()");
  CHECK(eventually([&] { return client.value("SELECT pg_backend_pid()") != first; }));
}
