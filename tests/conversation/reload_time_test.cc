// reload_time_test.cc: a RELOAD that gives more or less time to those who wait already.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

const Settings kApp{{"user", "app"}, {"database", "shop"}};

void reload(Stage& stage, const std::string& lines) {
  stage.town.reload(Stage::config_text({.config = lines}));
  stage.run();
}

}  // namespace

TEST_CASE("query_wait_timeout holds for those who stand in line when it is given") {
  for (const std::string before : {"0", "600"}) {
    InOrder policy;
    Stage stage(policy, {.config = "default_pool_size = 1\nquery_wait_timeout = " + before});
    Caller& holder = stage.client();
    holder.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    Caller& waits = stage.client();
    waits.say("Q'select 1'");
    stage.wait(10 * kSecond);
    reload(stage, "default_pool_size = 1\nquery_wait_timeout = 30");
    stage.wait(19 * kSecond);
    CHECK(waits.heard().empty());
    stage.wait(2 * kSecond);
    CHECK(waits.heard().find("E(FATAL)\"53300 query_wait_timeout") == 0);
  }
}

TEST_CASE("query_wait_timeout that is longer, or none, gives more time to those in line") {
  for (const std::string now : {"0", "60"}) {
    InOrder policy;
    Stage stage(policy, {.config = "default_pool_size = 1\nquery_wait_timeout = 30"});
    Caller& holder = stage.client();
    holder.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    Caller& waits = stage.client();
    waits.say("Q'select 1'");
    reload(stage, "default_pool_size = 1\nquery_wait_timeout = " + now);
    stage.wait(59 * kSecond);
    CHECK(waits.heard().empty());
    stage.wait(2 * kSecond);
    CHECK(waits.heard().empty() == (now == "0"));
  }
}

TEST_CASE(
    "client_login_timeout that a RELOAD changes counts for who logs in, also with no server") {
  for (const std::string now : {"0", "120", "30"}) {
    InOrder policy;
    Stage stage(policy, {.config = "query_wait_timeout = 0\nclient_login_timeout = 60"});
    stage.door.answer = Answer::hang;
    Caller& silent = stage.caller();
    Caller& welcoming = stage.caller();
    welcoming.say(startup_bytes(kApp));
    CHECK(welcoming.heard() == "R");
    stage.wait(10 * kSecond);
    reload(stage, "query_wait_timeout = 0\nclient_login_timeout = " + now);
    stage.wait(19 * kSecond);
    CHECK(silent.heard().empty());
    CHECK(welcoming.heard().empty());
    stage.wait(60 * kSecond);
    CHECK(silent.heard().empty() == (now != "30"));
    CHECK(welcoming.heard().empty() == (now != "30"));
    stage.wait(60 * kSecond);
    CHECK(silent.peer.closed() == (now != "0"));
    CHECK(welcoming.peer.closed() == (now != "0"));
  }
}

TEST_CASE("query_wait_timeout that a RELOAD takes away leaves a login its own time") {
  InOrder policy;
  Stage stage(policy, {.config = "query_wait_timeout = 120\nclient_login_timeout = 0"});
  stage.door.answer = Answer::hang;
  Caller& client = stage.caller();
  client.say(startup_bytes(kApp));
  reload(stage, "query_wait_timeout = 0\nclient_login_timeout = 0");
  stage.wait(600 * kSecond);
  CHECK(client.heard() == "R");
}

TEST_CASE(
    "server_idle_timeout and server_lifetime hold for servers that idle when they are given") {
  const std::map<std::string, Instant> held{{"server_idle_timeout = 30", 30},
                                            {"server_lifetime = 30", 24}};  // Up to a fifth less.
  for (const auto& [line, seconds] : held) {
    InOrder policy;
    Stage stage(policy, {.config = "server_idle_timeout = 0\nserver_lifetime = 3600"});
    stage.client();
    stage.wait(10 * kSecond);
    reload(stage, line);
    stage.wait((seconds - 11) * kSecond);
    CHECK(stage.door.open == 1);
    stage.wait((32 - seconds) * kSecond);
    CHECK(stage.door.open == 0);
  }
}
