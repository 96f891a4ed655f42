// recovery_test.cc: a server that goes and comes back: who waits, who is told what, who asks how
// often whether it is there again.
#include <doctest/doctest.h>

#include <vector>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

constexpr const char* kStarting = "E(FATAL)'57P03 the database system is starting up'";

// Of two workers, two databases and two users: four pools at one host, each with clients in line.
struct Crowd {
  static constexpr std::size_t kClients = 40;

  explicit Crowd(InOrder& policy, const std::string& config = {})
      : stage(policy, {.config = config, .databases = "till = host=db port=5432", .workers = 2}) {
    stage.obliging = true;
    for (std::size_t i = 0; i < kClients; ++i) {
      callers.push_back(
          &stage.caller(i % 2).login({}, i % 4 < 2 ? "app" : "bob", i % 8 < 4 ? "shop" : "till"));
    }
    stage.wait(kSecond);
    for (Caller* const caller : callers) caller->heard();
  }
  // Everything that PostgreSQL had open is gone, and nothing answers.
  void crash() {
    stage.door.answer = Answer::refuse;
    for (std::size_t i = 1; i <= stage.backends(); ++i) {
      if (!stage.backend(i).peer.closed()) stage.backend(i).hang_up();
    }
  }
  void ask() {
    for (Caller* const caller : callers) caller->say("Q'select 1'");
  }
  std::size_t served() {
    std::size_t count = 0;
    for (Caller* const caller : callers) count += caller->heard() == "T D C Z" ? 1 : 0;
    return count;
  }

  Stage stage;
  std::vector<Caller*> callers;
};

}  // namespace

TEST_CASE(
    "a server that is back serves all who waited within 2 seconds, however long it was gone") {
  for (const Instant outage : {kSecond, 10 * kSecond, 100 * kSecond}) {
    CAPTURE(outage);
    InOrder policy;
    Crowd crowd(policy);
    crowd.crash();
    crowd.ask();
    crowd.stage.wait(outage);
    crowd.stage.door.answer = Answer::accept;
    crowd.stage.wait(2 * kSecond);
    CHECK(crowd.served() == Crowd::kClients);
  }
}

TEST_CASE("a server that starts up for long serves all who waited once it lets them in") {
  InOrder policy;
  Crowd crowd(policy);
  crowd.crash();
  crowd.stage.door.answer = Answer::accept;
  crowd.stage.greeting = kStarting;
  crowd.ask();
  crowd.stage.wait(30 * kSecond);
  CHECK(crowd.served() == 0);
  crowd.stage.greeting = kGreeting;
  crowd.stage.wait(2 * kSecond);
  CHECK(crowd.served() == Crowd::kClients);
}

TEST_CASE("all pools and workers together ask a host that is down twice a second at the most") {
  InOrder policy;
  Crowd crowd(policy);
  crowd.crash();
  crowd.ask();
  crowd.stage.wait(5 * kSecond);
  const std::size_t before = crowd.stage.door.tried;
  crowd.stage.wait(60 * kSecond);
  const std::size_t tried = crowd.stage.door.tried - before;
  CHECK(tried >= 60);
  CHECK(tried <= 121);
}

TEST_CASE("a host that lets connections hang is asked anew, and answers when it is back") {
  InOrder policy;
  Crowd crowd(policy);
  crowd.crash();
  crowd.stage.door.answer = Answer::hang;
  crowd.ask();
  crowd.stage.wait(60 * kSecond);
  crowd.stage.door.answer = Answer::refuse;  // Those that hang are lost for good.
  crowd.stage.wait(1);
  crowd.stage.door.answer = Answer::accept;
  crowd.stage.wait(3 * kSecond);
  CHECK(crowd.served() == Crowd::kClients);
}

TEST_CASE("who waited in vain hears what the server said, whichever worker had asked it") {
  InOrder policy;
  Crowd crowd(policy, "query_wait_timeout = 10");
  crowd.crash();
  crowd.stage.door.answer = Answer::accept;
  crowd.stage.greeting = kStarting;
  crowd.ask();
  crowd.stage.wait(10 * kSecond);
  for (Caller* const caller : crowd.callers) {
    const std::string heard = caller->heard();
    CHECK(heard == "E(FATAL)\"57P03 the database system is starting up\" .");
  }
}

TEST_CASE("a refusal for good sends nobody away while another server of the pool works") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 2"});
  Caller& one = stage.client();
  Caller& two = stage.client();
  one.say("Q'select 1'");
  stage.greeting = "E(FATAL)'28P01 password authentication failed for user \"app\"'";
  two.say("Q'select 2'");
  stage.wait(10 * kSecond);
  CHECK(two.heard().empty());
  stage.backend(1).say("T D C Z");
  CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 2\"");
  stage.backend(1).say("T D C Z");
  CHECK(two.heard() == "T D C Z");
}

TEST_CASE("server_connect_parallel bounds the logins of a pool over all workers") {
  for (const std::size_t most : {1u, 3u}) {
    InOrder policy;
    const std::string config = "server_connect_parallel = " + std::to_string(most);
    Stage stage(policy, {.config = config, .workers = 2});
    std::vector<Caller*> callers;
    for (std::size_t i = 0; i < 10; ++i) callers.push_back(&stage.client(i % 2));
    stage.wait(kSecond);
    for (std::size_t i = 1; i <= stage.backends(); ++i) stage.backend(i).hang_up();
    const std::size_t before = stage.backends();
    stage.greeting = "R";  // And no more of the login.
    for (Caller* const caller : callers) caller->say("Q'select 1'");
    stage.wait(kSecond);
    CHECK(stage.backends() == before + most);
    stage.greeting = kGreeting;
    stage.obliging = true;
    for (std::size_t i = before + 1; i <= before + most; ++i) stage.backend(i).hang_up();
    stage.wait(2 * kSecond);
    for (Caller* const caller : callers) CHECK(caller->heard() == "T D C Z");
  }
}

TEST_CASE("a host that fails has no turn until it answers, and nobody waits for it") {
  for (const Answer trouble : {Answer::refuse, Answer::hang}) {
    CAPTURE(static_cast<int>(trouble));
    InOrder policy;
    Stage stage(policy, {.config = "server_connect_timeout = 5",
                         .databases = "pair = host=one,two port=5432"});
    street::Door& one = stage.open("one");
    street::Door& two = stage.open("two");
    one.answer = trouble;
    stage.caller().login({}, "app", "pair");
    stage.wait(6 * kSecond);
    std::vector<Caller*> callers;
    for (int i = 0; i < 4; ++i) {
      callers.push_back(&stage.caller().login({}, "app", "pair"));
      stage.wait(1);
      callers.back()->heard();
      callers.back()->say("Q'begin'");
      CHECK(two.open == static_cast<std::size_t>(i) + 1);
    }
    one.answer = Answer::accept;
    for (int i = 0; i < 10; ++i) {
      Caller& more = stage.caller().login({}, "app", "pair");
      more.say("Q'begin'");
      stage.wait(kSecond);
    }
    CHECK(one.open >= 4);
  }
}
