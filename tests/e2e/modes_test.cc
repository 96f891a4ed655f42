// modes_test.cc: session, transaction and statement mode, and which of them applies to whom.
#include <doctest/doctest.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

}  // namespace

TEST_CASE("session mode: the server is the client's until it leaves, then it is as new") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers).line("pool_mode = session"));
    std::string pid;
    {
      Session first(pgweir.conninfo());
      pid = first.value("SELECT pg_backend_pid()");
      first.run("CREATE TEMP TABLE mine (a int); SET work_mem = '123kB'");
      first.run("SELECT pg_advisory_lock(7); LISTEN news; PREPARE p AS SELECT 1");
      Session second(pgweir.conninfo());
      second.send("SELECT pg_backend_pid()");
      CHECK(second.busy_for(150ms));
      CHECK(first.value("SELECT pg_backend_pid()") == pid);
      CHECK(first.value("SHOW work_mem") == "123kB");
    }
    Session next(pgweir.conninfo());
    CHECK(next.value("SELECT to_regclass('pg_temp.mine') IS NULL") == "t");
    CHECK(next.value("SHOW work_mem") != "123kB");
    CHECK(next.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0");
    CHECK(next.value("SELECT count(*) FROM pg_listening_channels()") == "0");
    CHECK(next.value("SELECT count(*) FROM pg_prepared_statements") == "0");
  }
}

TEST_CASE("session mode: a server that was left clean serves the next client") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers).line("pool_mode = session"));
    const std::string pid = Session(pgweir.conninfo()).value("SELECT pg_backend_pid()");
    CHECK(Session(pgweir.conninfo()).value("SELECT pg_backend_pid()") == pid);
  }
}

TEST_CASE("session mode: a client that leaves in a transaction leaks nothing") {
  Pgweir pgweir(pool_of(1).line("pool_mode = session"));
  {
    Session first(pgweir.conninfo());
    first.run("BEGIN; CREATE TABLE half_made (a int)");
  }
  Session next(pgweir.conninfo());
  CHECK(next.value("SELECT to_regclass('half_made') IS NULL") == "t");
  CHECK(next.transaction() == PQTRANS_IDLE);
}

TEST_CASE("statement mode refuses transaction blocks and serves the rest") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(1, workers).line("pool_mode = statement"));
    Session session(pgweir.conninfo());
    CHECK(session.value("SELECT 1") == "1");
    CHECK(session.params("SELECT $1::int", {"2"}).value() == "2");
    RawClient blocks(pgweir.port());
    REQUIRE(blocks.login());
    blocks.send(query("BEGIN"));
    const Farewell farewell = blocks.farewell();
    CHECK(farewell.text == "transaction blocks not allowed in statement pooling mode");
    CHECK(farewell.closed);
    CHECK(session.value("SELECT 3") == "3");
  }
}

TEST_CASE("pool_mode and pool_size of a database line and of a user") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Pgweir pgweir(pool_of(5)
                    .database("sticky = " + where + " dbname=shop pool_mode=session pool_size=1")
                    .user("bob = pool_mode=session"));
  Session sticky(pgweir.conninfo("alice", "sticky"));
  CHECK(sticky.value("SELECT 1") == "1");
  Session second(pgweir.conninfo("alice", "sticky"));
  second.send("SELECT 2");
  CHECK(second.busy_for(150ms));

  Session bob(pgweir.conninfo("bob"));
  const std::string pid = bob.value("SELECT pg_backend_pid()");
  Session other_bob(pgweir.conninfo("bob"));
  CHECK(other_bob.value("SELECT pg_backend_pid()") != pid);
}

TEST_CASE("a forced user: whoever comes, the server sees that one") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Pgweir pgweir(pool_of(1).database("forced = " + where + " dbname=shop user=carol"));
  Session alice(pgweir.conninfo("alice", "forced"));
  Session bob(pgweir.conninfo("bob", "forced"));
  CHECK(alice.value("SELECT current_user") == "carol");
  CHECK(alice.value("SELECT pg_backend_pid()") == bob.value("SELECT pg_backend_pid()"));
}

TEST_CASE("the fallback database serves names that have no line") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Settings settings = pool_of(1);
  settings.databases = {"* = " + where};
  Pgweir pgweir(settings);
  Session depot(pgweir.conninfo("alice", "depot"));
  CHECK(depot.value("SELECT current_database()") == "depot");
}
