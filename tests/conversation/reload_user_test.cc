// reload_user_test.cc: a RELOAD that gives a database another user: nobody is served by a server of
// the user before any more, and who waits keeps its place.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

// As `setting`, but for what `shop` says.
void give(Stage& stage, const std::string& shop, Setting setting = {}) {
  setting.shop = shop;
  stage.town.reload(Stage::config_text(setting));
  stage.run();
}

}  // namespace

TEST_CASE(
    "a client that idles is served by the user that a RELOAD forces, the server before goes") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.shop = "user=alice"});
    Caller& client = stage.client();
    CHECK(stage.backend(1).user == "alice");
    give(stage, "user=eve");
    CHECK(stage.backend(1).heard() == "X .");
    client.say("Q'select 1'");
    REQUIRE(stage.backends() == 2);
    CHECK(stage.backend(2).user == "eve");
    CHECK(stage.backend(2).heard() == "Q\"select 1\"");
    stage.backend(2).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  });
}

TEST_CASE("a transaction ends on its server, the next one is served by the user forced meanwhile") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.shop = "user=alice"});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    give(stage, "user=eve");
    client.say("Q'commit'");
    stage.backend(1).say("C Z");
    CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"commit\" X .");
    client.say("Q'select 1'");
    REQUIRE(stage.backends() == 2);
    CHECK(stage.backend(2).user == "eve");
    CHECK(stage.backend(2).heard() == "Q\"select 1\"");
    stage.backend(2).say("T D C Z");
    CHECK(client.heard() == "C Z(T) C Z T D C Z");
  });
}

TEST_CASE("clients in line go over to the other user's line in their order") {
  const Setting setting{.config = "default_pool_size = 1", .shop = "user=alice"};
  InOrder policy;
  Stage stage(policy, setting);
  Caller& busy = stage.client();
  Caller& first = stage.client();
  Caller& second = stage.client();
  busy.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  first.say("Q'select 1'");
  second.say("Q'select 2'");
  give(stage, "user=eve", setting);
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).user == "eve");
  CHECK(stage.backend(2).heard() == "Q\"select 1\"");
  stage.backend(2).say("T D C Z");
  CHECK(stage.backend(2).heard() == "Q\"select 2\"");
  stage.backend(2).say("T D C Z");
  CHECK(first.heard() == "T D C Z");
  CHECK(second.heard() == "T D C Z");
  CHECK(busy.heard() == "C Z(T)");
}

TEST_CASE("who has waited longest is first when two lines become one") {
  const Setting setting{.config = "default_pool_size = 1"};
  InOrder policy;
  Stage stage(policy, setting);
  Caller& app = stage.client();
  Caller& bob = stage.caller().login({}, "bob");
  app.say("Q'begin'");
  bob.say("Q'begin'");
  REQUIRE(stage.backends() == 2);
  Caller& older = stage.client();
  older.say("Q'select older'");
  stage.wait(kSecond);
  Caller& younger = stage.caller().login({}, "bob");
  younger.say("Q'select younger'");
  give(stage, "user=bob", setting);
  stage.backend(2).say("C Z(T)");
  bob.say("Q'commit'");
  stage.backend(2).say("C Z");
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 3);
  CHECK(stage.backend(3).user == "bob");
  CHECK(stage.backend(3).heard() == "Q\"select older\"");
  stage.backend(3).say("T D C Z");
  CHECK(stage.backend(3).heard() == "Q\"select younger\"");
}

TEST_CASE("query_wait_timeout counts from before the RELOAD that moved the client") {
  for (const std::string everybody_s : {"5", "0"}) {
    const Setting setting{.config = "default_pool_size = 1\nquery_wait_timeout = " + everybody_s,
                          .users = "eve = query_wait_timeout=5",
                          .shop = "user=alice"};
    InOrder policy;
    Stage stage(policy, setting);
    Caller& busy = stage.client();
    Caller& waits = stage.client();
    busy.say("Q'begin'");
    waits.say("Q'select 1'");
    stage.wait(4 * kSecond);
    stage.door.answer = Answer::hang;
    give(stage, "user=eve", setting);
    CHECK(waits.heard().empty());
    stage.wait(2 * kSecond);
    CHECK(waits.heard().find("query_wait_timeout") != std::string::npos);
  }
}

TEST_CASE("a client that waits for a first server is greeted by one of the user forced meanwhile") {
  InOrder policy;
  Stage stage(policy, {.shop = "user=alice"});
  stage.door.answer = Answer::hang;
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  CHECK(client.heard() == "R");
  give(stage, "user=eve");
  stage.door.answer = Answer::accept;
  stage.wait(kSecond);
  CHECK(client.heard().find("S\"client_encoding=UTF8\"") == 0);
  client.say("Q'select 1'");
  CHECK(stage.door.open == 1);
  CHECK(stage.backend(stage.backends()).user == "eve");
  CHECK(stage.backend(stage.backends()).heard() == "Q\"select 1\"");
}

TEST_CASE("a user that is forced now is everybody's, one that is forced no more only its own") {
  InOrder policy;
  Stage stage(policy);
  stage.obliging = true;
  Caller& app = stage.client();
  Caller& bob = stage.caller().login({}, "bob");
  const auto served_by = [&](Caller& client, const std::string& sql) {
    client.say("Q'" + sql + "'");
    CHECK(client.heard() == "T D C Z");
    for (std::size_t i = 1; i <= stage.backends(); ++i) {
      const auto& ran = stage.backend(i).ran;
      if (!ran.empty() && ran.back() == sql) return stage.backend(i).user;
    }
    return std::string{"nobody"};
  };
  CHECK(served_by(app, "select 1") == "app");
  CHECK(served_by(bob, "select 2") == "bob");
  give(stage, "user=app");
  CHECK(served_by(app, "select 3") == "app");
  CHECK(served_by(bob, "select 4") == "app");
  give(stage, "");
  CHECK(served_by(app, "select 5") == "app");
  CHECK(served_by(bob, "select 6") == "bob");
}

TEST_CASE(
    "clients of every worker go over, and the other user's server goes from one to the other") {
  const Setting setting{.config = "default_pool_size = 1", .workers = 2, .shop = "user=alice"};
  InOrder policy;
  Stage stage(policy, setting);
  Caller& here = stage.client(0);
  Caller& there = stage.client(1);
  give(stage, "user=eve", setting);
  here.say("Q'select 1'");
  there.say("Q'select 2'");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).user == "eve");
  stage.backend(2).say("T D C Z");
  stage.wait(kSecond);
  CHECK(stage.backend(2).heard() == "Q\"select 1\" Q\"select 2\"");
  CHECK(stage.backends() == 2);
  CHECK(stage.door.open == 1);
}

TEST_CASE("a server of the user before that is lent while the RELOAD comes serves nobody") {
  const Setting setting{.config = "default_pool_size = 1", .workers = 2, .shop = "user=alice"};
  InOrder policy;
  Stage stage(policy, setting);
  Caller& here = stage.client(0);
  Caller& there = stage.client(1);
  here.say("Q'select 1'");
  there.say("Q'select 2'");
  Setting later = setting;
  later.shop = "user=eve";
  // Freed at the same time as the letters of the RELOAD leave: the server is on its way when they
  // come.
  stage.backend(1).peer.send(server_bytes("T D C Z"));
  stage.town.reload(Stage::config_text(later));
  stage.run();
  stage.wait(kSecond);
  CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).user == "eve");
  CHECK(stage.backend(2).heard() == "Q\"select 2\"");
  CHECK(here.heard() == "T D C Z");
}

TEST_CASE("min_pool_size keeps no server of a user that nobody is served by") {
  const Setting setting{.config = "min_pool_size = 2", .shop = "user=alice"};
  InOrder policy;
  Stage stage(policy, setting);
  Caller& busy = stage.client();
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 2);
  busy.say("Q'begin'");
  Backend& with = stage.backend(stage.backend(1).heard().empty() ? 2 : 1);
  with.say("C Z(T)");
  give(stage, "user=eve", setting);
  stage.wait(60 * kSecond);
  REQUIRE(stage.backends() == 4);
  CHECK(stage.backend(3).user == "eve");
  CHECK(stage.backend(4).user == "eve");
  CHECK(stage.door.open == 3);
  busy.say("Q'commit'");
  with.say("C Z");
  stage.wait(60 * kSecond);
  CHECK(with.peer.closed());
  CHECK(stage.door.open == 2);
  CHECK(stage.backends() == 4);
}

TEST_CASE("in session mode a client keeps its server, the next session has the user forced now") {
  const Setting setting{.config = "pool_mode = session\nserver_reset_query =",
                        .shop = "user=alice"};
  InOrder policy;
  Stage stage(policy, setting);
  stage.obliging = true;
  Caller& client = stage.client();
  client.say("Q'select 1'");
  give(stage, "user=eve", setting);
  client.say("Q'select 2'");
  CHECK(client.heard() == "T D C Z T D C Z");
  CHECK(stage.backends() == 1);
  client.say("X");
  CHECK(stage.backend(1).peer.closed());
  Caller& next = stage.client();
  next.say("Q'select 3'");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).user == "eve");
}

TEST_CASE("the password of a user that a RELOAD forces is told to no server of the one before") {
  for (const bool logging_in : {false, true}) {
    InOrder policy;
    Stage stage(policy, {.shop = "user=alice password=one"});
    stage.greeting = "";
    if (!logging_in) stage.door.answer = Answer::hang;
    Caller& client = stage.caller();
    client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    give(stage, "user=eve password=two");
    stage.door.answer = Answer::accept;
    stage.wait(kSecond);
    bool eve = false;
    for (std::size_t i = 1; i <= stage.backends(); ++i) {
      Backend& server = stage.backend(i);
      server.say(raw_message('R', 8, {"\0\0\0\3", 4}));
      const bool told = server.heard().find("two") != std::string::npos;
      CHECK(told == (server.user == "eve"));
      eve = eve || told;
    }
    CHECK(eve);
  }
}
