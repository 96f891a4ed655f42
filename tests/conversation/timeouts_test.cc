// timeouts_test.cc: how long a client may take for a query, for a transaction, and in silence.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kQueryOver = "E(FATAL)\"57014 query timeout\" .";
const std::string kIdleOver = "E(FATAL)\"25P03 idle transaction timeout\" .";
const std::string kTransactionOver = "E(FATAL)\"25P04 transaction timeout\" .";
const std::string kSilenceOver = "E(FATAL)\"57P05 client_idle_timeout\" .";

}  // namespace

TEST_CASE("query_timeout_action = close: client and server go, and the query is cancelled") {
  InOrder policy;
  Stage stage(policy, {.config = "query_timeout_action = close\nquery_timeout = 10"});
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.wait(9'900 * kMillisecond);
  CHECK(client.heard().empty());
  stage.wait(200 * kMillisecond);
  CHECK(client.heard() == kQueryOver);
  CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).is_cancel);
  CHECK(stage.backend(2).cancel_pid == 101);
}

TEST_CASE("query_timeout counts each query by itself, and no pause between two") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(policy, {.config = "server_check_query =\nquery_timeout_action = "
                                   "close\nquery_timeout = 10\npool_mode = " +
                                   mode});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    for (int i = 0; i < 5; ++i) {
      stage.wait(9 * kSecond);
      client.say("Q'select 1'");
      stage.wait(9 * kSecond);
      stage.backend(1).say("T D C Z(T)");
    }
    client.say("Q'commit'");
    stage.backend(1).say("C Z");
    stage.wait(60 * kSecond);
    CHECK(client.heard().find("E") == std::string::npos);
    client.say("Q'select 2'");
    stage.wait(10 * kSecond);
    CHECK(client.heard() == kQueryOver);
  }
}

TEST_CASE("query_timeout counts queries of a pipeline from the answer before") {
  InOrder policy;
  Stage stage(policy, {.config = "query_timeout_action = close\nquery_timeout = 10"});
  Caller& client = stage.client();
  client.say("Q'select 1' Q'select 2' Q'select 3'");
  for (int i = 0; i < 2; ++i) {
    stage.wait(9 * kSecond);
    stage.backend(1).say("T D C Z");
  }
  CHECK(client.heard() == "T D C Z T D C Z");
  stage.wait(9 * kSecond);
  CHECK(client.heard().empty());
  stage.wait(kSecond);
  CHECK(client.heard() == kQueryOver);
}

TEST_CASE("query_timeout ends a query that waits for a server, too") {
  InOrder policy;
  Stage stage(
      policy,
      {.config = "query_timeout_action = close\nquery_timeout = 10\ndefault_pool_size = 1"});
  Caller& client = stage.client();
  client.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  CHECK(client.heard() == "C Z(T)");
  Caller& waiting = stage.client();
  waiting.say("Q'select 1'");
  stage.wait(10 * kSecond);
  CHECK(waiting.heard() == "E(FATAL)\"57014 query_timeout\" .");
  CHECK(client.heard().empty());
}

TEST_CASE("a timeout never tears a message: behind a part of one the client is told nothing") {
  InOrder policy;
  Stage stage(policy, {.config = "query_timeout_action = close\nquery_timeout = 10"});
  Caller& client = stage.client();
  client.say("Q'select 1'");
  const Buffer row = server_bytes("D");
  stage.backend(1).say(Buffer(row.begin(), row.end() - 1));
  client.peer.take();
  stage.wait(10 * kSecond);
  CHECK(client.heard() == ".");
}

TEST_CASE("idle_transaction_timeout closes a client that pauses in a transaction, and rolls back") {
  for (const std::string status : {"T", "E"}) {
    InOrder policy;
    Stage stage(policy, {.config = "idle_transaction_timeout = 10"});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.wait(30 * kSecond);  // It is the server that takes its time.
    stage.backend(1).say("C Z(" + status + ")");
    stage.wait(9 * kSecond);
    CHECK(client.heard() == "C Z(" + status + ")");
    stage.wait(kSecond);
    CHECK(client.heard() == kIdleOver);
    CHECK(stage.backend(1).ran == std::vector<std::string>{"ROLLBACK", "DISCARD ALL"});
    CHECK(stage.backend(1).heard() == "Q\"begin\"");
    CHECK(stage.backends() == 1);  // There is nothing to cancel.
  }
}

TEST_CASE("idle_transaction_timeout counts from the answer to what was flushed and not synced") {
  InOrder policy;
  Stage stage(policy, {.config = "idle_transaction_timeout = 10"});
  Caller& client = stage.client();
  client.say("P B E H");
  stage.wait(35 * kSecond);
  stage.backend(1).say("1 2 C");
  stage.wait(9 * kSecond);
  CHECK(client.heard() == "1 2 C");
  client.say("P B E H");
  stage.backend(1).say("1 2 C");
  stage.wait(9 * kSecond);
  CHECK(client.heard() == "1 2 C");
  stage.wait(15 * kSecond);
  CHECK(client.heard() == kIdleOver);
}

TEST_CASE("idle_transaction_timeout counts from the last answer of a pipeline with a Sync in it") {
  InOrder policy;
  Stage stage(policy, {.config = "idle_transaction_timeout = 10"});
  Caller& client = stage.client();
  client.say("P B E S P B E H");
  stage.backend(1).say("1 2 C Z");
  stage.wait(9 * kSecond);
  stage.backend(1).say("1 2 C");
  stage.wait(9 * kSecond);
  CHECK(client.heard() == "1 2 C Z 1 2 C");
  stage.wait(12 * kSecond);
  CHECK(client.heard() == kIdleOver);
}

TEST_CASE("transaction_timeout ends a transaction however busy it is") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(policy, {.config = "transaction_timeout = 10\npool_mode = " + mode});
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    stage.wait(8 * kSecond);
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    for (int i = 0; i < 9; ++i) {
      stage.wait(kSecond);
      client.say("Q'select 1'");
      stage.backend(1).say("T D C Z(T)");
    }
    CHECK(client.heard().find("E") == std::string::npos);
    stage.wait(kSecond);
    CHECK(client.heard() == kTransactionOver);
    REQUIRE(stage.backend(1).ran.size() == 2);
    CHECK(stage.backend(1).ran[0] == "ROLLBACK");
    CHECK(stage.door.open == 1);
  }
}

TEST_CASE("transaction_timeout counts each transaction of a pipeline by itself, and cancels") {
  InOrder policy;
  Stage stage(policy, {.config = "transaction_timeout = 10"});
  Caller& client = stage.client();
  client.say("Q'select 1' Q'select 2'");
  stage.wait(9 * kSecond);
  stage.backend(1).say("T D C Z");
  stage.wait(9 * kSecond);
  CHECK(client.heard() == "T D C Z");
  stage.wait(kSecond);
  CHECK(client.heard() == kTransactionOver);
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).is_cancel);
}

TEST_CASE("client_idle_timeout closes a client that has nothing begun, and keeps its server") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(policy, {.config = "client_idle_timeout = 10\npool_mode = " + mode});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.wait(60 * kSecond);
    stage.backend(1).say("C Z(T)");
    stage.wait(60 * kSecond);
    client.say("Q'commit'");
    stage.backend(1).say("C Z");
    stage.wait(9 * kSecond);
    CHECK(client.heard() == "C Z(T) C Z");
    client.say("S");
    if (mode == "session") stage.backend(1).say("Z");
    stage.wait(9 * kSecond);
    CHECK(client.heard() == "Z");
    stage.wait(kSecond);
    CHECK(client.heard() == kSilenceOver);
    CHECK(stage.door.open == 1);
  }
}

TEST_CASE("client_idle_timeout lets a slow reader take in its answer") {
  InOrder policy;
  Stage stage(policy, {.config = "client_idle_timeout = 10"});
  Caller& client = stage.client();
  client.peer.set_capacity(1);
  client.peer.set_reading(false);
  client.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  for (std::size_t byte = 2; byte < 10; ++byte) {
    stage.wait(9 * kSecond);
    client.peer.set_capacity(byte);
  }
  client.peer.set_capacity(64 * 1024);
  client.peer.set_reading(true);
  CHECK(client.heard() == "T D C Z");
  stage.wait(22 * kSecond);
  CHECK(client.heard() == kSilenceOver);
}

TEST_CASE("client_idle_timeout closes a client that takes in nothing of its answer") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(policy, {.config = "client_idle_timeout = 10\npool_mode = " + mode});
    Caller& client = stage.client();
    client.peer.set_capacity(1);
    client.peer.set_reading(false);
    client.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    stage.wait(31 * kSecond);
    CHECK(stage.town.commons().clients.load() == 0);
    CHECK(stage.door.open == 1);  // Its server is the next one's.
  }
}

TEST_CASE("client_idle_timeout leaves the console and whoever logs in alone") {
  InOrder policy;
  Stage stage(policy, {.config = "client_idle_timeout = 10"});
  Caller& console = stage.caller().login({}, "boss", "pgweir");
  Caller& entering = stage.caller();
  stage.wait(50 * kSecond);
  CHECK(console.heard().empty());
  CHECK(entering.heard().empty());
}

TEST_CASE("a user's own timeout wins, and 0 is as the global setting says") {
  InOrder policy;
  Stage stage(policy, {.config = "client_idle_timeout = 10",
                       .users = "bob = client_idle_timeout=20\napp = client_idle_timeout=0"});
  Caller& app = stage.client();
  Caller& bob = stage.caller().login({}, "bob", "shop");
  stage.wait(11 * kSecond);
  CHECK(app.heard() == kSilenceOver);
  CHECK(bob.heard().empty());
  stage.wait(9 * kSecond);
  CHECK(bob.heard() == kSilenceOver);
}

TEST_CASE("a user's timeout is the client's, whatever user its database forces") {
  InOrder policy;
  Stage stage(policy,
              {.users = "app = query_timeout=10 query_timeout_action=close", .shop = "user=alice"});
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.wait(10 * kSecond);
  CHECK(client.heard() == kQueryOver);
}

TEST_CASE("a RELOAD sets, shortens and lifts timeouts for clients that are here") {
  InOrder policy;
  Stage stage(policy);
  Caller& one = stage.client();
  Caller& other = stage.client();
  one.say("Q'select 1'");
  stage.wait(30 * kSecond);
  stage.town.reload(Stage::config_text(
      {.config = "query_timeout_action = close\nquery_timeout = 40\nclient_idle_timeout = 90"}));
  stage.wait(10 * kSecond);
  CHECK(one.heard() == kQueryOver);
  stage.town.reload(Stage::config_text({}));
  stage.wait(600 * kSecond);
  CHECK(other.heard().empty());
  stage.town.reload(Stage::config_text({.config = "client_idle_timeout = 700"}));
  stage.wait(120 * kSecond);
  CHECK(other.heard() == kSilenceOver);
}
