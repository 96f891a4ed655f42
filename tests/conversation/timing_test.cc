// timing_test.cc: what time does to servers: tests, lifetimes, idleness, a minimum to keep.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

TEST_CASE("server_check_query runs before the next client when the server has idled for long") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.config = "server_check_query = select 7\nserver_check_delay = 30"});
    Caller& client = stage.client();
    stage.wait(29 * kSecond);
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
    stage.backend(1).say("T D C Z");
    stage.wait(30 * kSecond);
    client.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 7\"");
    stage.backend(1).say("T D C Z");
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z T D C Z");
  });
}

TEST_CASE("a server that fails its test goes, and the client gets another") {
  for (const bool by_error : {false, true}) {
    InOrder policy;
    Stage stage(policy, {.config = "server_check_query = select 7"});
    Caller& client = stage.client();
    stage.wait(30 * kSecond);
    client.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 7\"");
    if (by_error) {
      stage.backend(1).say("E'XX000 sick' Z");
    } else {
      stage.wait(10 * kSecond);
    }
    CHECK(stage.backend(1).heard() == "X .");
    CHECK(stage.backend(2).heard() == "Q\"select 2\"");
    stage.backend(2).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  }
}

TEST_CASE("connect_query runs once after the login") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.shop = "connect_query='set role x'"});
    stage.answers_sets = false;
    Caller& client = stage.client();
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"set role x\"");
    stage.backend(1).say("C'SET' Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  });
}

TEST_CASE("a connect_query that fails is told in the log, and the server is used") {
  InOrder policy;
  Stage stage(policy, {.config = "server_check_query = set role x\nserver_check_delay = 5",
                       .shop = "connect_query='set role x'"});
  stage.answers_sets = false;
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.backend(1).say("E'22023 role \"x\" does not exist' Z");
  CHECK(stage.town.log.contains("connect_query failed: role \"x\" does not exist"));
  CHECK(stage.backend(1).heard() == "Q\"set role x\" Q\"select 1\"");
  stage.wait(kSecond);
  stage.backend(1).say("T D C Z");
  // The same words as a check are a check.
  stage.wait(6 * kSecond);
  client.say("Q'select 2'");
  CHECK(stage.backend(1).heard() == "Q\"set role x\"");
  stage.backend(1).say("E'22023 role \"x\" does not exist' Z");
  CHECK(stage.town.log.contains("test query failed: role \"x\" does not exist"));
  CHECK(stage.backend(1).heard() == "X .");
}

TEST_CASE("log_stats counts transactions in every mode, and the mean wait for a server") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(
        policy,
        {.config = "log_stats = 1\nstats_period = 10\ndefault_pool_size = 1\npool_mode = " + mode});
    stage.obliging = true;
    Caller& client = stage.client();
    for (int i = 0; i < 20; ++i) client.say("Q'select 1'");
    stage.wait(10 * kSecond);
    CHECK(stage.town.log.contains("stats: 2 xacts/s, 2 queries/s, wait 0 us, clients 1"));
  }
}

TEST_CASE(
    "a stats_period that a RELOAD shortens ends the period, and the figures are of all of it") {
  InOrder policy;
  Stage stage(policy, {.config = "log_stats = 1\nstats_period = 3600"});
  stage.obliging = true;
  Caller& client = stage.client();
  for (int i = 0; i < 200; ++i) client.say("Q'select 1'");
  stage.wait(100 * kSecond);
  stage.town.reload(Stage::config_text({.config = "log_stats = 1\nstats_period = 60"}));
  stage.run();
  CHECK(stage.town.log.contains("stats: 2 xacts/s, 2 queries/s, wait 0 us, clients 1"));
}

TEST_CASE("server_login_retry = 0 tries often, but not without a pause") {
  InOrder policy;
  Stage stage(policy, {.config = "server_login_retry = 0"});
  stage.door.answer = street::Door::Answer::refuse;
  stage.caller().say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  stage.wait(kSecond);
  const auto failed = [](const std::string& line) {
    return line.find("login failed") != std::string::npos;
  };
  const auto& lines = stage.town.log.lines;
  const auto dials = std::count_if(lines.begin(), lines.end(), failed);
  CHECK(dials > 10);
  CHECK(dials <= 100);
}

TEST_CASE("server_lifetime: the server goes when it is free") {
  InOrder policy;
  Stage stage(policy, {.config = "server_lifetime = 60"});
  Caller& client = stage.client();
  client.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  stage.wait(61 * kSecond);
  CHECK(stage.backend(1).heard() == "Q\"begin\"");
  client.say("Q'commit'");
  stage.backend(1).say("C Z");
  CHECK(stage.backend(1).heard() == "Q\"commit\" X .");
  client.say("Q'select 1'");
  stage.backend(2).say("T D C Z");
  CHECK(stage.backend(2).heard() == "Q\"select 1\"");
  stage.wait(60 * kSecond);
  CHECK(stage.backend(2).heard() == "X .");
}

TEST_CASE("server_idle_timeout lets go of what min_pool_size does not keep") {
  InOrder policy;
  Stage stage(policy, {.config = "server_idle_timeout = 10\nmin_pool_size = 1"});
  stage.obliging = false;
  Caller& one = stage.client();
  Caller& two = stage.client();
  one.say("Q'select 1'");
  two.say("Q'select 2'");
  REQUIRE(stage.backends() == 2);
  stage.backend(1).say("T D C Z");
  stage.backend(2).say("T D C Z");
  stage.wait(11 * kSecond);
  CHECK(stage.door.open == 1);
  stage.wait(60 * kSecond);
  CHECK(stage.door.open == 1);
}

TEST_CASE("min_pool_size fills the pool up while a client is there") {
  InOrder policy;
  Stage stage(policy, {.config = "min_pool_size = 3"});
  stage.client();
  stage.wait(kSecond);
  CHECK(stage.door.open == 3);
}

TEST_CASE("min_pool_size fills a pool with a forced user before its first client") {
  for (const std::size_t workers : {1u, 3u}) {
    InOrder policy;
    const Setting setting{.workers = workers, .shop = "user=alice min_pool_size=2"};
    Stage stage(policy, setting);
    stage.wait(kSecond);
    CHECK(stage.door.open == 2);
    CHECK(stage.backend(2).user == "alice");
    stage.backend(1).hang_up();
    stage.wait(kSecond);
    CHECK(stage.door.open == 2);
    stage.town.reload(Stage::config_text({.shop = "user=alice min_pool_size=3"}));
    stage.wait(kSecond);
    CHECK(stage.door.open == 3);
  }
}

TEST_CASE("min_pool_size keeps nothing ready for whoever has not come yet") {
  InOrder policy;
  Stage stage(policy, {.config = "min_pool_size = 2"});
  stage.wait(kSecond);
  CHECK(stage.backends() == 0);
}

TEST_CASE("min_pool_size fills no pool that all clients have left") {
  const std::string lines = "min_pool_size = 2\nserver_lifetime = 60";
  InOrder policy;
  Stage stage(policy, {.config = lines});
  Caller& client = stage.client();
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 2);
  client.say("X");
  stage.wait(120 * kSecond);
  REQUIRE(stage.door.open == 0);
  stage.town.reload(Stage::config_text({.config = lines}));
  stage.wait(60 * kSecond);
  CHECK(stage.backends() == 2);
}

TEST_CASE("a minimum without a client gives way, and is filled when the limit has room again") {
  InOrder policy;
  Stage stage(policy, {.config = "max_user_connections = 1\nserver_idle_timeout = 5",
                       .databases = "spare = host=db user=alice",
                       .shop = "user=alice min_pool_size=1"});
  stage.obliging = true;
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 1);
  Caller& client = stage.caller().login({}, "app", "spare");
  client.say("Q'select 1'");
  stage.wait(kSecond);
  CHECK(client.heard() == "T D C Z");
  CHECK(stage.backend(1).heard() == "X .");
  CHECK(stage.backend(2).database == "spare");
  stage.wait(10 * kSecond);
  CHECK(stage.backend(2).heard() == "X .");
  REQUIRE(stage.backends() == 3);
  CHECK(stage.backend(3).database == "shop");
}

TEST_CASE("a RELOAD that changes where to dial closes the old servers when they are free") {
  InOrder policy;
  Stage stage(policy);
  Caller& busy = stage.client();
  busy.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  stage.town.reload(Stage::config_text({.shop = "dbname=other"}));
  stage.run();
  CHECK(stage.town.reloads_done == 1);
  busy.say("Q'commit'");
  stage.backend(1).say("C Z");
  CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"commit\" X .");
  busy.say("Q'select 1'");
  CHECK(stage.backend(2).database == "other");
}

TEST_CASE("a RELOAD that takes the database away tells its clients") {
  InOrder policy;
  Stage stage(policy, {.databases = "spare = host=db"});
  Caller& idle = stage.client();
  std::string text = Stage::config_text({});
  text.replace(text.find("shop ="), 6, "mart =");
  stage.town.reload(text);
  stage.run();
  CHECK(idle.heard() == "E(FATAL)\"3D000 no such database: shop\" .");
  CHECK(stage.backend(1).heard() == "X .");
}

TEST_CASE("log_stats averages over the whole period, a broken number of seconds too") {
  InOrder policy;
  Stage stage(policy, {.config = "log_stats = 1\nstats_period = 1.5"});
  stage.obliging = true;
  Caller& client = stage.client();
  for (int i = 0; i < 3; ++i) client.say("Q'select 1'");
  stage.wait(3 * kSecond / 2);
  CHECK(stage.town.log.contains("stats: 2 xacts/s, 2 queries/s"));
}
