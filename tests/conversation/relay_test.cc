// relay_test.cc: requests and answers through one server, in transaction mode.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

bool is_idle(Stage& stage) {
  const auto pools = stage.town.worker(0).count_pools();
  return pools.size() == 1 && pools[0].sv_idle == 1 && pools[0].sv_active == 0;
}

// One client, one server; what is said to the server must arrive there, and the answer back.
void exchange(std::string_view request, std::string_view answer, bool freed = true) {
  however_cut([&](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say(request);
    CHECK(stage.backend(1).heard() == client_words(client_bytes(request)));
    stage.backend(1).say(answer);
    CHECK(client.heard() == server_words(server_bytes(answer)));
    CHECK(is_idle(stage) == freed);
    CHECK(stage.backends() == 1);
  });
}

}  // namespace

TEST_CASE("simple queries") {
  exchange("Q'select 1'", "T D'1' C'SELECT 1' Z");
  exchange("Q'select 1; select 2'", "T D'1' C'SELECT 1' T D'2' C'SELECT 1' Z");
  exchange("Q", "I Z");
  exchange("Q'selct'", "E'42601 syntax error' Z");
  exchange("Q'select 1; selct'", "T D C E'42601 syntax error' Z");
  exchange("F", "V Z");
  exchange("F", "E'42883 no such function' Z");
}

TEST_CASE("notices, notifications and reports go to the client at their place") {
  exchange("Q'do'", "N'00000 one' C'DO' N'00000 two' A'chan' S'DateStyle=SQL, MDY' Z");
}

TEST_CASE("a transaction keeps its server; I, T and E decide") {
  exchange("Q'begin'", "C'BEGIN' Z(T)", false);
  exchange("Q'begin; selct'", "C'BEGIN' E'42601 syntax error' Z(E)", false);
  exchange("Q'begin' Q'commit'", "C'BEGIN' Z(T) C'COMMIT' Z");
  exchange("Q'begin' Q'selct' Q'rollback'",
           "C'BEGIN' Z(T) E'42601 syntax error' Z(E) C'ROLLBACK' Z");
}

TEST_CASE("extended queries and pipelines") {
  exchange("P'select $1' B D E S", "1 2 T D C'SELECT 1' Z");
  exchange("P'a' D S", "1 t n Z");
  exchange("B E C(s1) S", "2 s 3 Z");
  exchange("P'' B E S", "1 2 I Z");
  exchange("P'a' B E S P'b' B E S", "1 2 D C Z 1 2 D C Z");
  exchange("P'a' B E S P'b' B E S", "1 2 D C Z", false);
  exchange("P'a' B E P'b' B E S Q'select 1'", "1 E'42601 no' Z T D C Z");
  exchange("P'a' B E S P'b' B E S", "E'42601 no' Z E'42601 no' Z");
  exchange("P'a' S Q'b' F P'c' S", "1 Z C Z V Z 1 Z");
}

TEST_CASE("a Flush without a Sync keeps the server") {
  exchange("P'a' D H", "1 t n", false);
  exchange("P'a' H B E S", "1 2 C Z");
}

TEST_CASE("an error skips to the Sync, whenever that comes") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("P'a' H");
    stage.backend(1).say("E'42601 no'");
    CHECK(client.heard() == "E\"42601 no\"");
    CHECK_FALSE(is_idle(stage));
    client.say("B E");
    CHECK_FALSE(is_idle(stage));
    client.say("S");
    CHECK(stage.backend(1).heard() == "P\"a\" H B E S");
    stage.backend(1).say("Z");
    CHECK(client.heard() == "Z");
    CHECK(is_idle(stage));
  });
}

TEST_CASE("COPY out") {
  exchange("Q'copy t to stdout'", "H d'1\t2' d'3\t4' c C'COPY 2' Z");
  exchange("P'copy t to stdout' B E S", "1 2 H d'x' c C'COPY 1' Z");
  exchange("Q'copy t to stdout'", "H d'1\t2' E'57014 canceled' Z");
}

TEST_CASE("COPY in by a simple query") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'copy t from stdin'");
    stage.backend(1).say("G");
    CHECK(client.heard() == "G");
    client.say("d'1' d'2'");
    CHECK_FALSE(is_idle(stage));
    client.say("c");
    CHECK(stage.backend(1).heard() == "Q\"copy t from stdin\" d\"1\" d\"2\" c");
    stage.backend(1).say("C'COPY 2' Z");
    CHECK(client.heard() == "C\"COPY 2\" Z");
    CHECK(is_idle(stage));
  });
}

TEST_CASE("COPY in that the client gives up") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'copy t from stdin'");
    stage.backend(1).say("G");
    client.say("d'1' f'enough'");
    stage.backend(1).say("E'57014 COPY from stdin failed: enough' Z");
    CHECK(client.heard() == "G E\"57014 COPY from stdin failed: enough\" Z");
    CHECK(is_idle(stage));
  });
}

TEST_CASE("what still comes of a COPY that has failed is swallowed") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'copy t from stdin'");
    stage.backend(1).say("G");
    client.say("d'x'");
    stage.backend(1).say("E'22P02 no number' Z");
    CHECK(is_idle(stage));
    client.say("d'y' d'z' c Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"copy t from stdin\" d\"x\" Q\"select 1\"");
    stage.backend(1).say("T D C Z");
    CHECK(client.heard() == "G E\"22P02 no number\" Z T D C Z");
    CHECK(is_idle(stage));
  });
}

TEST_CASE("COPY in by the extended protocol, its Sync behind the data") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("P'copy t from stdin' B E H");
    stage.backend(1).say("1 2 G");
    client.say("d'1' c S");
    stage.backend(1).say("C'COPY 1' Z");
    CHECK(client.heard() == "1 2 G C\"COPY 1\" Z");
    CHECK(is_idle(stage));
  });
}

TEST_CASE("COPY in with its Sync sent before the COPY was known") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("P'copy t from stdin' B E S");
    stage.backend(1).say("1 2 G");
    CHECK(client.heard() == "1 2 G");
    CHECK_FALSE(is_idle(stage));  // The server ignored that Sync.
    client.say("d'1' c S");
    stage.backend(1).say("C'COPY 1' Z");
    CHECK(client.heard() == "C\"COPY 1\" Z");
    CHECK(is_idle(stage));
  });
}

TEST_CASE("a Sync between two transactions needs no server") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.say("S H S");
  CHECK(client.heard() == "Z Z");
  CHECK(stage.backend(1).heard().empty());
}

TEST_CASE("messages that no client may send cost it its connection") {
  for (const char tag : {'p', 'R', 'Z', '\0', '\xff', 'x', 'K', '1'}) {
    InOrder policy;
    Stage stage(policy);
    Caller& client = stage.client();
    client.say(raw_message(tag, 4));
    CHECK(client.heard().find("E(FATAL)\"08P01 invalid frontend message type 0x") == 0);
    CHECK(is_idle(stage));
  }
}

TEST_CASE("a client that does not read stops its server, and nothing is lost") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.peer.set_reading(false);
  client.say("Q'select'");
  Backend& server = stage.backend(1);
  const Buffer row = server_bytes("D'" + std::string(10'000, 'x') + "'");
  policy.chunk_max = 16 * 1024;
  for (int i = 0; i < 1000; ++i) server.peer.send(row);
  stage.run();
  CHECK(server.peer.paused());
  // The kernel's part, the outbox up to its mark, and a few chunks.
  const std::size_t arrived = 1000 * row.size() - server.peer.in_flight();
  CHECK(arrived < 64 * 1024 + 128 * 1024 + 3 * 16 * 1024);
  server.peer.send(server_bytes("C Z"));
  client.peer.set_reading(true);
  stage.run();
  CHECK_FALSE(server.peer.paused());
  CHECK(client.peer.received.size() == 1000 * row.size() + server_bytes("C Z").size());
  CHECK(is_idle(stage));
}

TEST_CASE("a server that does not read stops its client, and nothing is lost") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.say("Q'copy t from stdin'");
  Backend& server = stage.backend(1);
  server.say("G");
  server.heard();
  server.peer.set_reading(false);
  policy.chunk_max = 16 * 1024;
  const Buffer row = client_bytes("d'" + std::string(10'000, 'x') + "'");
  for (int i = 0; i < 1000; ++i) client.peer.send(row);
  stage.run();
  CHECK(client.peer.paused());
  const std::size_t arrived = 1000 * row.size() - client.peer.in_flight();
  CHECK(arrived < 64 * 1024 + 128 * 1024 + 3 * 16 * 1024);
  server.peer.set_reading(true);
  client.say("c");
  CHECK_FALSE(client.peer.paused());
  server.say("C Z");
  CHECK(client.heard() == "G C Z");
  CHECK(is_idle(stage));
}

TEST_CASE("a pipeline beyond the ledger's size waits for answers") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  Backend& server = stage.backend(1);
  Buffer asked;
  Buffer answered;
  constexpr std::size_t kPairs = 50'000;
  for (std::size_t i = 0; i < kPairs; ++i) {
    const Buffer pair = client_bytes("P S");
    asked.insert(asked.end(), pair.begin(), pair.end());
    const Buffer answer = server_bytes("1 Z");
    answered.insert(answered.end(), answer.begin(), answer.end());
  }
  policy.chunk_max = 64 * 1024;
  client.say("Q'begin'");
  server.say("C Z(T)");
  client.heard();
  server.heard();
  client.peer.send(asked);
  stage.run();
  CHECK(client.peer.paused());
  Buffer first(answered.begin(), answered.begin() + 20'000 * 11);
  server.peer.send(first);
  stage.run();
  CHECK_FALSE(client.peer.paused());
  CHECK(client.peer.in_flight() == 0);
  server.peer.send(Buffer(answered.begin() + 20'000 * 11, answered.end()));
  stage.run();
  CHECK(client.peer.received == answered);
}

TEST_CASE("a client that does not take its answers gets no server to block") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  Backend& server = stage.backend(1);
  client.peer.set_reading(false);
  client.say("Q'select'");
  const std::string row(250'000, 'x');
  server.say("T D'" + row + "' C Z");
  CHECK(is_idle(stage));
  client.say("Q'select 2'");
  CHECK(server.heard() == "Q\"select\"");
  CHECK(is_idle(stage));
  client.peer.set_reading(true);
  stage.run();
  CHECK(server.heard() == "Q\"select 2\"");
  server.say("T D C Z");
  CHECK(client.heard() == "T D\"" + row + "\" C Z T D C Z");
}
