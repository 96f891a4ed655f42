// replication_test.cc: a replication client has a server for itself, and nothing between the two is
// read.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

Buffer replicating(const std::string& value, const std::string& user = "app") {
  return startup_bytes({{"user", user},
                        {"database", "shop"},
                        {"replication", value},
                        {"application_name", "receiver"},
                        {"wal_sender_timeout", "0"}});
}

// One that has been greeted.
Caller& receiver(Stage& stage, std::size_t worker = 0) {
  Caller& caller = stage.caller(worker);
  caller.say(replicating("database"));
  stage.wait(kSecond);
  const std::string heard = caller.heard();
  CHECK(heard.find("R S") == 0);
  CHECK(heard.substr(heard.size() - 2) == " Z");
  return caller;
}

}  // namespace

TEST_CASE("a replication client's server is made with all that its startup packet says") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    receiver(stage);
    REQUIRE(stage.backends() == 1);
    const Backend& server = stage.backend(1);
    CHECK(server.user == "app");
    CHECK(server.database == "shop");
    for (const auto& [name, value] : Settings{{"replication", "database"},
                                              {"application_name", "receiver"},
                                              {"wal_sender_timeout", "0"}}) {
      CAPTURE(name);
      const bool asked = std::find(server.asked.begin(), server.asked.end(),
                                   std::pair{name, value}) != server.asked.end();
      CHECK(asked);
    }
  });
}

TEST_CASE("both ways at once, whatever it is: no message of replication is read") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& caller = receiver(stage);
    caller.say("Q'START_REPLICATION 0/0'");
    CHECK(stage.backend(1).heard() == "Q\"START_REPLICATION 0/0\"");
    stage.backend(1).say(raw_message('W', 7, std::string(3, '\0')));
    for (int i = 0; i < 3; ++i) {
      stage.backend(1).say("d'wal'");
      caller.say("d'status'");
    }
    CHECK(stage.backend(1).heard() == "d\"status\" d\"status\" d\"status\"");
    const Buffer bytes = caller.peer.take();
    const std::string_view told = as_text(bytes);
    CHECK(told.size() == 8 + 3 * 8);
    CHECK(told[0] == 'W');
    CHECK(told.substr(8, 1) == "d");
  });
}

TEST_CASE("what a server says right behind its greeting is its client's") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    stage.greeting = std::string{kGreeting} + " N'mind the gap'";
    Caller& caller = stage.caller();
    caller.say(replicating("database"));
    const std::string heard = caller.heard();
    CHECK(heard.find(" Z N") != std::string::npos);
    caller.say("Q'IDENTIFY_SYSTEM'");
    CHECK(stage.backend(1).heard() == "Q\"IDENTIFY_SYSTEM\"");
  });
}

TEST_CASE("its server goes with it, and is nobody else's") {
  for (const bool politely : {true, false}) {
    InOrder policy;
    Stage stage(policy, {.config = "default_pool_size = 2"});
    Caller& caller = receiver(stage);
    Caller& other = stage.client();
    other.say("Q'select 1'");
    REQUIRE(stage.backends() == 2);
    politely ? caller.say("X") : caller.hang_up();
    if (politely) caller.hang_up();
    stage.wait(kSecond);
    CHECK(stage.backend(1).peer.closed());
    CHECK(stage.door.open == 1);
    CHECK(stage.town.commons().clients.load() == 1);
    CHECK(stage.town.commons().servers.load() == 1);
  }
}

TEST_CASE("a client goes with its server, and has had its last words") {
  InOrder policy;
  Stage stage(policy);
  Caller& caller = receiver(stage);
  stage.backend(1).say("E(FATAL)'57P01 terminating connection'");
  stage.backend(1).hang_up();
  CHECK(caller.heard() == "E(FATAL)\"57P01 terminating connection\" .");
  stage.wait(kSecond);
  CHECK(stage.town.commons().clients.load() == 0);
  CHECK(stage.town.commons().servers.load() == 0);
}

TEST_CASE("it counts against every limit: an idle server gives way, a busy one is waited for") {
  for (const std::size_t workers : {1u, 2u}) {
    for (const char* const limit : {"default_pool_size = 1", "max_db_connections = 1",
                                    "max_user_connections = 1", "max_server_connections = 1"}) {
      CAPTURE(limit);
      InOrder policy;
      Stage stage(policy,
                  {.config = std::string{limit} + "\nquery_wait_timeout = 10", .workers = workers});
      Caller& client = stage.client();
      client.say("Q'begin'");
      stage.backend(1).say("C Z(T)");
      client.heard();
      Caller& late = stage.caller(workers - 1);
      late.say(replicating("true"));
      stage.wait(kSecond);
      CHECK(late.heard() == "R");
      client.say("Q'commit'");
      stage.backend(1).say("C Z");
      stage.wait(kSecond);
      CHECK(late.heard().find("S") == 0);
      CHECK(stage.door.open_max == 1);
      Caller& third = stage.caller();
      third.say(replicating("true"));
      stage.wait(11 * kSecond);
      CHECK(third.heard() == "R E(FATAL)\"53300 query_wait_timeout\" .");
    }
  }
}

TEST_CASE("what a server says to a replication login is what its client hears") {
  InOrder policy;
  Stage stage(policy);
  stage.greeting = "E(FATAL)'42501 must be superuser or replication role to start walsender'";
  Caller& caller = stage.caller();
  caller.say(replicating("on"));
  CHECK(caller.heard() ==
        "R E(FATAL)\"42501 must be superuser or replication role to start walsender\" .");
  stage.door.answer = street::Door::Answer::refuse;
  Caller& other = stage.caller();
  other.say(replicating("on"));
  stage.wait(kSecond);
  CHECK(other.heard().find("R E(FATAL)\"57P03 ") == 0);
  CHECK(stage.town.commons().servers.load() == 0);
}

TEST_CASE("replication = false is an ordinary session, and nonsense is refused") {
  InOrder policy;
  Stage stage(policy);
  Caller& plain = stage.caller().login({{"replication", "false"}});
  plain.say("Q'select 1'");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  Caller& odd = stage.caller();
  odd.say(startup_bytes({{"user", "app"}, {"database", "shop"}, {"replication", "perhaps"}}));
  CHECK(odd.heard().find("E(FATAL)'22023 invalid value for parameter") == 0);
}

TEST_CASE("SHUTDOWN WAIT_FOR_SERVERS ends replication: it would never end by itself") {
  InOrder policy;
  Stage stage(policy);
  Caller& caller = receiver(stage);
  stage.town.shut_down(proxy::Stop::when_servers_left);
  stage.wait(kSecond);
  CHECK(caller.heard().find("E(FATAL)\"57P01 ") == 0);
  CHECK(stage.town.finished());
}
