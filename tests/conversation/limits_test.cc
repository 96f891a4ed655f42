// limits_test.cc: how many clients come in, and who comes in all the same.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

Settings as(const std::string& user, const std::string& database = "shop") {
  return {{"user", user}, {"database", database}};
}

}  // namespace

TEST_CASE("max_client_conn, max_db_client_connections and their kin") {
  for (const char* const limit : {"max_client_conn = 2", "max_db_client_connections = 2",
                                  "max_user_client_connections = 2"}) {
    InOrder policy;
    Stage stage(policy, {.config = limit});
    stage.client();
    Caller& second = stage.client();
    Caller& third = stage.caller();
    third.say(startup_bytes(as("app")));
    CHECK(third.heard().find("E(FATAL)\"53300 ") != std::string::npos);
    second.say("X");
    Caller& fourth = stage.caller();
    fourth.say(startup_bytes(as("app")));
    CHECK(fourth.heard().find("Z") != std::string::npos);
  }
}

TEST_CASE("max_client_conn keeps nobody from the console, who does not count against it") {
  InOrder policy;
  Stage stage(policy, {.config = "max_client_conn = 2"});
  for (const char* const user : {"boss", "watcher", "boss"}) {
    stage.caller().login({}, user, "pgbouncer");
  }
  for (int i = 0; i < 2; ++i) {
    Caller& client = stage.caller();
    client.say(startup_bytes(as("app")));
    CHECK(client.heard().find("Z") != std::string::npos);
  }
  for (const char* const user : {"boss", "watcher"}) {
    Caller& console = stage.caller();
    console.say(startup_bytes(as(user, "pgbouncer")));
    CHECK(console.heard().find("Z") != std::string::npos);
  }
  Caller& refused = stage.caller();
  refused.say(startup_bytes(as("app")));
  CHECK(refused.heard().find("E(FATAL)\"53300 ") != std::string::npos);
}
