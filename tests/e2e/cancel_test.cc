// cancel_test.cc: a cancel hits the query it was aimed at, or none.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <random>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/fake_server.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

void cancel_by_libpq(Session& session) {
  PGcancel* key = PQgetCancel(session.raw());
  char error[256] = "";
  CHECK_MESSAGE(PQcancel(key, error, sizeof error) == 1, error);
  PQfreeCancel(key);
}

std::string wrong_key(std::mt19937& random) {
  std::string key(8, 0);
  for (char& byte : key) byte = static_cast<char>(random() & 0xffU);
  return key;
}

// The query runs on a server: PostgreSQL sees it.
bool runs(Witness& witness, const std::string& mark) {
  return eventually(
      [&] { return witness.backends("state = 'active' AND query LIKE '%" + mark + "%'") > 0; });
}

struct Hits {
  int all = 0;
  int on_servers = 0;  // pgweir answers for those that wait in line.
};

// A thousand cancels at half of a hundred clients. Who asked for none is hit by none, and every
// answer is its own client's.
Hits shoot(const Pgweir& pgweir, unsigned seed) {
  std::mt19937 random(seed);
  Crowd crowd(pgweir.conninfo(), 100);
  std::vector<int> aimed(100, 0);
  std::vector<int> hit(100, 0);
  int cancels = 0;
  int strange = 0;
  Hits hits;
  const bool all = crowd.run(
      [&](int client) -> std::optional<std::string> {
        if (cancels >= 1'000) return std::nullopt;
        // Some end before a cancel can come, some wait for it.
        const char* const span = std::array{"0.001", "0.01", "0.2"}[random() % 3];
        return std::string{"SELECT pg_sleep("} + span + "), " + std::to_string(client);
      },
      [&](int client, const Answer& answer) {
        if (answer.sqlstate() == "57014") {
          ++hit[static_cast<std::size_t>(client)];
          hits.on_servers += answer.field(PG_DIAG_SOURCE_FILE) == "postgres.c";
        } else {
          strange += answer.value(0, 1) != std::to_string(client);
        }
      },
      [&] {
        for (int i = 0; i < 5 && cancels < 1'000; ++i, ++cancels) {
          const int target = static_cast<int>(random() % 50);  // The other fifty are innocent.
          ++aimed[static_cast<std::size_t>(target)];
          cancel_by_libpq(crowd[target]);
          if (random() % 10 == 0) cancel(pgweir.port(), wrong_key(random));
        }
      });
  CHECK(all);
  CHECK(strange == 0);
  for (std::size_t client = 0; client < 100; ++client) {
    CHECK(hit[client] <= aimed[client]);
    hits.all += hit[client];
  }
  for (int client = 0; client < 100; ++client)
    CHECK(crowd[client].value("SELECT 'usable'") == "usable");
  return hits;
}

}  // namespace

TEST_CASE("a cancel ends the running query with 57014 and the session goes on") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(2, workers));
    Witness witness(Postgres::shared());
    Session session(pgweir.conninfo());
    Session innocent(pgweir.conninfo());
    innocent.send("SELECT pg_sleep(1), 'innocent'");
    session.send("SELECT pg_sleep(600), 'target'");
    REQUIRE(runs(witness, "target"));
    cancel_by_libpq(session);
    CHECK(session.next().sqlstate() == "57014");
    session.rest();
    CHECK(session.value("SELECT 'goes on'") == "goes on");
    CHECK(innocent.next().value(0, 1) == "innocent");
  }
}

TEST_CASE("a cancel in a transaction leaves the transaction failed, and only that") {
  Pgweir pgweir(pool_of(1));
  Witness witness(Postgres::shared());
  Session session(pgweir.conninfo());
  session.run("BEGIN");
  session.send("SELECT pg_sleep(600), 'in block'");
  REQUIRE(runs(witness, "in block"));
  cancel_by_libpq(session);
  CHECK(session.next().sqlstate() == "57014");
  session.rest();
  CHECK(session.transaction() == PQTRANS_INERROR);
  session.run("ROLLBACK");
  CHECK(session.value("SELECT 1") == "1");
}

TEST_CASE("a COPY out is cancelled in the middle") {
  Pgweir pgweir(pool_of(1));
  Session session(pgweir.conninfo());
  const Answer start = session.exec("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT");
  REQUIRE(start.status() == PGRES_COPY_OUT);
  char* row = nullptr;
  REQUIRE(PQgetCopyData(session.raw(), &row, 0) > 0);
  PQfreemem(row);
  cancel_by_libpq(session);
  while (PQgetCopyData(session.raw(), &row, 0) > 0) PQfreemem(row);
  CHECK(session.next().sqlstate() == "57014");
  session.rest();
  CHECK(session.value("SELECT 1") == "1");
}

TEST_CASE("a cancel of a waiting client ends the wait and the session stays usable") {
  if (is_pgbouncer()) return;  // It drops the client.
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    Session console(pgweir.console());
    Session holder(pgweir.conninfo());
    holder.run("BEGIN");
    Session waits(pgweir.conninfo());
    waits.send("SELECT 1");
    REQUIRE(eventually([&] { return pool_figure(console, "cl_waiting") == 1; }));
    cancel_by_libpq(waits);
    CHECK(waits.next().sqlstate() == "57014");
    waits.rest();
    CHECK(pool_figure(console, "cl_waiting") == 0);
    holder.run("COMMIT");
    CHECK(waits.value("SELECT 'usable'") == "usable");
  }
}

TEST_CASE("a cancel of a waiting pipeline answers up to its Sync") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(pool_of(1));
  Session console(pgweir.console());
  Session holder(pgweir.conninfo());
  holder.run("BEGIN");
  RawClient waits(pgweir.port());
  REQUIRE(waits.login());
  waits.send(message('P', zero_ended("") + zero_ended("SELECT 1") + be16(0)) +
             message('B', zero_ended("") + zero_ended("") + be16(0) + be16(0) + be16(0)) +
             message('E', zero_ended("") + be32(0)) + message('S', ""));
  REQUIRE(eventually([&] { return pool_figure(console, "cl_waiting") == 1; }));
  cancel(pgweir.port(), waits.key());
  const auto messages = waits.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == "EZ");
  CHECK(sqlstate_in(*messages) == "57014");
  holder.run("COMMIT");
  CHECK(waits.value("SELECT 'in step'") == "in step");
}

TEST_CASE("a cancel with a wrong key is closed without a word, or as rubbish, and hits nobody") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    RawClient busy(pgweir.port());
    REQUIRE(busy.login());
    busy.send(query("SELECT pg_sleep(0.5), 1"));
    std::string wrong = busy.key();
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    for (const std::string& key : {wrong, std::string(8, '\0'), std::string(), std::string(4, 'k'),
                                   std::string(256, 'k'), std::string(3'000, 'k')}) {
      RawClient stranger(pgweir.port());
      stranger.send(untagged(kCancelRequest, key));
      const Farewell farewell = stranger.farewell();
      CHECK(farewell.closed);
      if (key.size() == 8) CHECK(farewell.sqlstate.empty());
    }
    const auto messages = busy.read_through('Z');
    REQUIRE(messages.has_value());
    CHECK(sqlstate_in(*messages).empty());
  }
}

TEST_CASE("a cancel that comes when the query is over hits neither client of the server") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers));
    RawClient target(pgweir.port());
    RawClient innocent(pgweir.port());
    REQUIRE(target.login());
    REQUIRE(innocent.login());
    for (int round = 0; round < 50; ++round) {
      REQUIRE(target.value("SELECT 1") == "1");
      innocent.send(query("SELECT pg_sleep(0.01), 2"));
      cancel(pgweir.port(), target.key());
      const auto messages = innocent.read_through('Z');
      REQUIRE(messages.has_value());
      CHECK(sqlstate_in(*messages).empty());
    }
  }
}

TEST_CASE("a cancel goes to the machine that runs the query, also when its name leads elsewhere") {
  if (is_pgbouncer()) return;
  const std::string name = name_of({"127.0.0.2", "127.0.0.1"});
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Settings settings = pool_of(1, workers);
    settings.databases = {"shop = dbname=shop host=" + name +
                          " port=" + std::to_string(Postgres::shared().port())};
    settings.made_up_names = true;
    Pgweir pgweir(settings);
    Witness witness(Postgres::shared());
    Crowd crowd(pgweir.conninfo(), 2 * workers);
    // Nobody is at 127.0.0.2 yet: the one server is dialled at 127.0.0.1, and goes from worker to
    // worker as its clients ask in turn.
    for (int client = 0; client < 2 * workers; ++client)
      CHECK(crowd[client].value("SELECT 1") == "1");
    FakeServer other([](FakeSession&) {}, "127.0.0.2", Postgres::shared().port());
    for (int client = 0; client < 2 * workers; ++client) {
      const std::string mark = "target " + std::to_string(client);
      crowd[client].send("SELECT pg_sleep(600), '" + mark + "'");
      REQUIRE(runs(witness, mark));
      cancel_by_libpq(crowd[client]);
      CHECK(crowd[client].next().sqlstate() == "57014");
      crowd[client].rest();
    }
    CHECK(other.accepted() == 0);
  }
}

TEST_CASE("100 busy clients, 1,000 cancels, some late or wrong: no innocent query is hit") {
  const char* const given = std::getenv("WEIR_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 1;
  CAPTURE(seed);
  for (const int servers : {10, 100}) {  // Most wait in line, or all run.
    for (const int workers : worker_counts()) {
      CAPTURE(servers);
      CAPTURE(workers);
      Pgweir pgweir(pool_of(servers, workers).line("min_pool_size = 100"));
      Session console(pgweir.console());
      const Session first(pgweir.conninfo());
      REQUIRE(eventually([&] { return pool_figure(console, "sv_idle") == servers; }));
      const Hits hits = shoot(pgweir, seed);
      MESSAGE(hits.all << " of 1,000 cancels found their query, " << hits.on_servers
                       << " on its server");
      CHECK((servers == 10 ? hits.all - hits.on_servers : hits.on_servers) > 0);
    }
  }
}
