// forgotten_test.cc: pools that nobody uses any more, and what is left of them: nothing.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Remembered = proxy::Commons::Remembered;

const std::string kFallback = "* = host=db port=5432";

// A client of this database comes, asks for something, and leaves.
void visit(Stage& stage, const std::string& database) {
  stage.obliging = true;
  Caller& client = stage.caller().login({}, "app", database);
  client.say("Q'select 1'");
  CHECK(client.heard() == "T D C Z");
  client.say("X");
}

std::string pools(Stage& stage) {
  Caller& console = stage.caller().login({}, "boss", "pgweir");
  console.say("Q'SHOW POOLS'");
  std::string heard = console.heard();
  console.say("X");
  return heard;
}

}  // namespace

TEST_CASE("autodb_idle_timeout forgets a pool of the * entry after its last client and server") {
  InOrder policy;
  const std::string times = "autodb_idle_timeout = 60\nserver_idle_timeout = 10";
  Stage stage(policy, {.config = times, .databases = kFallback});
  visit(stage, "tenant");
  stage.wait(69 * kSecond);
  CHECK(stage.door.open == 0);
  CHECK(pools(stage).find("tenant") != std::string::npos);
  stage.wait(2 * kSecond);
  CHECK(pools(stage).find("tenant") == std::string::npos);
  CHECK(stage.town.commons().remembered() == Remembered{0, 0, 0});
  visit(stage, "tenant");
  CHECK(stage.backends() == 2);
}

TEST_CASE("autodb_idle_timeout forgets no pool of an entry that has a name") {
  InOrder policy;
  Stage stage(policy, {.config = "autodb_idle_timeout = 60\nserver_idle_timeout = 10"});
  visit(stage, "shop");
  stage.wait(3600 * kSecond);
  CHECK(stage.town.commons().remembered() == Remembered{1, 1, 1});
}

TEST_CASE("pool_idle_timeout forgets the pools of every entry, and 0 forgets none") {
  for (const std::string timeout : {"60", "0"}) {
    InOrder policy;
    Stage stage(policy, {.config = "server_idle_timeout = 10\npool_idle_timeout = " + timeout});
    visit(stage, "shop");
    stage.wait(3600 * kSecond);
    const bool forgotten = stage.town.commons().remembered() == Remembered{0, 0, 0};
    CHECK(forgotten == (timeout == "60"));
  }
}

TEST_CASE("a pool with a client or a server is not forgotten") {
  InOrder policy;
  Stage stage(policy, {.config = "pool_idle_timeout = 1\nserver_idle_timeout = 0"});
  Caller& client = stage.client();
  stage.backend(1).hang_up();
  stage.wait(60 * kSecond);
  CHECK(stage.town.commons().remembered() == Remembered{1, 1, 1});
  client.say("Q'select 1'");
  stage.backend(2).say("T D C Z");
  client.say("X");
  stage.wait(60 * kSecond);
  CHECK(stage.town.commons().remembered() == Remembered{1, 1, 1});
  stage.backend(2).hang_up();
  stage.wait(2 * kSecond);
  CHECK(stage.town.commons().remembered() == Remembered{0, 0, 0});
}

TEST_CASE("a pool is forgotten when the last of the workers has forgotten it") {
  InOrder policy;
  Stage stage(policy, {.config = "pool_idle_timeout = 60\nserver_idle_timeout = 1", .workers = 2});
  Caller& here = stage.client(0);
  Caller& there = stage.client(1);
  there.say("X");
  stage.wait(120 * kSecond);
  CHECK(stage.town.commons().remembered().pools == 1);
  here.say("X");
  stage.wait(61 * kSecond);
  CHECK(stage.town.commons().remembered() == Remembered{0, 0, 0});
}

TEST_CASE("a database that is gone from the configuration leaves no pool behind") {
  InOrder policy;
  Stage stage(policy, {.databases = "till = host=db port=5432"});
  visit(stage, "till");
  CHECK(stage.door.open == 1);
  stage.town.reload(Stage::config_text({}));
  stage.run();
  CHECK(stage.door.open == 0);
  CHECK(stage.town.commons().remembered() == Remembered{0, 0, 0});
}

TEST_CASE("a pool that a RELOAD gives less time is forgotten by that") {
  InOrder policy;
  Stage stage(policy, {.config = "server_idle_timeout = 10"});
  visit(stage, "shop");
  stage.wait(30 * kSecond);
  CHECK(stage.town.commons().remembered().pools == 1);
  stage.town.reload(Stage::config_text({.config = "pool_idle_timeout = 30"}));
  stage.wait(11 * kSecond);
  CHECK(stage.town.commons().remembered().pools == 0);
}

TEST_CASE("a pool that min_pool_size fills is not forgotten while it has no server") {
  InOrder policy;
  Stage stage(policy, {.config = "pool_idle_timeout = 1", .shop = "user=alice min_pool_size=1"});
  stage.wait(kSecond);
  REQUIRE(stage.door.open == 1);
  stage.door.answer = street::Door::Answer::refuse;
  stage.backend(1).hang_up();
  stage.wait(120 * kSecond);
  stage.door.answer = street::Door::Answer::accept;
  stage.wait(20 * kSecond);
  CHECK(stage.door.open == 1);
}

TEST_CASE("what a forgotten pool counted against is counted from nothing") {
  InOrder policy;
  const std::string limits =
      "max_db_connections = 1\nmax_user_client_connections = 1\npool_idle_timeout = 1\n"
      "server_idle_timeout = 1";
  Stage stage(policy, {.config = limits});
  for (int i = 0; i < 3; ++i) {
    visit(stage, "shop");
    Caller& client = stage.client();
    Caller& other = stage.caller();
    other.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    CHECK(other.heard().find("max_user_client_connections") != std::string::npos);
    client.say("X");
    stage.wait(5 * kSecond);
    CHECK(stage.town.commons().remembered() == Remembered{0, 0, 0});
  }
}

TEST_CASE("a client that is refused leaves no name behind") {
  InOrder policy;
  Stage stage(policy, {.config = "max_db_client_connections = 1", .databases = kFallback});
  stage.caller().login({}, "app", "tenant");
  const auto before = stage.town.commons().remembered();
  stage.caller().say(startup_bytes({{"user", "bob"}, {"database", "tenant"}}));
  CHECK(stage.town.commons().remembered() == before);
}
