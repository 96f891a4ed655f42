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
