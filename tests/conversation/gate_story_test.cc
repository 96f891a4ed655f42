// gate_story_test.cc: logins that are delayed after failures, and connections that are too many, on
// a clock of their own.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const Setting kSetting{.config =
                           "auth_type = plain\nauth_failures_before_delay = 2\n"
                           "auth_failures_before_refusal = 4\nauth_failure_delay = 3\n",
                       .secrets = {{"app", "secret"}}};

Caller& knock(Stage& stage) {
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  return client;
}

void fail(Stage& stage) {
  Caller& client = knock(stage);
  stage.wait(3 * kSecond);
  client.say("p'wrong'");
  CHECK(client.heard().find("28P01") != std::string::npos);
}

}  // namespace

TEST_CASE("a login that is delayed is asked when its time has come, and not before") {
  InOrder policy;
  Stage stage(policy, kSetting);
  for (int i = 0; i < 2; ++i) fail(stage);
  Caller& client = knock(stage);
  stage.wait(3 * kSecond - 1);
  CHECK(client.heard().empty());
  stage.wait(1);
  CHECK(client.heard() == "R(3)");
  client.say("p'secret'");
  CHECK(client.heard().starts_with("R S"));
  CHECK(stage.town.log.contains("2 failed logins from "));
}

TEST_CASE("what comes while a login is delayed waits, however it is cut, and is run once") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kSetting);
    for (int i = 0; i < 2; ++i) fail(stage);
    Caller& client = knock(stage);
    client.say("p'secret' Q'select 1'");
    CHECK(client.heard().empty());
    stage.wait(3 * kSecond);
    CHECK(client.heard().starts_with("R(3) R S"));
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  });
}

TEST_CASE("who leaves while its login is delayed is gone; a refused one is told at once") {
  InOrder policy;
  Stage stage(policy, kSetting);
  for (int i = 0; i < 2; ++i) fail(stage);
  Caller& client = knock(stage);
  client.hang_up();
  stage.wait(5 * kSecond);
  CHECK(client.peer.closed());
  for (int i = 0; i < 2; ++i) fail(stage);
  CHECK(knock(stage).heard() ==
        "E(FATAL)\"53300 too many failed logins from 127.0.0.1 (auth_failures_before_refusal)\" .");
}

TEST_CASE("after a quiet minute an address is as good as any") {
  InOrder policy;
  Stage stage(policy, kSetting);
  for (int i = 0; i < 4; ++i) fail(stage);
  CHECK(knock(stage).heard().find("53300") != std::string::npos);
  stage.wait(61 * kSecond);
  CHECK(knock(stage).heard() == "R(3)");
}

TEST_CASE("client_login_timeout counts while a login is delayed") {
  InOrder policy;
  Setting setting = kSetting;
  setting.config += "client_login_timeout = 2\n";
  Stage stage(policy, setting);
  for (int i = 0; i < 2; ++i) {
    Caller& client = knock(stage);
    client.say("p'wrong'");
  }
  Caller& client = knock(stage);
  stage.wait(2 * kSecond);
  CHECK(client.heard() == "E(FATAL)\"57014 client_login_timeout\" .");
}

TEST_CASE("who says nothing counts against max_client_conn_per_ip, and no more when it has gone") {
  InOrder policy;
  Stage stage(policy, {.config = "max_client_conn_per_ip = 2"});
  Caller& silent = stage.caller();
  stage.caller();
  const std::string refusal =
      "E(FATAL)\"53300 too many connections from 127.0.0.1 (max_client_conn_per_ip)\" .";
  CHECK(stage.caller().heard() == refusal);
  CHECK(stage.caller(0, 77).heard().empty());  // By unix socket.
  silent.hang_up();
  CHECK(knock(stage).heard().starts_with("R S"));
  CHECK(stage.caller().heard() == refusal);
}

TEST_CASE("who says nothing counts against client_conn_rate_per_ip") {
  InOrder policy;
  Stage stage(policy, {.config = "client_conn_rate_per_ip = 2"});
  for (int i = 0; i < 2; ++i) {
    Caller& silent = stage.caller();
    CHECK(silent.heard().empty());
    silent.hang_up();
  }
  const std::string refusal =
      "E(FATAL)\"53300 too many new connections from 127.0.0.1 (client_conn_rate_per_ip)\" .";
  CHECK(stage.caller().heard() == refusal);
  stage.wait(kSecond);
  CHECK(knock(stage).heard().starts_with("R S"));
}
