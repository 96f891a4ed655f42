// death_test.cc: one side goes away, or lies: what becomes of the other, and of the server.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const Setting kOneServer{.config = "default_pool_size = 1"};

proxy::PoolCounts counts(Stage& stage) { return stage.town.worker(0).count_pools().at(0); }

// A server that says this to a client that asked "Q" is closed, and the client is told why.
std::string hostile(std::string_view answer, const Buffer& raw = {}) {
  std::string told;
  however_cut([&](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    Buffer bytes = server_bytes(answer);
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    stage.backend(1).say(bytes);
    told = client.heard();
    CHECK(stage.backend(1).heard().find('.') != std::string::npos);
    CHECK(stage.backend(1).peer.closed());
    Caller& next = stage.client();
    next.say("Q'select 2'");
    CHECK(stage.backend(2).heard() == "Q\"select 2\"");
  });
  return told;
}

}  // namespace

TEST_CASE("a client that vanishes in a transaction never leaks it") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say("Q'begin'");
    stage.backend(1).say("C'BEGIN' Z(T)");
    two.say("Q'select 2'");
    one.hang_up();
    CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"select 2\"");
    CHECK(stage.backend(1).ran == std::vector<std::string>{"ROLLBACK", "DISCARD ALL"});
  });
}

TEST_CASE("a client that vanishes with a query in progress has it cancelled") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  stage.hangs_up = false;
  Caller& one = stage.client();
  Caller& two = stage.client();
  one.say("Q'select pg_sleep(99)'");
  two.say("Q'select 2'");
  one.hang_up();
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).is_cancel);
  CHECK(stage.backend(2).cancel_pid == 101);
  CHECK(stage.backend(1).heard() == "Q\"select pg_sleep(99)\" X .");
  // Until it has hung up it counts, and nobody dials beyond the limit.
  CHECK(stage.backends() == 2);
  stage.backend(1).hang_up();
  REQUIRE(stage.backends() == 3);
  CHECK(stage.backend(3).heard() == "Q\"select 2\"");
  CHECK(stage.door.open_max == 2);  // The server and the cancel.
}

TEST_CASE("Terminate with a query in progress lets it run to its end") {
  InOrder policy;
  Stage stage(policy, kOneServer);
  Caller& one = stage.client();
  one.say("Q'insert' X");
  CHECK(stage.backend(1).heard() == "Q\"insert\" X .");
  CHECK(stage.backends() == 1);
  CHECK(one.heard() == ".");
}

TEST_CASE("a client that vanishes in the middle of a message takes its server along") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    Caller& two = stage.client();
    one.say(raw_message('Q', 100, "select "));
    one.hang_up();
    // No Terminate: it would fall into the middle of the Query.
    CHECK(stage.backend(1).heard() == "... .");
    two.say("Q'select 2'");
    // A cancel has been dialled in between.
    CHECK(stage.backend(3).heard() == "Q\"select 2\"");
  });
}

TEST_CASE("a client that vanishes in the middle of a COPY takes its server along") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& one = stage.client();
    one.say("Q'copy t from stdin'");
    stage.backend(1).say("G");
    one.say("d'1'");
    one.peer.reset(ECONNRESET);
    stage.run();
    CHECK(stage.backend(1).heard() == "Q\"copy t from stdin\" d\"1\" X .");
    stage.client().say("Q'select 2'");
    // A cancel may have been dialled in between.
    CHECK(stage.backend(stage.backends()).heard() == "Q\"select 2\"");
  });
}

TEST_CASE("a client that leaves between transactions leaves a clean server behind") {
  for (const bool politely : {false, true}) {
    InOrder policy;
    Stage stage(policy);
    Caller& one = stage.client();
    one.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    if (politely) one.say("X");
    one.hang_up();
    CHECK(counts(stage).sv_idle == 1);
    CHECK(counts(stage).cl_active == 0);
  }
}

TEST_CASE("a server that dies in the middle: the client gets an error and the end") {
  for (const int error : {0, ECONNRESET}) {
    however_cut([&](InOrder& policy) {
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'select 1'");
      stage.backend(1).say("T D");
      error == 0 ? stage.backend(1).hang_up() : stage.backend(1).peer.reset(error);
      const std::string heard = client.heard();
      CHECK(heard.find("T D E(FATAL)\"08006 ") == 0);
      CHECK(heard.substr(heard.size() - 2) == " .");
      CHECK(counts(stage).sv_active + counts(stage).sv_idle == 0);
    });
  }
}

TEST_CASE("a server's own last words reach the client, and no second error follows") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.backend(1).say("E(FATAL)'57P01 terminating connection'");
    stage.backend(1).hang_up();
    CHECK(client.heard() == "E(FATAL)\"57P01 terminating connection\" .");
  });
}

TEST_CASE("a server that closes while idle costs nobody anything") {
  for (const bool with_words : {false, true}) {
    however_cut([&](InOrder& policy) {
      Stage stage(policy, kOneServer);
      Caller& client = stage.client();
      if (with_words) stage.backend(1).say("E(FATAL)'57P01 terminating connection'");
      stage.backend(1).hang_up();
      CHECK(client.heard().empty());
      client.say("Q'select 1'");
      CHECK(stage.backend(2).heard() == "Q\"select 1\"");
    });
  }
}

TEST_CASE("an idle server may send reports, notices and notifications, and nothing else") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, kOneServer);
    Caller& client = stage.client();
    stage.backend(1).say("S'TimeZone=Mars' N'00000 hello' A'chan'");
    CHECK(client.heard().empty());
    client.say("Q'select 1'");
    REQUIRE(stage.backend(1).ran.size() == 1);  // The client's own TimeZone again.
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  });
  for (const char* const words : {"Z", "T", "D", "C'SELECT 1'", "1", "I", "G", "H", "d'x'"}) {
    however_cut([&](InOrder& policy) {
      Stage stage(policy, kOneServer);
      Caller& client = stage.client();
      stage.backend(1).say(words);
      CHECK(stage.backend(1).heard() == "X .");
      client.say("Q'select 1'");
      CHECK(stage.backend(2).heard() == "Q\"select 1\"");
      CHECK(client.heard().empty());
    });
  }
}

TEST_CASE("a server that answers what nobody asked is closed, and its client is told") {
  CHECK(hostile("1").find("E(FATAL)\"08P01 ") == 0);
  CHECK(hostile("T D 2").find("T D E(FATAL)\"08P01 ") == 0);
  CHECK(hostile("R").find("E(FATAL)\"08P01 ") == 0);
  CHECK(hostile("K(7)").find("E(FATAL)\"08P01 ") == 0);
  CHECK(hostile("Z Z").find("Z") == 0);  // The second finds no client any more.
  CHECK(hostile("Z(X)").find("08P01 ") != std::string::npos);
  CHECK(hostile("", raw_message('Z', 4)).find("E(FATAL)\"08P01 ") != std::string::npos);
  CHECK(hostile("", raw_message('Z', 6, "II")).find("E(FATAL)\"08P01 ") != std::string::npos);
  CHECK(hostile("", raw_message('S', 5, "x")).find("08P01 ") != std::string::npos);
  CHECK(hostile("", raw_message('x', 4)).find("E(FATAL)\"08P01 ") == 0);
}

TEST_CASE("an overlong ParameterStatus costs the server") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.say("Q'set'");
  stage.backend(1).say("S'TimeZone=" + std::string(20'000, 'x') + "' C'SET' Z");
  CHECK(client.heard().find("E(FATAL)\"08P01 ") == 0);
  CHECK(stage.backend(1).peer.closed());
}

TEST_CASE("a server that does not hang up is told twice, then let go") {
  InOrder policy;
  Stage stage(policy, {.config = "server_reset_query ="});
  stage.hangs_up = false;
  Caller& one = stage.client();
  one.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  one.hang_up();
  CHECK(stage.backend(1).heard() == "Q\"begin\" X .");
  stage.wait(14 * kSecond);
  CHECK_FALSE(stage.backend(1).peer.closed());
  stage.wait(kSecond);
  CHECK(stage.backend(1).peer.closed());
}
