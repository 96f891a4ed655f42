// review_reload_test.cc: a configuration or a shutdown that comes while servers are on their way.
#include <doctest/doctest.h>
#include <malloc.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

constexpr std::string_view kNoShop = "E(FATAL)\"3D000 no such database: shop\" .";
const Settings kApp{{"user", "app"}, {"database", "shop"}};

void replace_shop(Stage& stage, std::string_view with, const Setting& setting = {}) {
  std::string text = Stage::config_text(setting);
  constexpr std::string_view kShop = "shop = host=db";
  text.replace(text.find(kShop), kShop.size(), with);
  stage.town.reload(text);
  stage.run();
}

void remove_shop(Stage& stage) { replace_shop(stage, "mart = host=db"); }

}  // namespace

TEST_CASE("a RELOAD that takes the database away drops the dial to it") {
  InOrder policy;
  Stage stage(policy);
  stage.door.answer = Answer::hang;
  Caller& client = stage.caller();
  client.say(startup_bytes(kApp));
  CHECK(client.heard() == "R");
  remove_shop(stage);
  CHECK(client.heard() == kNoShop);
  stage.door.answer = Answer::accept;
  stage.wait(60 * kSecond);
  CHECK(stage.door.open == 0);
}

TEST_CASE("a RELOAD that takes the database away drops the server that logs in") {
  for (const bool answers : {false, true}) {
    InOrder policy;
    Stage stage(policy);
    stage.greeting = "";
    stage.hangs_up = false;
    Caller& client = stage.caller();
    client.say(startup_bytes(kApp));
    CHECK(client.heard() == "R");
    REQUIRE(stage.backends() == 1);
    remove_shop(stage);
    CHECK(client.heard() == kNoShop);
    if (answers) stage.backend(1).say("R S'server_version=16.4' K(7) Z");
    CHECK(stage.backend(1).heard() == "X .");
    stage.backend(1).hang_up();
    stage.wait(60 * kSecond);
    CHECK(stage.door.open == 0);
    CHECK(stage.backends() == 1);
  }
}

TEST_CASE("a RELOAD that takes the database away tells who waits for a second server") {
  for (const Answer answer : {Answer::hang, Answer::accept}) {
    InOrder policy;
    Stage stage(policy);
    Caller& busy = stage.client();
    Caller& waiting = stage.client();
    busy.say("Q'begin'");
    stage.door.answer = answer;
    stage.greeting = "";
    waiting.say("Q'select 2'");
    remove_shop(stage);
    CHECK(waiting.heard() == kNoShop);
    CHECK(busy.heard().empty());
    stage.door.answer = Answer::accept;
    stage.run();
    CHECK(stage.door.open == 1);
  }
}

TEST_CASE("a transaction outlives its database's place in the configuration, the session not") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    remove_shop(stage);
    client.say("Q'commit'");
    stage.backend(1).say("C Z");
    CHECK(client.heard() == "C Z(T) C Z");
    CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"commit\" X .");
    client.say("Q'select 1'");
    CHECK(client.heard() == kNoShop);
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("a RELOAD that takes the database away lets a server finish our own query") {
  for (const char* const how : {"server_check_query = select 7\nserver_check_delay = 0",
                                "pool_mode = session\nserver_reset_query = discard"}) {
    const Setting setting{.config = how};
    InOrder policy;
    Stage stage(policy, setting);
    stage.answers_sets = false;
    Caller& client = stage.client();
    stage.wait(kSecond);
    client.say("Q'select 1'");
    if (setting.config.find("session") != std::string::npos) {
      stage.backend(1).say("T D C Z");
      client.say("X");
    }
    stage.backend(1).heard();
    replace_shop(stage, "mart = host=db", setting);
    stage.backend(1).say("C Z");
    CHECK(stage.backend(1).heard() == "X .");
    CHECK(client.peer.ended());
    CHECK(stage.door.open == 0);
  }
}

TEST_CASE("SHUTDOWN WAIT_FOR_SERVERS ends while a server is dialled or logs in") {
  for (const Answer answer : {Answer::hang, Answer::accept}) {
    InOrder policy;
    Stage stage(policy);
    stage.door.answer = answer;
    stage.greeting = "";
    Caller& client = stage.caller();
    client.say(startup_bytes(kApp));
    stage.town.shut_down(proxy::Stop::when_servers_left);
    stage.run();
    CHECK(client.heard() == "R E(FATAL)\"57P01 server shutting down\" .");
    CHECK(stage.town.finished());
  }
}

TEST_CASE("SHUTDOWN WAIT_FOR_SERVERS keeps nothing of what stands behind a refused request") {
  InOrder policy;
  Stage stage(policy);
  Caller& busy = stage.client();
  Caller& client = stage.client();
  busy.say("Q'begin'");
  stage.town.shut_down(proxy::Stop::when_servers_left);
  stage.run();
  Buffer bulk = client_bytes("Q'select 2'");
  bulk.resize(bulk.size() + 1024 * 1024, 'x');
  client.say(bulk);
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (int i = 0; i < 8; ++i) client.say(bulk);
  CHECK(mallinfo2().uordblks + mallinfo2().hblkhd < before + 2 * bulk.size());
  CHECK(client.peer.in_flight() == 0);
  CHECK(client.heard() == "E(FATAL)\"57P01 server shutting down\" .");
}

TEST_CASE("a server that was dialled where a RELOAD dials no more is never granted") {
  InOrder policy;
  Stage stage(policy);
  stage.open("other");
  stage.door.answer = Answer::hang;
  Caller& client = stage.caller();
  client.say(startup_bytes(kApp));
  replace_shop(stage, "shop = host=other");
  stage.door.answer = Answer::accept;
  stage.run();
  CHECK(client.heard().find("R S") == 0);
  client.say("Q'select 1'");
  CHECK(stage.door.open == 0);
  Backend& server = stage.backend(stage.backends());
  CHECK(server.peer.target.host == "other");
  CHECK(server.heard() == "Q\"select 1\"");
  CHECK(stage.backend(1).user.empty());  // It has not even been greeted.
}

TEST_CASE("a server that logs in where a RELOAD dials no more is never granted") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    stage.open("other");
    stage.greeting = "";
    Caller& client = stage.caller();
    client.say(startup_bytes(kApp));
    replace_shop(stage, "shop = host=other");
    stage.greeting = kGreeting;
    stage.backend(1).say("R S'server_version=16.4' K(101) Z");
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "X .");
    REQUIRE(stage.backends() == 2);
    CHECK(stage.backend(2).peer.target.host == "other");
    CHECK(stage.backend(2).heard() == "Q\"select 1\"");
  });
}

TEST_CASE("a worker that opens the pool after a RELOAD takes servers over as the others do") {
  const Setting setting{.config = "default_pool_size = 1", .workers = 2};
  InOrder policy;
  Stage stage(policy, setting);
  street::Door& other = stage.open("other");
  Caller& here = stage.client(0);
  replace_shop(stage, "shop = host=other", setting);
  here.say("Q'select 1'");
  REQUIRE(stage.backends() == 2);
  stage.backend(2).say("T D C Z");
  Caller& there = stage.client(1);
  there.say("Q'select 2'");
  stage.wait(kSecond);
  CHECK(stage.backend(2).heard() == "Q\"select 1\" Q\"select 2\"");
  CHECK(stage.door.open == 0);
  CHECK(other.opened == 1);
}
