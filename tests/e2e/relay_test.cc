// relay_test.cc: what clients say and servers answer goes through unchanged: both protocols,
// pipelines, COPY, notices, notifications, errors, transaction states.
#include <doctest/doctest.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings one_server() { return Settings::on(Postgres::shared()).line("default_pool_size = 1"); }

std::string extended(std::string_view sql) {
  return message('P', zero_ended("") + zero_ended(sql) + be16(0)) +
         message('B', zero_ended("") + zero_ended("") + be16(0) + be16(0) + be16(0)) +
         message('D', "P" + zero_ended("")) + message('E', zero_ended("") + be32(0));
}

}  // namespace

TEST_CASE("simple queries: rows, several results, an empty query, an error among them") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    Session session(pgweir.conninfo());
    CHECK(session.value("SELECT 6 * 7") == "42");
    const auto answers = session.exec_all("SELECT 1; SELECT 2, 3; SELECT generate_series(1, 4)");
    REQUIRE(answers.size() == 3);
    CHECK(answers[1].columns() == 2);
    CHECK(answers[2].rows() == 4);
    CHECK(session.exec("").status() == PGRES_EMPTY_QUERY);
    CHECK(session.exec("SELECT 1; SELECT 1 / 0; SELECT 2").sqlstate() == "22012");
    CHECK(session.value("SELECT 'still here'") == "still here");
  }
}

TEST_CASE("a query's row is what it was, byte for byte, at every size around the buffers") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  for (const int bytes :
       {0, 1, 100, 4'000, 4'095, 4'096, 4'097, 8'191, 16'384, 65'535, 65'536, 65'537, 1'000'000}) {
    const std::string sql = "SELECT repeat('x', " + std::to_string(bytes) + ") || '!'";
    CHECK(session.value(sql) == std::string(static_cast<std::size_t>(bytes), 'x') + "!");
    const std::string long_query =
        "SELECT length('" + std::string(static_cast<std::size_t>(bytes), 'y') + "')";
    CHECK(session.value(long_query) == std::to_string(bytes));
  }
}

TEST_CASE("extended protocol: parameters, errors, and the session after them") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    Session session(pgweir.conninfo());
    CHECK(session.params("SELECT $1::int + $2::int", {"40", "2"}).value() == "42");
    CHECK(session.params("SELECT 1 / $1::int", {"0"}).sqlstate() == "22012");
    CHECK(session.params("SELEKT $1", {"0"}).sqlstate() == "42601");
    CHECK(session.params("SELECT $1::text", {"after"}).value() == "after");
  }
}

TEST_CASE("an unnamed statement parsed before a Sync is usable after it inside a transaction") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  session.run("BEGIN");
  const Answer prepared(PQprepare(session.raw(), "", "SELECT $1::int", 1, nullptr));
  CHECK(prepared.status() == PGRES_COMMAND_OK);
  const char* values[] = {"5"};
  const Answer answer(PQexecPrepared(session.raw(), "", 1, values, nullptr, nullptr, 0));
  CHECK(answer.value() == "5");
  session.run("COMMIT");
}

TEST_CASE("Flush without Sync brings the answers so far, and the server stays ours") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  client.send(message('P', zero_ended("") + zero_ended("SELECT 1") + be16(0)) + message('H', ""));
  const auto parsed = client.read();
  REQUIRE(parsed.has_value());
  CHECK(parsed->tag == '1');

  Session other(pgweir.conninfo());
  other.send("SELECT 2");
  CHECK(other.busy_for(200ms));  // One server, and it is not free.

  client.send(message('B', zero_ended("") + zero_ended("") + be16(0) + be16(0) + be16(0)) +
              message('E', zero_ended("") + be32(0)) + message('H', ""));
  const auto bound = client.read_through('C');
  REQUIRE(bound.has_value());
  CHECK(tags_of(*bound) == "2DC");
  client.send(message('S', ""));
  const auto synced = client.read_through('Z');
  REQUIRE(synced.has_value());
  CHECK(tags_of(*synced) == "Z");
  CHECK(other.next().value() == "2");
}

TEST_CASE("a pipeline of 1,000 queries is answered in order") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    Session session(pgweir.conninfo());
    REQUIRE(PQenterPipelineMode(session.raw()) == 1);
    PQsetnonblocking(session.raw(), 1);
    for (int i = 0; i < 1'000; ++i) {
      const std::string value = std::to_string(i);
      const char* values[] = {value.c_str()};
      REQUIRE(PQsendQueryParams(session.raw(), "SELECT $1::int", 1, nullptr, values, nullptr,
                                nullptr, 0) == 1);
    }
    PQpipelineSync(session.raw());
    int in_order = 0;
    for (int i = 0; i < 1'000; ++i) {
      in_order += session.next().value() == std::to_string(i);
      CHECK_FALSE(session.next());  // Between two queries libpq gives a null.
    }
    CHECK(in_order == 1'000);
    CHECK(session.next().status() == PGRES_PIPELINE_SYNC);
    REQUIRE(PQexitPipelineMode(session.raw()) == 1);
    CHECK(session.value("SELECT 'out of it'") == "out of it");
  }
}

TEST_CASE("an error in a pipeline aborts up to the next Sync and no further") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  REQUIRE(PQenterPipelineMode(session.raw()) == 1);
  const auto ask = [&](const char* sql) {
    REQUIRE(PQsendQueryParams(session.raw(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1);
  };
  ask("SELECT 1"), ask("SELECT 1 / 0"), ask("SELECT 2");
  PQpipelineSync(session.raw());
  ask("SELECT 3");
  PQpipelineSync(session.raw());
  std::vector<ExecStatusType> seen;
  while (seen.size() < 6) {
    const Answer answer = session.next();
    if (answer)
      seen.push_back(answer.status());
    else if (!session.alive())
      break;
  }
  CHECK(seen == std::vector<ExecStatusType>{PGRES_TUPLES_OK, PGRES_FATAL_ERROR,
                                            PGRES_PIPELINE_ABORTED, PGRES_PIPELINE_SYNC,
                                            PGRES_TUPLES_OK, PGRES_PIPELINE_SYNC});
}

TEST_CASE("several Syncs and Queries sent in one write are answered one by one") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  client.send(query("SELECT 1") + extended("SELECT 2") + message('S', "") + message('S', "") +
              query("SELECT 1 / 0") + extended("SELECT 3") + message('S', ""));
  std::string tags;
  for (int ready = 0; ready < 5; ++ready) {
    const auto messages = client.read_through('Z');
    REQUIRE(messages.has_value());
    tags += tags_of(*messages);
  }
  CHECK(tags ==
        "TDCZ"
        "12TDCZ"
        "Z"
        "EZ"
        "12TDCZ");
}

TEST_CASE("a query sent a byte at a time is one query") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  const std::string startup = startup_packet({{"user", "alice"}, {"database", "shop"}});
  for (const char byte : startup) REQUIRE(client.send(std::string_view(&byte, 1)));
  REQUIRE(client.read_through('Z').has_value());
  const std::string sql = query("SELECT 'slow'");
  for (const char byte : sql) REQUIRE(client.send(std::string_view(&byte, 1)));
  const auto messages = client.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == "TDCZ");
}

TEST_CASE("COPY out and in, text and binary, bring the same rows back") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    Session session(pgweir.conninfo());
    session.run("DROP TABLE IF EXISTS copied; CREATE TABLE copied (a int, b text)");
    const std::string rows = copy_out(
        session, "COPY (SELECT i, repeat('z', i) FROM generate_series(1, 500) i) TO STDOUT");
    CHECK(copy_in(session, "COPY copied FROM STDIN", {rows}).tag() == "COPY 500");
    const std::string binary = copy_out(session, "COPY copied TO STDOUT (FORMAT binary)");
    session.run("TRUNCATE copied");
    std::vector<std::string> crumbs;
    for (std::size_t at = 0; at < binary.size(); at += 777)
      crumbs.push_back(binary.substr(at, 777));
    CHECK(copy_in(session, "COPY copied FROM STDIN (FORMAT binary)", crumbs).tag() == "COPY 500");
    CHECK(copy_out(session, "COPY copied TO STDOUT") == rows);
    session.run("DROP TABLE copied");
  }
}

TEST_CASE("COPY in that fails in the middle: late CopyData and CopyDone are swallowed") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  session.run("DROP TABLE IF EXISTS picky; CREATE TABLE picky (a int)");
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  client.send(query("COPY picky FROM STDIN"));
  REQUIRE(client.read_through('G').has_value());
  client.send(message('d', "1\n") + message('d', "not a number\n"));
  const auto failed = client.read_through('Z');  // The server complains before we are done…
  if (failed) CHECK(sqlstate_in(*failed) == "22P02");
  client.send(message('d', "2\n") + message('c', ""));  // …and we did not know it yet.
  CHECK(client.value("SELECT 'in step'") == "in step");
  CHECK(client.value("SELECT count(*) FROM picky") == "0");
  session.run("DROP TABLE picky");
}

TEST_CASE("COPY in that the client breaks off with CopyFail") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  session.run("DROP TABLE IF EXISTS broken_off; CREATE TABLE broken_off (a int)");
  REQUIRE(session.exec("COPY broken_off FROM STDIN").status() == PGRES_COPY_IN);
  PQputCopyData(session.raw(), "1\n", 2);
  PQputCopyEnd(session.raw(), "had enough");
  const auto answers = session.rest();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].sqlstate() == "57014");
  CHECK(session.value("SELECT count(*) FROM broken_off") == "0");
  session.run("DROP TABLE broken_off");
}

TEST_CASE("COPY in by the extended protocol, with the data in the same write as Sync") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  REQUIRE(client.ask("DROP TABLE IF EXISTS eager; CREATE TABLE eager (a int)").has_value());
  client.send(message('P', zero_ended("") + zero_ended("COPY eager FROM STDIN") + be16(0)) +
              message('B', zero_ended("") + zero_ended("") + be16(0) + be16(0) + be16(0)) +
              message('E', zero_ended("") + be32(0)) + message('d', "7\n") + message('d', "8\n") +
              message('c', "") + message('S', ""));
  const auto messages = client.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == "12GCZ");
  CHECK(client.value("SELECT sum(a) FROM eager") == "15");
  REQUIRE(client.ask("DROP TABLE eager").has_value());
}

TEST_CASE("two COPYs in one simple query") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  client.send(query("COPY (SELECT 1) TO STDOUT; COPY (SELECT 2) TO STDOUT; SELECT 3"));
  const auto messages = client.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == "HdcCHdcCTDCZ");
}

TEST_CASE("notices raised by a function arrive before its result") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  const auto messages =
      client.ask("DO $$ BEGIN FOR i IN 1..50 LOOP RAISE NOTICE 'number %', i; END LOOP; END $$");
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == std::string(50, 'N') + "CZ");
  CHECK(fields_of(messages->at(49).body)['M'] == "number 50");
}

TEST_CASE("ReadyForQuery tells the transaction's state, through errors and savepoints") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    Session session(pgweir.conninfo());
    CHECK(session.transaction() == PQTRANS_IDLE);
    session.run("BEGIN");
    CHECK(session.transaction() == PQTRANS_INTRANS);
    session.run("SAVEPOINT here");
    CHECK(session.exec("SELECT 1 / 0").sqlstate() == "22012");
    CHECK(session.transaction() == PQTRANS_INERROR);
    CHECK(session.exec("SELECT 1").sqlstate() == "25P02");
    session.run("ROLLBACK TO here");
    CHECK(session.transaction() == PQTRANS_INTRANS);
    CHECK(session.value("SELECT 1") == "1");
    session.run("COMMIT");
    CHECK(session.transaction() == PQTRANS_IDLE);
  }
}

TEST_CASE("a transaction keeps its server, also while others wait for one") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers).line("default_pool_size = 2"));
    Session session(pgweir.conninfo());
    Session other(pgweir.conninfo());
    session.run("BEGIN");
    const std::string pid = session.value("SELECT pg_backend_pid()");
    for (int i = 0; i < 50; ++i) {
      other.run("SELECT 1");
      CHECK(session.value("SELECT pg_backend_pid()") == pid);
    }
    session.run("COMMIT");
  }
}

TEST_CASE("COMMIT of a failed transaction says ROLLBACK") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  session.run("BEGIN");
  session.exec("SELECT 1 / 0");
  CHECK(session.exec("COMMIT").tag() == "ROLLBACK");
}

TEST_CASE("a function call by the old sub-protocol") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  // int4pl (oid 177) of 40 and 2, binary.
  client.send(message('F', be32(177) + be16(1) + be16(1) + be16(2) + be32(4) + be32(40) + be32(4) +
                               be32(2) + be16(1)));
  const auto messages = client.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == "VZ");
  CHECK(messages->front().body == be32(4) + be32(42));
}

TEST_CASE("a notification reaches the session that listens, in session mode") {
  Pgweir pgweir(Settings::on(Postgres::shared()).line("pool_mode = session"));
  Session session(pgweir.conninfo());
  session.run("LISTEN news");
  Session direct(Postgres::shared().conninfo());
  direct.run("NOTIFY news, 'fresh'");
  // Idle: it comes by itself.
  PGnotify* notify = nullptr;
  CHECK(eventually([&] {
    PQconsumeInput(session.raw());
    return (notify = PQnotifies(session.raw())) != nullptr;
  }));
  REQUIRE(notify != nullptr);
  CHECK(std::string(notify->extra) == "fresh");
  PQfreemem(notify);
}

TEST_CASE("a notification of the client's own transaction reaches it, in transaction mode") {
  Pgweir pgweir(one_server());
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  const auto messages = client.ask("LISTEN own; NOTIFY own, 'mine'");
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages).find('A') != std::string::npos);
  REQUIRE(client.ask("UNLISTEN *").has_value());
}

TEST_CASE("a ParameterStatus that a SET brings about reaches the client") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  session.run("SET application_name = 'renamed'");
  CHECK(session.parameter("application_name") == "renamed");
  session.run("SET DateStyle = 'SQL, DMY'");
  CHECK(session.parameter("DateStyle") == "SQL, DMY");
}
