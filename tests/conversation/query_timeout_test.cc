// query_timeout_test.cc: a query that takes too long is cancelled, and nothing else is.
#include <doctest/doctest.h>

#include "proxy/worker.h"
#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kLines = "default_pool_size = 1\nserver_check_query =\nquery_timeout = 10\n";
const std::string kCancelled = "E'57014 canceling statement due to user request'";
const std::string kToldCancelled = "E\"57014 canceling statement due to user request\"";
const std::string kQueryOver = "E(FATAL)\"57014 query timeout\" .";

}  // namespace

TEST_CASE("query_timeout cancels the query: client and server go on") {
  for (const std::string mode : {"transaction", "session", "statement"}) {
    CAPTURE(mode);
    InOrder policy;
    Stage stage(policy, {.config = kLines + "pool_mode = " + mode});
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.wait(9'900 * kMillisecond);
    CHECK(stage.backends() == 1);
    stage.wait(200 * kMillisecond);
    CHECK(client.heard().empty());  // It is the server that tells.
    REQUIRE(stage.backends() == 2);
    CHECK(stage.backend(2).is_cancel);
    CHECK(stage.backend(2).cancel_pid == 101);
    stage.backend(2).hang_up();
    stage.backend(1).say(kCancelled + " Z");
    CHECK(client.heard() == kToldCancelled + " Z");
    client.say("Q'select 2'");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 2\"");
    CHECK(stage.backends() == 2);
  }
}

TEST_CASE("query_timeout leaves an aborted transaction to its client") {
  InOrder policy;
  Stage stage(policy, {.config = kLines});
  Caller& client = stage.client();
  client.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  stage.wait(30 * kSecond);  // A pause is no query.
  client.say("Q'select 1'");
  stage.wait(10 * kSecond);
  REQUIRE(stage.backends() == 2);
  stage.backend(2).hang_up();
  stage.backend(1).say(kCancelled + " Z(E)");
  client.say("Q'rollback'");
  stage.backend(1).say("C Z");
  CHECK(client.heard() == "C Z(T) " + kToldCancelled + " Z(E) C Z");
}

TEST_CASE("a cancel by query_timeout never hits the next client: its server rests") {
  InOrder policy;
  Stage stage(policy, {.config = kLines});
  Caller& one = stage.client();
  Caller& two = stage.client();
  one.say("Q'select 1'");
  stage.wait(5 * kSecond);
  two.say("Q'select 2'");
  stage.wait(5 * kSecond);
  stage.backend(1).say("T D C Z");  // Just in time.
  CHECK(one.heard() == "T D C Z");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  stage.backend(2).hang_up();
  CHECK(stage.backend(1).heard() == "Q\"select 2\"");
}

TEST_CASE("a cancel by query_timeout never hits the client's next query either") {
  for (const std::string next : {"Q'select 2'", "P B E S"}) {
    InOrder policy;
    Stage stage(policy, {.config = kLines + "idle_transaction_timeout = 1"});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    client.say("Q'select 1'");
    stage.wait(10 * kSecond);
    stage.backend(1).say("T D C Z(T)");
    stage.backend(1).heard();
    client.heard();
    client.say(next);
    stage.wait(2 * kSecond);
    CHECK(stage.backend(1).heard().empty());
    CHECK(client.heard().empty());  // It is not the client that idles.
    stage.backend(2).hang_up();
    CHECK_FALSE(stage.backend(1).heard().empty());
    CHECK(stage.backends() == 2);
  }
}

TEST_CASE(
    "a query that cannot be cancelled ends with client and server after cancel_wait_timeout") {
  const std::map<std::string, int> waits{
      {"", 10}, {"cancel_wait_timeout = 3\n", 3}, {"cancel_wait_timeout = 0\n", 10}};
  for (const auto& each : waits) {
    const auto& [line, wait] = each;
    CAPTURE(each.first);
    InOrder policy;
    Stage stage(policy, {.config = kLines + line});
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.wait(10 * kSecond + wait * kSecond - 10 * kMillisecond);
    CHECK(client.heard().empty());
    stage.wait(20 * kMillisecond);
    CHECK(client.heard() == kQueryOver);
    CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
  }
}

TEST_CASE("query_timeout answers who waits in line, and he stays") {
  InOrder policy;
  Stage stage(policy, {.config = kLines});
  Caller& one = stage.client();
  Caller& simple = stage.client();
  Caller& extended = stage.client();
  one.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  simple.say("Q'select 1' Q'select 2'");
  extended.say("P B E S");
  stage.wait(10 * kSecond);
  CHECK(extended.heard() == "E\"57014 query_timeout\" Z");
  CHECK(simple.heard() == "E\"57014 query_timeout\" Z");
  CHECK(stage.backends() == 1);
  stage.wait(9 * kSecond);
  CHECK(simple.heard().empty());  // The next query has its own time.
  one.say("Q'commit'");
  stage.backend(1).say("C Z");
  stage.backend(1).say("T D C Z");
  CHECK(simple.heard() == "T D C Z");
  CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"commit\" Q\"select 2\"");
}

TEST_CASE("whoever was answered in line is looked at again when he is silent") {
  InOrder policy;
  Stage stage(policy, {.config = kLines + "client_idle_timeout = 20"});
  Caller& one = stage.client();
  Caller& other = stage.client();
  one.say("Q'begin'");
  other.say("Q'select 1'");
  stage.wait(10 * kSecond);
  CHECK(other.heard() == "E\"57014 query_timeout\" Z");
  stage.wait(21 * kSecond);
  CHECK(other.heard() == "E(FATAL)\"57P05 client_idle_timeout\" .");
}

TEST_CASE("what is read past up to a Sync is no silence") {
  InOrder policy;
  Stage stage(policy, {.config = kLines + "client_idle_timeout = 20"});
  Caller& one = stage.client();
  Caller& other = stage.client();
  one.say("Q'begin'");
  other.say("P B E H");
  stage.wait(10 * kSecond);
  for (int i = 0; i < 3; ++i) {
    other.say("P B E H");
    stage.wait(15 * kSecond);
  }
  other.say("S");
  CHECK(other.heard() == "E\"57014 query_timeout\" Z");
}

TEST_CASE("in a pipeline query_timeout cancels the query that runs, and each has its own time") {
  InOrder policy;
  Stage stage(policy, {.config = kLines});
  Caller& client = stage.client();
  client.say("Q'select 1' Q'select 2' Q'select 3'");
  stage.wait(9 * kSecond);
  stage.backend(1).say("T D C Z");
  stage.wait(9 * kSecond);
  CHECK(stage.backends() == 1);
  stage.wait(kSecond);
  REQUIRE(stage.backends() == 2);
  stage.backend(2).hang_up();
  stage.backend(1).say(kCancelled + " Z");
  stage.wait(9 * kSecond);
  CHECK(stage.backends() == 2);
  stage.wait(kSecond);
  CHECK(stage.backends() == 3);  // The third one's.
  stage.backend(1).say(kCancelled + " Z");
  CHECK(client.heard() == "T D C Z " + kToldCancelled + " Z " + kToldCancelled + " Z");
}

TEST_CASE("a query that has been flushed has its time, and its Sync answers the cancel") {
  InOrder policy;
  Stage stage(policy, {.config = kLines});
  Caller& client = stage.client();
  client.say("P B E H");
  stage.wait(10 * kSecond);
  REQUIRE(stage.backends() == 2);
  stage.backend(2).hang_up();
  stage.backend(1).say("1 2 " + kCancelled);
  CHECK(client.heard() == "1 2 " + kToldCancelled);
  client.say("S");
  stage.backend(1).say("Z");
  CHECK(client.heard() == "Z");
  client.say("Q'select 2'");
  CHECK(stage.backend(1).heard() == "P B E H S Q\"select 2\"");
}

TEST_CASE("a COPY that gets no rows ends by a CopyFail, and late rows are swallowed") {
  for (const std::string late : {"", "d'row' c", "d'row' f'no more'"}) {
    CAPTURE(late);
    InOrder policy;
    Stage stage(policy, {.config = kLines});
    Caller& client = stage.client();
    client.say("Q'copy t from stdin'");
    stage.backend(1).say("G");
    client.say("d'row'");
    stage.wait(10 * kSecond);
    CHECK(stage.backends() == 1);
    CHECK(stage.backend(1).heard() == "Q\"copy t from stdin\" d\"row\" f\"query timeout\"");
    const std::string failed = "57014 COPY from stdin failed: query timeout";
    stage.backend(1).say("E'" + failed + "' Z");
    CHECK(client.heard() == "G E\"" + failed + "\" Z");
    if (!late.empty()) client.say(late);
    client.say("Q'select 2'");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  }
}

TEST_CASE("a COPY whose client has sent half a row is cancelled, and then closed") {
  InOrder policy;
  Stage stage(policy, {.config = kLines});
  Caller& client = stage.client();
  client.say("Q'copy t from stdin'");
  stage.backend(1).say("G");
  const Buffer row = client_bytes("d'row'");
  client.say(Buffer(row.begin(), row.end() - 1));
  stage.wait(10 * kSecond);
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).is_cancel);
  stage.wait(10 * kSecond);
  CHECK(client.heard() == "G " + kQueryOver);
}

TEST_CASE("more queries than may be cancelled at once are cancelled one after the other") {
  InOrder policy;
  Stage stage(policy, {.config = "query_timeout = 10\ncancel_wait_timeout = 60\n"
                                 "max_client_conn = 400\ndefault_pool_size = 400"});
  const std::size_t all = 300;
  for (std::size_t i = 0; i < all; ++i) stage.client().say("Q'select 1'");
  stage.wait(11 * kSecond);
  CHECK(stage.backends() == all + proxy::kCancelsMax);
  for (std::size_t i = all + 1; i <= all + proxy::kCancelsMax; ++i) stage.backend(i).hang_up();
  stage.wait(kSecond);
  CHECK(stage.backends() == 2 * all);
  CHECK_FALSE(stage.town.log.contains("cancel request dropped"));
}

TEST_CASE("a user has a query_timeout_action of his own") {
  InOrder policy;
  Stage stage(policy,
              {.config = "query_timeout = 10", .users = "bob = query_timeout_action=close"});
  Caller& app = stage.client();
  Caller& bob = stage.caller().login({}, "bob", "shop");
  app.say("Q'select 1'");
  bob.say("Q'select 1'");
  stage.wait(10 * kSecond);
  CHECK(app.heard().empty());
  CHECK(bob.heard() == kQueryOver);
}
