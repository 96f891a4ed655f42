// greeting_test.cc: what a client is told when it comes in, and how its settings follow it.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

TEST_CASE("a client is greeted with the server's parameters and runs a query") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.caller();
    client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    CHECK(client.heard() ==
          "R S\"client_encoding=UTF8\" S\"DateStyle=ISO, MDY\" S\"TimeZone=UTC\" "
          "S\"standard_conforming_strings=on\" S\"application_name=\" "
          "S\"IntervalStyle=postgres\" S\"server_version=16.4\" K Z");
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("settings of the startup packet are the client's own and reach each server it gets") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.caller();
    client.say(startup_bytes({{"user", "app"},
                              {"database", "shop"},
                              {"timezone", "utc"},
                              {"application_name", "it's"}}));
    CHECK(client.heard().find("S\"TimeZone=utc\"") != std::string::npos);
    stage.canon = {"utc=UTC"};
    client.say("Q'select 1'");
    CHECK(stage.backend(1).ran.size() == 1);
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
    stage.backend(1).say("T D C Z");
    // The server spells it its own way: the client is told, once.
    const std::string heard = client.heard();
    CHECK(heard == "S\"TimeZone=UTC\" T D C Z");
    client.say("Q'select 2'");
    CHECK(stage.backend(1).ran.size() == 1);
  });
}

TEST_CASE("settings not yet proved are set and answered before the query leaves") {
  InOrder policy;
  Stage stage(policy);
  stage.answers_sets = false;
  Caller& client = stage.caller().login({{"DateStyle", "German"}});
  client.say("Q'select 1'");
  CHECK(stage.backend(1).heard().find("Q\"SET DateStyle") == 0);
  CHECK(stage.backend(1).heard().empty());
  stage.backend(1).say("S'DateStyle=German, DMY' C'SET' Z");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z");

  // Another client leaves its own settings there; now ours are proved: one write.
  Caller& other = stage.client();
  other.say("Q'select 2'");
  const std::string mixed = stage.backend(1).heard();
  CHECK(mixed.find("Q\"RESET DateStyle") == 0);
  stage.backend(1).say("S'DateStyle=ISO, MDY' C'SET' Z");
  CHECK(stage.backend(1).heard() == "Q\"select 2\"");
  stage.backend(1).say("T D C Z");
  CHECK(other.heard() == "T D C Z");
  client.say("Q'select 3'");
  const std::string both = stage.backend(1).heard();
  CHECK(both.find("Q\"SET DateStyle") == 0);
  CHECK(both.find("Q\"select 3\"") != std::string::npos);
  stage.backend(1).say("S'DateStyle=German, DMY' C'SET' Z T D C Z");
  CHECK(client.heard() == "T D C Z");
}

TEST_CASE("a setting the server refuses costs the client, with the server's SQLSTATE") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    stage.answers_sets = false;
    Caller& client = stage.caller().login({{"TimeZone", "Mars"}});
    client.say("Q'select 1'");
    stage.backend(1).heard();
    stage.backend(1).say("E'22023 invalid value for parameter \"TimeZone\"' Z");
    CHECK(client.heard() == "E(FATAL)'22023 invalid value for parameter \"TimeZone\"' .");
    Caller& next = stage.client();
    next.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
    stage.backend(1).say("T D C Z");
    CHECK(next.heard() == "T D C Z");
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("what a server reports follows the client that caused it, and nobody else") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q\"set timezone to 'Asia/Tokyo'\"");
    stage.backend(1).say("S'TimeZone=Asia/Tokyo' C'SET' Z");
    CHECK(one.heard() == "S\"TimeZone=Asia/Tokyo\" C\"SET\" Z");
    two.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    CHECK(two.heard() == "T D C Z");
    REQUIRE(stage.backend(1).ran.size() == 1);
    CHECK(stage.backend(1).ran[0] == "RESET TimeZone;");
    one.say("Q'select 2'");
    stage.backend(1).say("T D C Z");
    CHECK(one.heard() == "T D C Z");
    REQUIRE(stage.backend(1).ran.size() == 2);
    CHECK(stage.backend(1).ran[1].find("Asia/Tokyo") != std::string::npos);
  });
}

TEST_CASE("named statements do not reach the next client") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("P(s1)'select 1' S");
    CHECK(stage.backend(1).heard() == "P(s1)\"select 1\" S");
    stage.backend(1).say("1 Z");
    CHECK(one.heard() == "1 Z");
    two.say("P(s1)'select 2' S");
    REQUIRE(stage.backend(1).ran.size() == 1);
    CHECK(stage.backend(1).ran[0] == "DEALLOCATE ALL;");
    stage.backend(1).say("1 Z");
    CHECK(two.heard() == "1 Z");
  });
}
