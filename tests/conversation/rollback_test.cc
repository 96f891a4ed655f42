// rollback_test.cc: clients that leave in a transaction: what becomes of their servers.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Ran = std::vector<std::string>;

const Setting kOneServer{.config = "default_pool_size = 1\nserver_check_query ="};

const Ran kRolledBack{"ROLLBACK", "DISCARD ALL"};

// A client that is in a transaction, as `status` says, on the one server there is.
Caller& in_transaction(Stage& stage, const std::string& status = "T") {
  Caller& client = stage.client();
  client.say("Q'begin'");
  stage.backend(1).say("C Z(" + status + ")");
  stage.backend(1).heard();
  client.heard();
  return client;
}

}  // namespace

TEST_CASE("whoever leaves in a transaction has it rolled back, and the server goes on") {
  for (const std::string status : {"T", "E"}) {
    for (const std::string mode : {"transaction", "session"}) {
      for (const std::string way : {"hangs up", "X", "nonsense"}) {
        CAPTURE(status);
        CAPTURE(mode);
        CAPTURE(way);
        InOrder policy;
        Stage stage(policy, {.config = kOneServer.config + "\npool_mode = " + mode});
        Caller& client = in_transaction(stage, status);
        if (way == "hangs up") client.hang_up();
        if (way == "X") client.say("X");
        if (way == "nonsense") client.say(raw_message('?', 4, ""));
        CHECK(stage.backend(1).ran == kRolledBack);
        CHECK(stage.backend(1).heard().empty());
        Caller& next = stage.client();
        next.say("Q'select 2'");
        CHECK(stage.backend(1).heard() == "Q\"select 2\"");
        stage.backend(1).say("T D C Z");
        CHECK(next.heard() == "T D C Z");
        CHECK(stage.backends() == 1);
      }
    }
  }
}

TEST_CASE("nobody gets a server before its rollback and its reset are answered") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& client = in_transaction(stage);
    Caller& next = stage.client();
    stage.answers_sets = false;
    client.hang_up();
    next.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"ROLLBACK\" Q\"DISCARD ALL\"");
    stage.backend(1).say("N'nothing to see' C'ROLLBACK' Z");
    CHECK(stage.backend(1).heard().empty());
    stage.backend(1).say("C'DISCARD ALL' Z");
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
    stage.backend(1).say("T D C Z");
    CHECK(next.heard() == "T D C Z");
  });
}

TEST_CASE("what a rollback and a reset take back is known before the next client") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = stage.client();
  client.say("Q'begin; set timezone to tokyo'");
  stage.backend(1).say("C S'TimeZone=Asia/Tokyo' C Z(T)");
  stage.backend(1).heard();
  stage.answers_sets = false;
  client.hang_up();
  stage.backend(1).say("S'TimeZone=UTC' C'ROLLBACK' Z C'DISCARD ALL' Z");
  stage.backend(1).heard();
  Caller& next = stage.client();
  next.say("Q'select 2'");
  CHECK(stage.backend(1).heard() == "Q\"select 2\"");  // There is nothing to set.
}

TEST_CASE("a rollback or a reset that fails, or is not answered, costs the server") {
  for (const std::string answer : {"E'XX000 no' Z C Z", "C Z E'XX000 no' Z", "C Z(T) C Z(T)", ""}) {
    CAPTURE(answer);
    InOrder policy;
    Stage stage(policy, kOneServer);
    Caller& client = in_transaction(stage);
    stage.answers_sets = false;
    client.hang_up();
    if (!answer.empty()) stage.backend(1).say(answer);
    if (answer.empty()) stage.wait(11 * kSecond);
    CHECK(stage.backend(1).heard() == "Q\"ROLLBACK\" Q\"DISCARD ALL\" X .");
    stage.client().say("Q'select 2'");
    CHECK(stage.backend(2).heard() == "Q\"select 2\"");
  }
}

TEST_CASE("a server that is more than idle in a transaction is closed with it") {
  const std::map<std::string, std::string> ways{
      {"Q'select 1'", ""},            // A query runs.
      {"P B E H", "1 2 C"},           // A Sync is owed.
      {"Q'copy t from stdin'", "G"},  // Data is.
      {"P B E S P", "E'42601 no'"},   // It skips to a Sync.
  };
  for (const auto& each : ways) {
    const auto& [request, answer] = each;
    CAPTURE(each.first);
    InOrder policy;
    Stage stage(policy, kOneServer);
    Caller& client = in_transaction(stage);
    client.say(request);
    if (!answer.empty()) stage.backend(1).say(answer);
    client.hang_up();
    CHECK(stage.backend(1).heard().ends_with("X ."));
    CHECK(stage.backend(1).ran.empty());
  }
}

TEST_CASE("a client that leaves in the middle of a message takes its server with it") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = in_transaction(stage);
  const Buffer query = client_bytes("Q'select 1'");
  client.say(Buffer(query.begin(), query.end() - 1));
  client.hang_up();
  CHECK(stage.backend(1).peer.closed());
  CHECK(stage.backend(1).ran.empty());
}

TEST_CASE("without server_reset_query a server left in a transaction is closed") {
  InOrder policy;
  Stage stage(policy, {.config = "server_reset_query ="});
  Caller& client = in_transaction(stage);
  client.hang_up();
  CHECK(stage.backend(1).heard() == "X .");
}

TEST_CASE("a server that has to go anyway is not rolled back first") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = in_transaction(stage);
  stage.town.reload(Stage::config_text({.shop = "dbname=other"}));
  client.hang_up();
  CHECK(stage.backend(1).heard() == "X .");
}

TEST_CASE("a cancel for whom has left in a transaction reaches nobody after it") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& client = in_transaction(stage);
  client.say("Q'select 1'");
  Caller& canceller = stage.caller();
  canceller.say(client.cancel_packet());
  REQUIRE(stage.backends() == 2);  // The cancel is still under way.
  stage.backend(1).say("T D C Z(T)");
  client.hang_up();
  CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
}
