// machines_test.cc: a name that leads to several machines: which of them is meant.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

// The name db leads to `one` and `two`, and at first only `two` answers.
struct Machines {
  explicit Machines(Stage& stage) : one(stage.open("one")), two(stage.open("two")) {
    stage.town.net.name("db", {"one", "two"});
    one.answer = Answer::refuse;
  }

  street::Door& one;
  street::Door& two;
};

}  // namespace

TEST_CASE("a cancel goes to the machine that runs the query, wherever the name leads by now") {
  InOrder policy;
  Stage stage(policy);
  Machines machines(stage);
  Caller& client = stage.client();
  client.say("Q'select pg_sleep(9)'");
  CHECK(machines.two.opened == 1);
  machines.one.answer = Answer::accept;
  stage.caller().say(client.cancel_packet());
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).is_cancel);
  CHECK(stage.backend(2).cancel_pid == 101);
  CHECK(stage.backend(2).peer.target.host == "two");
  CHECK(machines.one.opened == 0);
}

TEST_CASE("a cancel finds the machine of a server that was handed over") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1", .workers = 2});
  Machines machines(stage);
  stage.client(0);
  Caller& there = stage.client(1);
  there.say("Q'select pg_sleep(9)'");
  CHECK(stage.backend(1).heard() == "Q\"select pg_sleep(9)\"");
  machines.one.answer = Answer::accept;
  stage.caller(0).say(there.cancel_packet());
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).cancel_pid == 101);
  CHECK(stage.backend(2).peer.target.host == "two");
  CHECK(machines.one.opened == 0);
}

TEST_CASE("a cancel is not sent elsewhere when its machine does not take it") {
  InOrder policy;
  Stage stage(policy);
  Machines machines(stage);
  Caller& client = stage.client();
  client.say("Q'select pg_sleep(9)'");
  machines.one.answer = Answer::accept;
  machines.two.answer = Answer::refuse;
  stage.caller().say(client.cancel_packet());
  CHECK(stage.backends() == 1);
  CHECK(machines.one.opened == 0);
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z");
}

TEST_CASE("the next server is dialled by the name again") {
  InOrder policy;
  Stage stage(policy);
  Machines machines(stage);
  Caller& client = stage.client();
  machines.one.answer = Answer::accept;
  stage.backend(1).hang_up();
  client.say("Q'select 1'");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).peer.target.host == "one");
}

TEST_CASE(
    "servers at an address that their name does not lead to any more close when they are free") {
  for (const std::size_t workers : {1u, 2u}) {
    InOrder policy;
    Stage stage(policy, {.config = "default_pool_size = 2", .workers = workers});
    Machines machines(stage);
    Caller& idle = stage.client(0);
    Caller& busy = stage.client(workers - 1);
    busy.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    busy.heard();
    idle.say("Q'select 1'");
    REQUIRE(stage.backends() == 2);
    stage.backend(2).say("T D C Z");
    machines.one.answer = Answer::accept;
    stage.wait(20 * kSecond);
    CHECK(machines.two.open == 2);  // Another machine of the name would do; this one does, too.
    stage.town.net.name("db", {"one"});
    stage.wait(20 * kSecond);
    CHECK(machines.two.open == 1);
    CHECK(stage.town.log.contains("its host has another address now"));
    busy.say("Q'commit'");
    stage.backend(1).say("C Z");
    CHECK(busy.heard() == "C Z");
    CHECK(machines.two.open == 0);
    CHECK(machines.one.opened == 0);
    idle.say("Q'select 2'");
    CHECK(machines.one.opened == 1);
  }
}
