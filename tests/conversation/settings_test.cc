// settings_test.cc: what startup packets ask for reaches every server, and RESET goes back to it.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const Setting kOneServer{.config = "default_pool_size = 1"};
const std::string kTokyo =
    "Q\"SELECT pg_catalog.set_config(w.n, w.v, false) FROM (VALUES "
    "(E'TimeZone', E'Asia/Tokyo')) w(n, v) ";

std::string set_work_mem(const std::string& value) {
  return "Q\"SELECT pg_catalog.set_config(E'work_mem', " + value + ", false);\"";
}

// Its settings are on the first server, and proved.
Caller& at_home(Stage& stage, const Settings& asked) {
  Caller& client = stage.caller().login(asked);
  stage.answers_sets = true;
  client.say("Q'select 0'");
  stage.backend(1).say("T D C Z");
  REQUIRE(client.heard() == "T D C Z");
  stage.backend(1).heard();
  stage.answers_sets = false;
  return client;
}

}  // namespace

TEST_CASE("a setting that no server reports is set on each server that its client gets") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    stage.answers_sets = false;
    Caller& client = stage.caller().login({{"work_mem", "1MB"}});
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == set_work_mem("E'1MB'"));
    stage.backend(1).say("T D C'SELECT 1' Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");

    Caller& same = stage.caller().login({{"options", "-c WORK_mem=1MB"}});
    same.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
    stage.backend(1).say("T D C Z");

    Caller& plain = stage.client();
    plain.say("Q'select 3'");
    CHECK(stage.backend(1).heard() == set_work_mem("NULL"));
    stage.backend(1).say("T D C'SELECT 1' Z");
    CHECK(stage.backend(1).heard() == "Q\"select 3\"");
    stage.backend(1).say("T D C Z");
    CHECK(plain.heard() == "T D C Z");

    client.say("Q'select 4'");
    CHECK(stage.backend(1).heard() == set_work_mem("E'1MB'") + " Q\"select 4\"");
  });
}

TEST_CASE("a setting that the server refuses costs the client, and not the server") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    stage.answers_sets = false;
    Caller& client = stage.caller().login({{"nosuch", "1"}});
    client.say("Q'select 1'");
    stage.backend(1).heard();
    stage.backend(1).say("E'42704 unrecognized configuration parameter \"nosuch\"' Z");
    CHECK(client.heard() == "E(FATAL)'42704 unrecognized configuration parameter \"nosuch\"' .");
    Caller& next = stage.client();
    next.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
  });
}

TEST_CASE("a server whose connect_query a RESET would undo makes room for a fresh one") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1", .shop = "connect_query='SET x TO 1'"});
  Caller& one = stage.caller().login({{"work_mem", "1MB"}});
  one.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  stage.client().say("Q'select 2'");
  CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
  CHECK(stage.backend(2).heard() == "Q\"select 2\"");
}

TEST_CASE("RESET goes back to the client's startup value before it hears of the end") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& client = at_home(stage, {{"TimeZone", "Asia/Tokyo"}});
    client.say("Q'set timezone to mars'");
    stage.backend(1).say("C'SET' S'TimeZone=Mars' Z");
    CHECK(client.heard() == "C\"SET\" S\"TimeZone=Mars\" Z");
    stage.backend(1).heard();
    client.say("Q'reset timezone'");
    stage.backend(1).say("C'RESET' S'TimeZone=UTC' Z");
    CHECK(stage.backend(1).heard().find("Q\"reset timezone\" " + kTokyo) == 0);
    CHECK(client.heard() == "C\"RESET\"");
    stage.backend(1).say("T D C'SELECT 1' S'TimeZone=Asia/Tokyo' Z");
    CHECK(client.heard() == "S\"TimeZone=Asia/Tokyo\" Z");
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  });
}

TEST_CASE("in a transaction, too, and requests that come meanwhile wait their turn") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = at_home(stage, {{"TimeZone", "Asia/Tokyo"}});
  client.say("Q'begin'");
  stage.backend(1).say("C'BEGIN' Z(T)");
  client.say("Q'discard all'");
  stage.backend(1).heard();
  stage.backend(1).say("C'DISCARD ALL' S'TimeZone=UTC' Z(T)");
  CHECK(stage.backend(1).heard().find(kTokyo) == 0);
  client.say("Q'select 1'");
  CHECK(client.heard() == "C\"BEGIN\" Z(T) C\"DISCARD ALL\"");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  stage.backend(1).say("T D C'SELECT 1' S'TimeZone=Asia/Tokyo' Z(T) T D C Z(T)");
  CHECK(client.heard() == "Z(T) T D C Z(T)");
}

TEST_CASE("a value that looks like the server's own is looked into, and left if it was SET") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = at_home(stage, {{"TimeZone", "Asia/Tokyo"}});
  client.say("Q'set timezone to utc'");
  stage.backend(1).say("C'SET' S'TimeZone=UTC' Z");
  CHECK(stage.backend(1).heard().find(kTokyo) != std::string::npos);
  CHECK(client.heard() == "C\"SET\"");
  stage.backend(1).say("T C'SELECT 0' Z");
  CHECK(client.heard() == "S\"TimeZone=UTC\" Z");
}

TEST_CASE("in a pipeline a client is told what RESET means, and the server follows at its end") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = at_home(stage, {{"TimeZone", "Asia/Tokyo"}});
  client.say("Q'reset all' Q'select 1'");
  stage.backend(1).heard();
  stage.backend(1).say("C'RESET' S'TimeZone=UTC' Z");
  CHECK(client.heard() == "C\"RESET\" Z");
  CHECK(stage.backend(1).heard().empty());
  stage.backend(1).say("T D C Z");
  CHECK(stage.backend(1).heard().find(kTokyo) == 0);
  CHECK(client.heard() == "T D C");
  stage.backend(1).say("T D C'SELECT 1' S'TimeZone=Asia/Tokyo' Z");
  CHECK(client.heard() == "Z");
}

TEST_CASE("a RESET of a client that asked for nothing is nobody's business") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = stage.client();
  client.say("Q'reset all'");
  stage.backend(1).say("C'RESET' Z");
  CHECK(client.heard() == "C\"RESET\" Z");
  CHECK(stage.backend(1).heard() == "Q\"reset all\"");
}

TEST_CASE("when the client's values cannot be set again the session is over") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = at_home(stage, {{"TimeZone", "Asia/Tokyo"}});
  client.say("Q'reset all'");
  stage.backend(1).say("C'RESET' S'TimeZone=UTC' Z");
  stage.backend(1).say("E'57014 canceled' Z");
  CHECK(client.heard() == "C\"RESET\" E(FATAL)\"57014 canceled\" .");
}

TEST_CASE("a server that acts as another user goes to no other client") {
  for (const char* const changed : {"S'session_authorization=bob'", "S'is_superuser=off'"}) {
    InOrder policy;
    Stage stage(policy, kOneServer);
    stage.greeting =
        "R S'session_authorization=app' S'is_superuser=on' " + std::string{kGreeting}.substr(2);
    Caller& client = stage.client();
    client.say("Q'begin; set ...'");
    stage.backend(1).say("C C " + std::string{changed} + " Z(T)");
    client.say("Q'rollback'");
    stage.backend(1).say("C S'session_authorization=app' S'is_superuser=on' Z");
    client.say("Q'set ...'");
    stage.backend(1).heard();
    stage.backend(1).say("C " + std::string{changed} + " Z");
    CHECK(stage.backend(1).heard() == "X .");
    CHECK(stage.town.log.contains("its session acts as another user"));
    client.say("Q'select 1'");
    CHECK(stage.backend(2).heard() == "Q\"select 1\"");
  }
}

TEST_CASE("a client is greeted in PostgreSQL's spelling, and an encoding that is none is refused") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"},
                            {"database", "shop"},
                            {"client_encoding", "latin-1"},
                            {"datestyle", "sql, dmy"},
                            {"standard_conforming_strings", "NO"}}));
  const std::string greeting = client.heard();
  for (const char* const told : {"S\"client_encoding=LATIN1\"", "S\"DateStyle=SQL, DMY\"",
                                 "S\"standard_conforming_strings=off\""}) {
    CHECK(greeting.find(told) != std::string::npos);
  }
  Caller& odd = stage.caller();
  odd.say(startup_bytes({{"user", "app"}, {"database", "shop"}, {"client_encoding", "utf16"}}));
  CHECK(odd.heard() ==
        "R E(FATAL)'22023 invalid value for parameter \"client_encoding\": \"utf16\"' .");
}

TEST_CASE("what a client has not touched is the server's own, also where that is new") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1\nserver_lifetime = 1"});
  Caller& plain = stage.client();
  Caller& choosy = stage.caller().login({{"TimeZone", "UTC"}});
  stage.wait(2 * kSecond);
  stage.greeting.replace(stage.greeting.find("TimeZone=UTC"), 12, "TimeZone=Mars");
  plain.say("Q'select 1'");
  CHECK(stage.backend(2).heard() == "Q\"select 1\"");
  stage.backend(2).say("T D C Z");
  CHECK(plain.heard() == "S\"TimeZone=Mars\" T D C Z");
  choosy.say("Q'select 2'");
  stage.backend(2).say("T D C Z");
  CHECK(choosy.heard() == "T D C Z");
  CHECK(stage.backend(2).ran[0] == "SET TimeZone TO E'UTC';");
  plain.say("Q'select 3'");
  stage.backend(2).say("T D C Z");
  CHECK(plain.heard() == "T D C Z");
  CHECK(stage.backend(2).ran[1] == "RESET TimeZone;");
}

TEST_CASE("a server that has loaded its configuration again tells its new value by a RESET") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  stage.answers_sets = false;
  Caller& first = stage.client();
  Caller& second = stage.client();
  Caller& third = stage.client();
  first.say("Q'select 1'");
  stage.backend(1).say("T D C S'TimeZone=Mars' Z");
  CHECK(first.heard() == "T D C S\"TimeZone=Mars\" Z");
  stage.backend(1).heard();
  second.say("Q'select 2'");
  CHECK(stage.backend(1).heard() == "Q\"RESET TimeZone;\"");
  stage.backend(1).say("C'RESET' Z");
  CHECK(stage.backend(1).heard() == "Q\"select 2\"");
  stage.backend(1).say("T D C Z");
  CHECK(second.heard() == "S\"TimeZone=Mars\" T D C Z");
  for (Caller* const next : {&third, &first}) {
    next->say("Q'select 3'");
    CHECK(stage.backend(1).heard() == "Q\"select 3\"");
    stage.backend(1).say("T D C Z");
  }
  CHECK(third.heard() == "S\"TimeZone=Mars\" T D C Z");
  CHECK(first.heard() == "T D C Z");
}

TEST_CASE("a server on its way to another worker keeps what is set on it") {
  InOrder policy;
  Setting two = kOneServer;
  two.workers = 2;
  Stage stage(policy, two);
  Caller& one = stage.caller(0).login({{"work_mem", "1MB"}});
  one.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  Caller& far = stage.caller(1).login({{"work_mem", "1MB"}});
  stage.backend(1).ran.clear();
  far.say("Q'select 2'");
  stage.backend(1).say("T D C Z");
  CHECK(far.heard() == "T D C Z");
  CHECK(stage.backend(1).ran.empty());
  one.say("Q'select 3'");
  CHECK(stage.backends() == 1);
}
