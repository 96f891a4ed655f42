// hosts_test.cc: a database of several hosts: which of them the next server connection goes to.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

constexpr const char* kPair = "pair = host=one,two port=5432 load_balance_hosts=disable";

// `pair` of the hosts `one` and `two`; at first only `two` answers.
struct Pair {
  explicit Pair(Stage& its_stage)
      : stage(its_stage), one(stage.open("one")), two(stage.open("two")) {
    one.answer = Answer::refuse;
  }
  // A client that has been greeted once a server is found.
  Caller& client(std::size_t worker = 0, const std::string& user = "app") const {
    Caller& made = stage.caller(worker).login({}, user, "pair");
    stage.wait(kSecond);
    made.heard();
    return made;
  }
  std::string host(std::size_t backend) const { return stage.backend(backend).peer.target.host; }

  Stage& stage;
  street::Door& one;
  street::Door& two;
};

}  // namespace

TEST_CASE("load_balance_hosts = disable: the next host when one fails, and no way back by itself") {
  InOrder policy;
  Stage stage(policy, {.databases = kPair});
  const Pair pair(stage);
  Caller& client = pair.client();
  REQUIRE(stage.backends() == 1);
  CHECK(pair.host(1) == "two");
  pair.one.answer = Answer::accept;
  Caller& other = pair.client();
  client.say("Q'select 1'");
  other.say("Q'select 2'");
  REQUIRE(stage.backends() == 2);
  CHECK(pair.host(2) == "two");
  CHECK(pair.one.opened == 0);
}

TEST_CASE("load_balance_hosts = disable: after the last host comes the first") {
  InOrder policy;
  Stage stage(policy, {.databases = kPair});
  const Pair pair(stage);
  Caller& client = pair.client();
  pair.one.answer = Answer::accept;
  pair.two.answer = Answer::refuse;
  stage.backend(1).hang_up();
  client.say("Q'select 1'");
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 2);
  CHECK(pair.host(2) == "one");
  stage.backend(2).say("T D C Z");
  CHECK(client.heard() == "T D C Z");
}

TEST_CASE("load_balance_hosts = disable: a failed login counts as well") {
  InOrder policy;
  Stage stage(policy, {.databases = kPair});
  const Pair pair(stage);
  pair.one.answer = Answer::accept;
  stage.greeting = "E(FATAL)'57P03 the database system is starting up'";
  Caller& client = stage.caller().login({}, "app", "pair");
  REQUIRE(stage.backends() == 2);
  CHECK(pair.host(1) == "one");
  CHECK(pair.host(2) == "two");
  stage.greeting = kGreeting;
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 3);
  CHECK(client.heard().find("Z") != std::string::npos);
}

TEST_CASE("load_balance_hosts = disable: a user that no host lets in moves nobody") {
  InOrder policy;
  Stage stage(policy, {.databases = kPair});
  const Pair pair(stage);
  pair.one.answer = Answer::accept;
  stage.greeting = "E(FATAL)'28P01 password authentication failed for user \"bob\"'";
  stage.caller().login({}, "bob", "pair");
  REQUIRE(stage.backends() == 1);
  CHECK(pair.host(1) == "one");
  stage.greeting = kGreeting;
  pair.client();
  REQUIRE(stage.backends() == 2);
  CHECK(pair.host(2) == "one");
}

TEST_CASE("load_balance_hosts = disable: dials that fail together leave no host out") {
  InOrder policy;
  Stage stage(policy, {.config = "server_connect_timeout = 1", .databases = kPair});
  const Pair pair(stage);
  pair.one.answer = Answer::accept;
  Caller& client = pair.client();
  Caller& other = pair.client();
  CHECK(pair.host(1) == "one");
  pair.one.answer = Answer::hang;
  stage.backend(1).hang_up();
  client.say("Q'select 1'");
  other.say("Q'select 2'");
  stage.wait(2 * kSecond);
  REQUIRE(stage.backends() >= 2);
  CHECK(pair.host(2) == "two");
}

TEST_CASE("load_balance_hosts = disable: all pools and workers go where one has found the way") {
  InOrder policy;
  Stage stage(policy, {.databases = kPair, .workers = 2});
  const Pair pair(stage);
  pair.client(0);
  pair.one.answer = Answer::accept;
  pair.client(1, "bob");
  Caller& here = pair.client(0);
  Caller& there = pair.client(1);
  here.say("Q'select 1'");
  there.say("Q'select 2'");
  REQUIRE(stage.backends() == 3);
  for (std::size_t i = 1; i <= 3; ++i) CHECK(pair.host(i) == "two");
  CHECK(pair.one.opened == 0);
}

TEST_CASE("load_balance_hosts = disable: another list of hosts begins with its first") {
  InOrder policy;
  Stage stage(policy, {.databases = kPair});
  const Pair pair(stage);
  Caller& client = pair.client();
  CHECK(pair.host(1) == "two");
  stage.open("three");
  const std::string list = "pair = host=three,two port=5432 load_balance_hosts=disable";
  stage.town.reload(Stage::config_text({.databases = list}));
  stage.run();
  client.say("Q'select 1'");
  REQUIRE(stage.backends() == 2);
  CHECK(pair.host(2) == "three");
}

TEST_CASE("load_balance_hosts = round-robin: every host has its turn") {
  InOrder policy;
  Stage stage(policy, {.databases = "pair = host=one,two port=5432"});
  const Pair pair(stage);
  pair.one.answer = Answer::accept;
  Caller& client = pair.client();
  Caller& other = pair.client();
  client.say("Q'select 1'");
  other.say("Q'select 2'");
  REQUIRE(stage.backends() == 2);
  CHECK(pair.host(1) == "one");
  CHECK(pair.host(2) == "two");
}
