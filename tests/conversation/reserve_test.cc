// reserve_test.cc: servers beyond pool_size for clients that have waited too long.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kOneAndReserve =
    "default_pool_size = 1\nreserve_pool_size = 2\nreserve_pool_timeout = 5\nserver_idle_timeout = "
    "60";

// A client in a transaction, which keeps its server.
Caller& busy(Stage& stage) {
  Caller& client = stage.client();
  client.say("Q'begin'");
  return client;
}

}  // namespace

TEST_CASE("the reserve opens for a client that has waited reserve_pool_timeout, not sooner") {
  InOrder policy;
  Stage stage(policy, {.config = kOneAndReserve});
  busy(stage);
  stage.backend(1).say("C Z(T)");
  Caller& waiting = stage.client();
  waiting.say("Q'select 1'");
  stage.wait(4'900 * kMillisecond);
  CHECK(stage.backends() == 1);
  stage.wait(200 * kMillisecond);
  REQUIRE(stage.backends() == 2);
  stage.backend(2).say("T D C Z");
  CHECK(waiting.heard() == "T D C Z");
}

TEST_CASE("who has not waited long enough leaves the reserve alone, and it has an end") {
  InOrder policy;
  Stage stage(policy, {.config = kOneAndReserve});
  busy(stage);
  stage.backend(1).say("C Z(T)");
  std::vector<Caller*> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(&stage.client());
    waiting.back()->say("Q'begin'");
    stage.wait(kSecond);
  }
  CHECK(stage.backends() == 1);
  stage.wait(1'500 * kMillisecond);
  CHECK(stage.backends() == 2);
  stage.wait(kSecond);
  CHECK(stage.backends() == 3);
  stage.wait(60 * kSecond);
  CHECK(stage.backends() == 3);
}

TEST_CASE("a server of the reserve serves on, and goes when it idles") {
  InOrder policy;
  Stage stage(policy, {.config = kOneAndReserve});
  Caller& holder = busy(stage);
  stage.backend(1).say("C Z(T)");
  Caller& waiting = stage.client();
  waiting.say("Q'select 1'");
  stage.wait(5 * kSecond);
  for (int i = 0; i < 2; ++i) {
    stage.backend(2).say("T D C Z");
    CHECK(waiting.heard() == "T D C Z");
    waiting.say("Q'select 1'");
  }
  stage.backend(2).say("T D C Z");
  holder.say("Q'commit'");
  stage.backend(1).say("C Z");
  CHECK(stage.door.open == 2);
  stage.wait(70 * kSecond);
  CHECK(stage.door.open == 0);
}

TEST_CASE("reserve_pool_size: the user's wins over the database's, that over the global one") {
  struct Case {
    std::string shop, users;
    std::size_t backends;
  };
  for (const Case& each : {Case{"", "", 3}, Case{"reserve_pool=1", "", 2},
                           Case{"reserve_pool_size=1", "", 2}, Case{"reserve_pool_size=0", "", 1},
                           Case{"reserve_pool_size=1", "app = reserve_pool_size=0", 1}}) {
    InOrder policy;
    Stage stage(policy, {.config = kOneAndReserve, .users = each.users, .shop = each.shop});
    busy(stage);
    stage.backend(1).say("C Z(T)");
    for (int i = 0; i < 4; ++i) busy(stage);
    stage.wait(60 * kSecond);
    CHECK(stage.backends() == each.backends);
  }
}

TEST_CASE("reserve_pool_timeout = 0 is no reserve") {
  InOrder policy;
  Stage stage(policy,
              {.config = "default_pool_size = 1\nreserve_pool_size = 2\nreserve_pool_timeout = 0"});
  busy(stage);
  stage.backend(1).say("C Z(T)");
  busy(stage);
  stage.wait(60 * kSecond);
  CHECK(stage.backends() == 1);
}

TEST_CASE("the reserve gives nothing beyond max_db_connections") {
  InOrder policy;
  Stage stage(policy, {.config = kOneAndReserve + "\nmax_db_connections = 2"});
  busy(stage);
  stage.backend(1).say("C Z(T)");
  for (int i = 0; i < 3; ++i) busy(stage);
  stage.wait(60 * kSecond);
  CHECK(stage.backends() == 2);
}

TEST_CASE("a RELOAD that ends the reserve closes what is beyond pool_size at its release") {
  InOrder policy;
  Stage stage(policy, {.config = kOneAndReserve});
  busy(stage);
  stage.backend(1).say("C Z(T)");
  Caller& waiting = stage.client();
  waiting.say("Q'select 1'");
  stage.wait(5 * kSecond);
  stage.town.reload(Stage::config_text({.config = "default_pool_size = 1"}));
  stage.backend(2).say("T D C Z");
  CHECK(waiting.heard() == "T D C Z");
  CHECK(stage.backend(2).heard() == "Q\"select 1\" X .");
}
