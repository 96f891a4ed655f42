// isolation_test.cc: what one client leaves behind is nothing that the next one can see.
#include <doctest/doctest.h>

#include <functional>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings one_server(int workers = 1) {
  return Settings::on(Postgres::shared(), workers).line("default_pool_size = 1");
}

struct Way {
  std::string name;
  std::function<void(RawClient&)> leave;
};

const std::vector<Way>& ways_to_leave() {
  static const std::vector<Way> ways = {
      {"Terminate", [](RawClient& c) { c.send(message('X', "")), c.close(); }},
      {"close without a word", [](RawClient& c) { c.close(); }},
      {"reset", [](RawClient& c) { c.reset(); }},
      {"half a header", [](RawClient& c) { c.send("Q\0"), c.close(); }},
      {"half a message",
       [](RawClient& c) { c.send(message_with_length('Q', 1'000, "COMMIT")), c.reset(); }},
      {"nonsense", [](RawClient& c) { c.send(message_with_length('Q', 3)), c.close(); }},
  };
  return ways;
}

struct State {
  std::string name;
  std::function<void(RawClient&)> enter;
};

const std::vector<State>& states_to_leave_in() {
  static const std::vector<State> states = {
      {"an open transaction", [](RawClient& c) { c.ask("BEGIN; INSERT INTO canary VALUES (1)"); }},
      {"a failed transaction",
       [](RawClient& c) { c.ask("BEGIN"), c.ask("INSERT INTO canary VALUES (1)"), c.ask("oops"); }},
      {"half a pipeline",
       [](RawClient& c) {
         c.send(
             message('P', zero_ended("") + zero_ended("INSERT INTO canary VALUES (1)") + be16(0)) +
             message('B', zero_ended("") + zero_ended("") + be16(0) + be16(0) + be16(0)) +
             message('E', zero_ended("") + be32(0)) + message('H', ""));
         c.read_through('C');
       }},
      {"half a COPY",
       [](RawClient& c) {
         c.send(query("COPY canary FROM STDIN"));
         c.read_through('G');
         c.send(message('d', "1\n"));
       }},
      {"a running query",
       [](RawClient& c) { c.send(query("INSERT INTO canary SELECT 1 FROM pg_sleep(0.2)")); }},
      {"an unread result",
       [](RawClient& c) {
         c.send(
             query("BEGIN; INSERT INTO canary VALUES (1); "
                   "SELECT repeat('r', 1000) FROM generate_series(1, 20000)"));
       }},
  };
  return states;
}

}  // namespace

TEST_CASE("a client that leaves in the middle of anything leaves nothing to the next one") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(one_server(workers));
    Session direct(Postgres::shared().conninfo());
    for (const State& state : states_to_leave_in()) {
      for (const Way& way : ways_to_leave()) {
        CAPTURE(workers);
        CAPTURE(state.name);
        CAPTURE(way.name);
        direct.run(
            "DROP TABLE IF EXISTS canary; CREATE TABLE canary (a int);"
            "GRANT ALL ON canary TO alice");
        RawClient leaver(pgweir.port());
        REQUIRE(leaver.login());
        state.enter(leaver);
        way.leave(leaver);
        RawClient next(pgweir.port());
        REQUIRE(next.login());
        const auto first = next.ask("SELECT count(*) FROM pg_stat_activity");
        REQUIRE(first.has_value());
        CHECK(tags_of(*first) == "TDCZ");
        CHECK(first->back().body == "I");
        CHECK(next.value("SELECT now() = statement_timestamp()") == "t");
        // A query that ran when its client left may have been carried out; a transaction not.
        if (state.name != "a running query")
          CHECK(next.value("SELECT count(*) FROM canary") == "0");
      }
    }
    direct.run("DROP TABLE canary");
  }
}

TEST_CASE("two clients with different settings alternate on one server and each sees its own") {
  const std::vector<std::pair<std::string, std::pair<std::string, std::string>>> settings = {
      {"client_encoding", {"UTF8", "LATIN1"}},
      {"DateStyle", {"ISO, MDY", "SQL, DMY"}},
      {"TimeZone", {"Europe/Helsinki", "America/Lima"}},
      {"application_name", {"the first", "the second"}},
      {"standard_conforming_strings", {"on", "off"}},
      {"IntervalStyle", {"postgres", "iso_8601"}}};
  for (const int workers : worker_counts()) {
    for (const bool at_startup : {true, false}) {
      Pgweir pgweir(one_server(workers));
      for (const auto& setting : settings) {
        const std::string& name = setting.first;
        const auto& values = setting.second;
        if (is_pgbouncer() && name == "IntervalStyle") continue;  // Since 1.20.
        CAPTURE(workers);
        CAPTURE(at_startup);
        CAPTURE(name);
        RawClient one(pgweir.port());
        RawClient two(pgweir.port());
        REQUIRE(one.login("alice", "shop",
                          at_startup ? Parameters{{name, values.first}} : Parameters{}));
        REQUIRE(two.login("alice", "shop",
                          at_startup ? Parameters{{name, values.second}} : Parameters{}));
        if (!at_startup) {
          REQUIRE(one.ask("SET " + name + " = '" + values.first + "'").has_value());
          REQUIRE(two.ask("SET " + name + " = '" + values.second + "'").has_value());
        }
        for (int turn = 0; turn < 3; ++turn) {
          CHECK(one.value("SHOW " + name) == values.first);
          CHECK(two.value("SHOW " + name) == values.second);
        }
      }
    }
  }
}

TEST_CASE("a client without settings gets the server's own after one that had some") {
  Pgweir pgweir(one_server());
  Session plain(pgweir.conninfo());
  const std::string zone = plain.value("SHOW TimeZone");
  const std::string style = plain.value("SHOW DateStyle");
  Session other(pgweir.conninfo());
  other.run("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'");
  CHECK(other.value("SHOW TimeZone") == "Asia/Tokyo");
  CHECK(plain.value("SHOW TimeZone") == zone);
  CHECK(plain.value("SHOW DateStyle") == style);
}

TEST_CASE("a SET that is rolled back, or local, is not kept for the client") {
  Pgweir pgweir(one_server());
  Session session(pgweir.conninfo());
  Session other(pgweir.conninfo());
  const std::string before = session.value("SHOW TimeZone");
  session.run("BEGIN; SET TimeZone = 'Asia/Tokyo'; ROLLBACK");
  other.run("SELECT 1");
  CHECK(session.value("SHOW TimeZone") == before);
  session.run("BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; COMMIT");
  other.run("SELECT 1");
  CHECK(session.value("SHOW TimeZone") == before);
}

TEST_CASE("values with quotes, backslashes and line ends are restored as they are") {
  Pgweir pgweir(one_server());
  for (const std::string value : {"it's", "back\\slash", "'; DROP TABLE canary; --",
                                  "\\'; SELECT 1;", "two\nlines", "$$dollar$$", "\"double\""}) {
    CAPTURE(value);
    RawClient odd(pgweir.port());
    REQUIRE(odd.login("alice", "shop", {{"application_name", value}}));
    RawClient even(pgweir.port());
    REQUIRE(even.login("alice", "shop", {{"application_name", "even"}}));
    // What PostgreSQL itself makes of it (it turns some bytes into question marks).
    RawClient direct(Postgres::shared().port());
    REQUIRE(direct.login("alice", "shop", {{"application_name", value}}));
    const std::string expected = direct.value("SHOW application_name");
    for (int turn = 0; turn < 2; ++turn) {
      CHECK(even.value("SHOW application_name") == "even");
      CHECK(odd.value("SHOW application_name") == expected);
    }
    // The same with the quoting rules of old switched on for the server.
    REQUIRE(even.ask("SET standard_conforming_strings = off").has_value());
    CHECK(odd.value("SHOW application_name") == expected);
    CHECK(even.value("SHOW standard_conforming_strings") == "off");
  }
}

TEST_CASE("LATIN1 and UTF8 clients on one server read the same text in their own bytes") {
  Pgweir pgweir(one_server());
  RawClient latin(pgweir.port());
  RawClient utf8(pgweir.port());
  REQUIRE(latin.login("alice", "shop", {{"client_encoding", "LATIN1"}}));
  REQUIRE(utf8.login("alice", "shop", {{"client_encoding", "UTF8"}}));
  for (int turn = 0; turn < 3; ++turn) {
    CHECK(latin.value("SELECT chr(228)") == "\xe4");
    CHECK(utf8.value("SELECT chr(228)") == "\xc3\xa4");
  }
}

TEST_CASE("the greeting tells a client its own settings") {
  Pgweir pgweir(one_server());
  Session session(
      pgweir.conninfo("alice", "shop", "application_name=greeted client_encoding=LATIN1"));
  REQUIRE(session.alive());
  CHECK(session.value("SELECT 1") == "1");
  CHECK(session.parameter("application_name") == "greeted");
  CHECK(session.parameter("client_encoding") == "LATIN1");
  CHECK(session.parameter("server_version").starts_with("1"));
}

TEST_CASE("a startup parameter that is to be ignored does not reach the server") {
  Pgweir lax(one_server().line("ignore_startup_parameters = work_mem, extra_float_digits"));
  RawClient ignored(lax.port());
  REQUIRE(ignored.login("alice", "shop", {{"work_mem", "1MB"}, {"extra_float_digits", "2"}}));
  CHECK(ignored.value("SHOW work_mem") != "1MB");
}

TEST_CASE("track_extra_parameters: search_path is not reported, default_transaction_read_only is") {
  if (is_pgbouncer()) return;  // Debian's is older than the setting.
  Pgweir pgweir(
      one_server().line("track_extra_parameters = IntervalStyle, default_transaction_read_only"));
  Session one(pgweir.conninfo());
  Session two(pgweir.conninfo());
  one.run("SET default_transaction_read_only = on");
  two.run("SET default_transaction_read_only = off");
  for (int turn = 0; turn < 3; ++turn) {
    CHECK(one.value("SHOW default_transaction_read_only") == "on");
    CHECK(two.value("SHOW default_transaction_read_only") == "off");
  }
}

TEST_CASE("server_reset_query_always resets also in transaction mode") {
  Pgweir pgweir(one_server().line("server_reset_query_always = 1"));
  Session one(pgweir.conninfo());
  one.run("SET work_mem = '321kB'");
  Session two(pgweir.conninfo());
  CHECK(two.value("SHOW work_mem") != "321kB");
}
