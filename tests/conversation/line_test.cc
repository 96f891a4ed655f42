// line_test.cc: more clients than servers: who waits, for how long, and who cancels what.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const Setting kOneServer{.config = "default_pool_size = 1"};

proxy::PoolCounts counts(Stage& stage, std::size_t worker = 0) {
  const auto pools = stage.town.worker(worker).count_pools();
  return pools.empty() ? proxy::PoolCounts{} : pools[0];
}

}  // namespace

TEST_CASE("two clients take turns on one server") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    Backend& server = stage.backend(1);
    one.say("Q'begin'");
    two.say("Q'select 2'");
    CHECK(server.heard() == "Q\"begin\"");
    server.say("C'BEGIN' Z(T)");
    CHECK(server.heard().empty());
    one.say("Q'commit'");
    server.say("C'COMMIT' Z");
    CHECK(server.heard() == "Q\"commit\" Q\"select 2\"");
    server.say("T D C Z");
    CHECK(one.heard() == "C\"BEGIN\" Z(T) C\"COMMIT\" Z");
    CHECK(two.heard() == "T D C Z");
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("the line is served in the order of its requests") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& first = stage.client();
  std::vector<Caller*> others;
  for (int i = 0; i < 5; ++i) others.push_back(&stage.client());
  first.say("Q'begin'");
  for (const std::size_t i : {3u, 1u, 4u, 0u, 2u}) {
    others[i]->say("Q'select " + std::to_string(i) + "'");
    stage.wait(kMillisecond);
  }
  first.say("X");
  Backend& server = stage.backend(1);
  CHECK(server.heard() == "Q\"begin\" X .");  // In a transaction: never shared.
  for (const char* const next : {"3", "1", "4", "0", "2"}) {
    CHECK(stage.backend(2).heard() == "Q\"select " + std::string{next} + "\"");
    stage.backend(2).say("T D C Z");
  }
  for (Caller* other : others) CHECK(other->heard() == "T D C Z");
}

TEST_CASE("query_wait_timeout ends the wait and the session") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1\nquery_wait_timeout = 3"});
  Caller& one = stage.client();
  Caller& two = stage.client();
  one.say("Q'select pg_sleep(9)'");
  two.say("Q'select 2'");
  stage.wait(3 * kSecond - 1);
  CHECK(two.heard().empty());
  stage.wait(1);
  CHECK(two.heard() == "E(FATAL)\"53300 query_wait_timeout\" .");
  stage.backend(1).say("T D C Z");
  CHECK(one.heard() == "T D C Z");
  CHECK(stage.backend(1).heard() == "Q\"select pg_sleep(9)\"");
}

TEST_CASE("who waited in vain for a server that cannot be reached is told why") {
  for (const bool dns : {false, true}) {
    InOrder policy;
    Stage stage(policy, {.config = "query_wait_timeout = 3\nserver_lifetime = 1"});
    Caller& client = stage.client();
    Caller& late = stage.caller();
    stage.wait(2 * kSecond);
    stage.door.answer = street::Door::Answer::refuse;
    stage.door.error = dns ? proxy::kNameUnknown : ECONNREFUSED;
    client.say("Q'select 1'");
    late.say(startup_bytes({{"user", "bob"}, {"database", "shop"}}));
    stage.wait(3 * kSecond);
    const std::string reason = dns ? "server DNS lookup failed" : "connect failed: ";
    for (Caller* caller : {&client, &late}) {
      const Buffer bytes = caller->peer.take();
      const std::string_view told = as_text(bytes);
      CHECK(told.find("C57P03") != std::string::npos);
      CHECK(told.find("Mquery_wait_timeout") != std::string::npos);
      CHECK(told.find(reason) != std::string::npos);
    }
    CHECK(stage.town.log.contains("login failed: " + reason));
  }
}

TEST_CASE("a full PostgreSQL's own words reach those who waited for it in vain") {
  InOrder policy;
  Stage stage(policy, {.config = "query_wait_timeout = 3"});
  stage.greeting = "E(FATAL)'53300 sorry, too many clients already'";
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  stage.wait(3 * kSecond);
  const Buffer bytes = client.peer.take();
  const std::string_view told = as_text(bytes);
  CHECK(told.find("C53300") != std::string::npos);
  CHECK(told.find("Msorry, too many clients already") != std::string::npos);
  CHECK(told.find("Hquery_wait_timeout: No server connection could be made") != std::string::npos);
}

TEST_CASE("a client that leaves the line is not served") {
  for (const bool politely : {false, true}) {
    InOrder policy;
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    Caller& three = stage.client();
    one.say("Q'select 1'");
    two.say("Q'select 2'");
    three.say("Q'select 3'");
    if (politely) two.say("X");
    two.hang_up();
    CHECK(counts(stage).cl_waiting == 1);
    stage.backend(1).say("T D C Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 3\"");
  }
}

TEST_CASE("a cancel of a simple query in line is answered there") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'select 1'");
    two.say("Q'select 2' Q'select 3'");
    stage.caller().say(two.cancel_packet());
    CHECK(two.heard() == "E\"57014 canceling statement due to user request\" Z");
    stage.backend(1).say("T D C Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 3\"");
    stage.backend(1).say("T D C Z");
    CHECK(two.heard() == "T D C Z");
    CHECK(stage.backends() == 1);  // Nothing was sent to the server.
  });
}

TEST_CASE("a cancel of an extended query in line reads past its Sync") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'select 1'");
    two.say("P'a' B");
    stage.caller().say(two.cancel_packet());
    CHECK(two.heard() == "E\"57014 canceling statement due to user request\"");
    two.say("E S Q'select 3'");
    CHECK(two.heard() == "Z");
    stage.backend(1).say("T D C Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 3\"");
  });
}

TEST_CASE("a cancel reaches the right server, which rests until the cancel is over") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    stage.hangs_up = false;
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'select pg_sleep(9)'");
    two.say("Q'select 2'");
    Caller& stranger = stage.caller();
    stranger.say(one.cancel_packet());
    CHECK(stranger.heard() == ".");
    REQUIRE(stage.backends() == 2);
    CHECK(stage.backend(2).is_cancel);
    CHECK(stage.backend(2).cancel_pid == 101);
    stage.backend(1).say("E'57014 canceled' Z");
    CHECK(one.heard() == "E\"57014 canceled\" Z");
    CHECK(stage.backend(1).heard() == "Q\"select pg_sleep(9)\"");  // It rests.
    CHECK(counts(stage).sv_being_canceled == 1);
    stage.backend(2).hang_up();
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
  });
}

TEST_CASE("cancels that come too late, or with a wrong key, hit nothing") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& one = stage.client();
  Caller& two = stage.client();
  stage.caller().say(one.cancel_packet());  // Idle.
  one.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  stage.caller().say(one.cancel_packet());  // Answered already.
  two.say("Q'select 2'");
  stage.caller().say(one.cancel_packet());  // Another's query on the server that was ours.
  Buffer wrong = two.cancel_packet();
  wrong.back() ^= 1;
  stage.caller().say(wrong);
  Buffer nobody = two.cancel_packet();
  nobody[8] = 0x7f;
  stage.caller().say(nobody);
  CHECK(stage.backends() == 1);
  two.hang_up();
}

TEST_CASE("cancels under way have a maximum; one beyond it is dropped, and said so") {
  InOrder policy;
  Stage stage(policy, {.config = "max_client_conn = 1000\ndefault_pool_size = 1000"});
  std::vector<Caller*> busy;
  for (std::size_t i = 0; i <= proxy::kCancelsMax; ++i) {
    busy.push_back(&stage.client());
    busy.back()->say("Q'select pg_sleep(9)'");
  }
  const std::size_t servers = stage.backends();
  stage.door.answer = street::Door::Answer::hang;
  for (std::size_t i = 0; i < proxy::kCancelsMax; ++i) {
    stage.caller().say(busy[i]->cancel_packet());
  }
  CHECK_FALSE(stage.town.log.contains("cancel request dropped"));
  stage.caller().say(busy.back()->cancel_packet());
  CHECK(stage.town.log.contains("cancel request dropped: too many are under way"));
  stage.door.answer = street::Door::Answer::accept;
  stage.backend(servers).say("T D C Z");
  CHECK(busy.back()->heard() == "T D C Z");
}

TEST_CASE("a cancel that never ends costs the server, not the next client") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1\ncancel_wait_timeout = 5"});
  stage.hangs_up = false;
  Caller& one = stage.client();
  one.say("Q'select 1'");
  stage.caller().say(one.cancel_packet());
  REQUIRE(stage.backends() == 2);
  stage.backend(1).say("T D C Z");
  stage.wait(5 * kSecond);
  CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
}

TEST_CASE("session mode keeps the server until the client leaves, then resets it") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.config = "pool_mode = session\ndefault_pool_size = 1"});
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    two.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
    CHECK(stage.backend(1).ran.empty());
    one.say("X");
    CHECK(stage.backend(1).heard() == "Q\"select 2\"");
    REQUIRE(stage.backend(1).ran.size() == 1);
    CHECK(stage.backend(1).ran[0] == "DISCARD ALL");
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("a failing reset query costs the server") {
  InOrder policy;
  Stage stage(policy, {.config = "pool_mode = session"});
  stage.answers_sets = false;
  Caller& one = stage.client();
  one.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  one.say("X");
  CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"DISCARD ALL\"");
  stage.backend(1).say("E'25001 no' Z");
  CHECK(stage.backend(1).heard() == "X .");
  CHECK(stage.town.log.contains("reset query failed: no"));
}

TEST_CASE("statement mode refuses transaction blocks") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.config = "pool_mode = statement"});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C'BEGIN' Z(T)");
    CHECK(client.heard() ==
          "C\"BEGIN\" Z(T) E(FATAL)\"0A000 transaction blocks not allowed in statement pooling "
          "mode\" .");
    CHECK(stage.backend(1).heard() == "Q\"begin\"");
    CHECK(stage.backend(1).ran == std::vector<std::string>{"ROLLBACK", "DISCARD ALL"});
  });
}

TEST_CASE("a cancel never hits a query of ours: it waits until that is answered") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& one = stage.caller().login({{"TimeZone", "Asia/Tokyo"}});
  Caller& two = stage.client();
  one.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  two.say("Q'select 2'");
  stage.backend(1).say("T D C Z");
  stage.backend(1).heard();
  stage.answers_sets = false;
  one.say("Q'select 3'");
  CHECK(stage.backend(1).heard() == "Q\"SET TimeZone TO E'Asia/Tokyo';\" Q\"select 3\"");
  stage.caller().say(one.cancel_packet());
  CHECK(stage.backends() == 1);
  stage.backend(1).say("S'TimeZone=Asia/Tokyo' C'SET' Z");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).cancel_pid == 101);
}

TEST_CASE("a cancel while settings are tried out hits the query that waits for them") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  stage.answers_sets = false;
  Caller& one = stage.caller().login({{"TimeZone", "Asia/Tokyo"}});
  one.say("Q'select 1'");
  CHECK(stage.backend(1).heard() == "Q\"SET TimeZone TO E'Asia/Tokyo';\"");
  stage.caller().say(one.cancel_packet());
  CHECK(stage.backends() == 1);
  stage.backend(1).say("S'TimeZone=Asia/Tokyo' C'SET' Z");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).cancel_pid == 101);
}
