// notices_test.cc: what pgweir tells a client by a NOTICE, and where it stands among its messages.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kNotice =
    "N\"00000 No server connection available in postgres backend, client being queued\"";

// Somebody else has the only server.
Caller& holder(Stage& stage) {
  Caller& other = stage.client();
  other.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  return other;
}

void let_go(Stage& stage, Caller& other) {
  other.say("Q'commit'");
  stage.backend(1).say("C Z");
}

Setting one_server(const std::string& line) { return {.config = "default_pool_size = 1\n" + line}; }

}  // namespace

TEST_CASE("login_notify_message comes behind the key and before the first ReadyForQuery") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.config = "login_notify_message = mind the step"});
    Caller& client = stage.caller();
    client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    CHECK(client.heard().ends_with(" K N\"00000 mind the step\" Z"));
    client.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  });
}

TEST_CASE("login_notify_message is not for the console, and a RELOAD changes it") {
  InOrder policy;
  Stage stage(policy, {.config = "login_notify_message = mind the step"});
  const Settings boss{{"user", "boss"}, {"database", "pgweir"}};
  Caller& console = stage.caller();
  console.say(startup_bytes(boss));
  CHECK(console.heard().find("N\"") == std::string::npos);
  stage.town.reload(Stage::config_text({.config = "login_notify_message = closed at noon"}));
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  CHECK(client.heard().ends_with(" K N\"00000 closed at noon\" Z"));
}

TEST_CASE("query_wait_notify tells a client once that it waits, and its answer follows whole") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, one_server("query_wait_notify = 5"));
    Caller& other = holder(stage);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.wait(5 * kSecond - kMillisecond);
    CHECK(client.heard().empty());
    stage.wait(kMillisecond);
    CHECK(client.heard() == kNotice);
    stage.wait(60 * kSecond);
    CHECK(client.heard().empty());
    CHECK(other.heard() == "C Z(T)");
    let_go(stage, other);
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  });
}

TEST_CASE("query_wait_notify counts each wait by itself") {
  InOrder policy;
  Stage stage(policy, one_server("query_wait_notify = 5"));
  Caller& other = holder(stage);
  Caller& client = stage.client();
  for (int i = 0; i < 2; ++i) {
    client.say("Q'select 1'");
    stage.wait(4 * kSecond);
    CHECK(client.heard().empty());
    stage.wait(kSecond);
    CHECK(client.heard() == kNotice);
    let_go(stage, other);
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
    other.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
  }
}

TEST_CASE("query_wait_notify: a client whose server takes its time is told nothing") {
  InOrder policy;
  Stage stage(policy, {.config = "query_wait_notify = 5"});
  Caller& client = stage.client();
  client.say("Q'select 1'");
  const Buffer row = server_bytes("D");
  stage.backend(1).say(Buffer(row.begin(), row.end() - 1));
  const Buffer part = client.peer.take();
  CHECK(part.size() == row.size() - 1);
  stage.wait(60 * kSecond);
  CHECK(client.peer.take().empty());
  Buffer rest(row.end() - 1, row.end());
  const Buffer end = server_bytes("C Z");
  rest.insert(rest.end(), end.begin(), end.end());
  stage.backend(1).say(rest);
  CHECK(client.peer.take() == rest);
}

TEST_CASE("query_wait_notify: a notice of ours stands between two answers of a pipeline") {
  InOrder policy;
  Stage stage(policy, one_server("query_wait_notify = 5"));
  Caller& client = stage.client();
  Caller& other = stage.client();
  client.say("Q'select 1' Q'select 2'");
  other.say("Q'begin'");
  stage.backend(1).say("T D C Z");
  stage.backend(1).say("T D C Z");
  stage.backend(1).say("C Z(T)");
  client.say("P B E S P B E S");
  stage.wait(5 * kSecond);
  CHECK(client.heard() == "T D C Z T D C Z " + kNotice);
  let_go(stage, other);
  stage.backend(1).say("1 2 C Z 1 2 C Z");
  CHECK(client.heard() == "1 2 C Z 1 2 C Z");
}

TEST_CASE("query_wait_notify is not said to a client that is refused at the same moment") {
  InOrder policy;
  Stage stage(policy, one_server("query_wait_notify = 5\nquery_wait_timeout = 5"));
  holder(stage);
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.wait(5 * kSecond);
  CHECK(client.heard() == "E(FATAL)\"53300 query_wait_timeout\" .");
}

TEST_CASE("query_wait_notify: 0 says nothing, and a RELOAD counts for those who wait already") {
  InOrder policy;
  Stage stage(policy, one_server("query_wait_notify = 0"));
  holder(stage);
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.wait(60 * kSecond);
  CHECK(client.heard().empty());
  stage.town.reload(Stage::config_text(one_server("query_wait_notify = 70")));
  stage.wait(9 * kSecond);
  CHECK(client.heard().empty());
  stage.wait(kSecond);
  CHECK(client.heard() == kNotice);
}

TEST_CASE("query_wait_notify is not said to a client whose login waits for a first server") {
  InOrder policy;
  Stage stage(policy, {.config = "query_wait_notify = 5"});
  stage.greeting = " ";
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  stage.wait(10 * kSecond);
  CHECK(client.heard().find("N\"") == std::string::npos);
}
