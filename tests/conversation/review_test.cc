// review_test.cc: moments that are easily overlooked: what stands behind the last answer, what
// comes while another thing is under way, and who does not read.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const Setting kOneServer{.config = "default_pool_size = 1"};

Buffer join(Buffer first, const Buffer& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Buffer first_bytes(Buffer bytes, std::size_t count) {
  bytes.resize(count);
  return bytes;
}

}  // namespace

// --- Tests and minimum.

TEST_CASE("server_check_delay = 0 tests once before each use, however long the answer takes") {
  InOrder policy;
  Stage stage(policy, {.config = "server_check_query = select 7\nserver_check_delay = 0"});
  Caller& client = stage.client();
  for (int use = 0; use < 3; ++use) {
    stage.wait(kSecond);
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"select 7\"");
    stage.wait(kSecond);
    stage.backend(1).say("T D C Z");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
    stage.wait(kSecond);
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  }
}

TEST_CASE("min_pool_size does not fight over the last connection of max_db_connections") {
  for (const std::size_t workers : {1u, 2u}) {
    InOrder policy;
    Stage stage(policy,
                {.config = "min_pool_size = 1\nmax_db_connections = 1", .workers = workers});
    stage.obliging = true;
    Caller& app = stage.client();
    Caller& bob = stage.caller(workers - 1).login({}, "bob");
    stage.wait(10 * kSecond);
    // The pool that has lost its server hears of the free place before the one that waits for it.
    policy.letters_take = kMillisecond;
    for (Caller* const next : {&bob, &app, &bob}) {
      next->heard();
      next->say("Q'select 1'");
      stage.wait(10 * kSecond);
      CHECK(next->heard() == "T D C Z");
    }
    CHECK(stage.backends() <= 4);
    CHECK(stage.door.open_max == 1);
  }
}

// --- Who does not read.

TEST_CASE("a flood of Sync waits until its answers are read") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  const std::size_t count = 100'000;
  client.peer.set_reading(false);
  Buffer thousand;
  for (int i = 0; i < 1000; ++i) thousand = join(std::move(thousand), client_bytes("S"));
  for (std::size_t said = 0; said < count; said += 1000) client.say(thousand);
  CHECK(count * 5 - client.peer.in_flight() < 200 * 1024);
  client.peer.set_reading(true);
  stage.run();
  CHECK(client.peer.take().size() == count * 6);
  client.say("Q'select 1'");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
}

TEST_CASE("a flood of questions to the console waits until its answers are read") {
  InOrder policy;
  Stage stage(policy);
  Caller& boss = stage.caller().login({}, "boss", "pgweir");
  const Buffer question = client_bytes("Q'SHOW HELP'");
  boss.say(question);
  const std::size_t answer_bytes = boss.peer.take().size();
  boss.peer.set_reading(false);
  const std::size_t count = 2000;
  for (std::size_t i = 0; i < count; ++i) boss.say(question);
  const std::size_t answered = count - boss.peer.in_flight() / question.size();
  CHECK(answered * answer_bytes < 256 * 1024);
  boss.peer.set_reading(true);
  stage.run();
  CHECK(boss.peer.take().size() == count * answer_bytes);
}

TEST_CASE("a ledger that was full and is emptied by one read lets its client go on") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  Buffer bytes = client_bytes("Q'select 1'");
  const Buffer parse = client_bytes("P'x'");
  for (int i = 0; i < 65'534; ++i) bytes.insert(bytes.end(), parse.begin(), parse.end());
  client.say(join(std::move(bytes), client_bytes("S Q'select 2'")));
  const std::string asked = stage.backend(1).heard();
  CHECK(asked.substr(asked.size() - 2) == " S");
  stage.backend(1).say("T D C Z E'42601 no' Z");
  CHECK(stage.backend(1).heard() == "Q\"select 2\"");
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z E\"42601 no\" Z T D C Z");
}

// --- Half a message.

TEST_CASE("behind half a row comes the end of the connection and nothing else") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    const Buffer said = join(server_bytes("T"), raw_message('D', 100, "half"));
    stage.backend(1).say(said);
    stage.backend(1).hang_up();
    CHECK(client.peer.take() == said);
    CHECK(client.heard() == ".");
  });
}

TEST_CASE("half a notification at the end of a session costs the server") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.config = "pool_mode = session\nserver_reset_query ="});
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'listen chan'");
    const Buffer notification = server_bytes("A'chan'");
    stage.backend(1).say(join(server_bytes("C Z"), first_bytes(notification, 12)));
    one.say("X");
    CHECK(stage.backend(1).heard().find("X .") != std::string::npos);
    two.say("Q'select 2'");
    CHECK(stage.backend(2).heard() == "Q\"select 2\"");
    CHECK(two.heard().empty());
  });
}

TEST_CASE("a notification that comes in two pieces behind ReadyForQuery holds no server") {
  const Buffer all = server_bytes("T D C Z A'chan'");
  const std::size_t answer_bytes = server_bytes("T D C Z").size();
  for (std::size_t cut = answer_bytes; cut < all.size(); ++cut) {
    InOrder policy;
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'select 1'");
    stage.backend(1).say(first_bytes(all, cut));
    stage.backend(1).say(Buffer(all.begin() + static_cast<std::ptrdiff_t>(cut), all.end()));
    two.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 2\"");
    stage.backend(1).say("T D C Z");
    CHECK(two.heard() == "T D C Z");
  }
}

TEST_CASE("a notification that never ends behind ReadyForQuery costs the server, not the next") {
  const Buffer all = server_bytes("T D C Z A'chan'");
  const std::size_t answer_bytes = server_bytes("T D C Z").size();
  for (std::size_t cut = answer_bytes + 1; cut < all.size(); ++cut) {
    InOrder policy;
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'select 1'");
    stage.backend(1).say(first_bytes(all, cut));
    two.say("Q'select 2'");
    stage.wait(proxy::kFarewellMax - kMillisecond);
    CHECK(two.heard().empty());
    stage.wait(kMillisecond);
    CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
    CHECK(stage.backend(2).heard() == "Q\"select 2\"");
    // Behind half a message nothing can follow.
    const bool told = cut >= answer_bytes + 5;
    CHECK(one.heard() == (told ? "T D C Z ... ." : "T D C Z"));
  }
}

TEST_CASE("a notification that trickles behind ReadyForQuery has ten seconds as well") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& one = stage.client();
  one.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  one.say("Q'select 2'");
  stage.backend(1).say(join(server_bytes("T D C Z"), Buffer{'A', 0, 1, 0, 0}));
  for (int second = 1; second <= 12; ++second) {
    if (!stage.backend(1).peer.closed()) stage.backend(1).say(Buffer{'x'});
    stage.wait(kSecond);
  }
  CHECK(stage.backend(1).peer.closed());
  CHECK(one.peer.closed());
}

TEST_CASE("that its client does not read is no fault of a server with half a notice") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& slow = stage.client();
  slow.say("Q'select 1'");
  slow.peer.set_capacity(1);
  slow.peer.set_reading(false);
  const Buffer row = raw_message('D', 4 + 120'000, std::string(120'000, 'r'));
  const Buffer notice = raw_message('N', 4 + 100'000, std::string(100'000, 'n'));
  const Buffer all = join(join(join(server_bytes("T"), row), server_bytes("C Z")), notice);
  stage.backend(1).say(first_bytes(all, all.size() - 70'000));
  stage.backend(1).say(Buffer(all.end() - 70'000, all.end()));
  REQUIRE(stage.backend(1).peer.paused());
  stage.wait(60 * kSecond);
  CHECK_FALSE(stage.backend(1).peer.closed());
  slow.peer.set_capacity(1 << 20);
  slow.peer.set_reading(true);
  stage.run();
  CHECK(slow.peer.take().size() == all.size());
  CHECK(stage.town.worker(0).count_pools().at(0).sv_idle == 1);
}

TEST_CASE("who asks on while half a notification is there keeps its server") {
  const Buffer notification = server_bytes("A'chan'");
  for (std::size_t cut = 1; cut < notification.size(); ++cut) {
    InOrder policy;
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.backend(1).say(join(server_bytes("C Z"), first_bytes(notification, cut)));
    client.say("Q'select 2'");
    stage.backend(1).say(
        join(Buffer(notification.begin() + static_cast<std::ptrdiff_t>(cut), notification.end()),
             server_bytes("T D C Z")));
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 2\"");
    CHECK(client.heard() == "C Z A\"chan\" T D C Z");
    CHECK(stage.town.worker(0).count_pools().at(0).sv_idle == 1);
  }
}

// --- Behind ReadyForQuery.

TEST_CASE("an idle server that says FATAL leaves the pool before it hangs up") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    stage.hangs_up = false;
    Caller& client = stage.client();
    stage.backend(1).say("E(FATAL)'57P01 terminating connection'");
    CHECK(stage.backend(1).heard() == "X .");
    client.say("Q'select 1'");
    CHECK(stage.backend(2).heard() == "Q\"select 1\"");
    CHECK(client.heard().empty());
  });
}

TEST_CASE("what comes behind ReadyForQuery costs the server, not the client") {
  for (const char* const behind : {"E(FATAL)'57P01 terminating connection'", "C Z", "D'secret'"}) {
    INFO(behind);
    however_cut([&](InOrder& policy) {
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'select 1'");
      stage.backend(1).say(join(server_bytes("T D C Z"), server_bytes(behind)));
      CHECK(client.heard() == "T D C Z");
      CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
      client.say("Q'select 2'");
      CHECK(stage.backend(2).heard() == "Q\"select 2\"");
      stage.backend(2).say("T D C Z");
      CHECK(client.heard() == "T D C Z");
    });
  }
}

TEST_CASE("what comes with ReadyForQuery never reaches the client that waits for the server") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& one = stage.client();
  Caller& two = stage.client();
  one.say("Q'select 1'");
  two.say("Q'select 2'");
  stage.backend(1).say("T D C Z C Z");
  CHECK(one.heard() == "T D C Z");
  CHECK(two.heard().empty());
  CHECK(stage.backend(2).heard() == "Q\"select 2\"");
  stage.backend(2).say("T D C Z");
  CHECK(two.heard() == "T D C Z");
}

// --- Settings, cancels, the simple protocol.

TEST_CASE("a tracked parameter that the server does not report is set all the same") {
  for (const Settings& asked :
       {Settings{{"search_path", "x"}}, Settings{{"options", "-c search_path=x"}}}) {
    InOrder policy;
    Stage stage(policy, {.config = "track_extra_parameters = search_path"});
    for (int turn = 0; turn < 2; ++turn) {  // Before the first server is there, and after.
      Caller& client = stage.caller().login(asked);
      client.say("Q'select 1'");
      stage.backend(1).say("T D C Z");
      CHECK(client.heard() == "T D C Z");
    }
    REQUIRE(stage.backend(1).ran.size() == 1);
    CHECK(stage.backend(1).ran[0] == "SELECT pg_catalog.set_config(E'search_path', E'x', false);");
  }
}

TEST_CASE("an overlong error counts as one when a setting is tried out") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  stage.answers_sets = false;
  Caller& client = stage.caller().login({{"TimeZone", "Mars"}});
  client.say("Q'select 1'");
  stage.backend(1).say("E'22023 " + std::string(20'000, 'x') + "' Z");
  CHECK(client.heard().find("E(FATAL)") == 0);
  CHECK(stage.backend(1).heard() == "Q\"SET TimeZone TO E'Mars';\"");
}

TEST_CASE("an overlong error counts as one when a setting and a request overlap") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& one = stage.caller().login({{"TimeZone", "Asia/Tokyo"}});
  Caller& two = stage.client();
  for (Caller* const next : {&one, &two}) {
    next->say("Q'select 1'");
    stage.backend(1).say("T D C Z");
  }
  one.heard();
  stage.answers_sets = false;
  one.say("Q'select 3'");
  stage.backend(1).say("E'22023 " + std::string(20'000, 'x') + "' Z T D'wrong' C Z");
  const std::string heard = one.heard();
  CHECK(heard.find("E(FATAL)") == 0);
  CHECK(heard.find("wrong") == std::string::npos);
  CHECK(stage.backend(1).peer.closed());
}

TEST_CASE("a second cancel waits for the first and reaches the second query") {
  InOrder policy;
  Stage stage(policy);
  stage.hangs_up = false;
  Caller& client = stage.client();
  client.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  client.say("Q'select 1'");
  stage.caller().say(client.cancel_packet());
  REQUIRE(stage.backends() == 2);
  stage.backend(1).say("E'57014 canceled' Z(E)");
  client.say("Q'select 2'");
  stage.caller().say(client.cancel_packet());
  CHECK(stage.backends() == 2);
  stage.backend(2).hang_up();
  REQUIRE(stage.backends() == 3);
  CHECK(stage.backend(3).is_cancel);
  CHECK(stage.backend(3).cancel_pid == 101);
}

TEST_CASE("disable_pqexec refuses simple queries and lets extended ones through") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, {.config = "disable_pqexec = 1"});
    Caller& client = stage.client();
    client.say("P'select 1' B E S");
    stage.backend(1).say("1 2 D C Z");
    CHECK(client.heard() == "1 2 D C Z");
    client.say("Q'select 2'");
    CHECK(client.heard() == "E(FATAL)\"08P01 PQexec disallowed\" .");
    CHECK(stage.backend(1).heard() == "P\"select 1\" B E S");
  });
}
