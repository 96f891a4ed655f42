// fast_close_test.cc: server_fast_close: when a session ends with its server, and what it may not
// lose.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kOver = "E(FATAL)\"57P01 database configuration changed\" .";

Setting with(const std::string& mode, bool fast = true) {
  return {.config = "pool_mode = " + mode + "\nserver_fast_close = " + (fast ? "1" : "0")};
}

// The server's startup packet is another from now on.
void change(Stage& stage, Setting setting) {
  setting.shop = "application_name=other";
  stage.town.reload(Stage::config_text(setting));
  stage.run();
}

}  // namespace

TEST_CASE("server_fast_close ends a session that idles, and its server, at a RELOAD") {
  InOrder policy;
  Stage stage(policy, with("session"));
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z");
  change(stage, with("session"));
  CHECK(client.heard() == kOver);
  CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
  Caller& next = stage.client();
  next.say("Q'select 2'");
  stage.backend(2).say("T D C Z");
  CHECK(next.heard() == "T D C Z");
}

TEST_CASE("server_fast_close lets a transaction come to its end") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, with("session"));
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    change(stage, with("session"));
    client.say("Q'select 1'");
    stage.backend(1).say("T D C Z(T)");
    CHECK(client.heard() == "C Z(T) T D C Z(T)");
    client.say("Q'commit'");
    stage.backend(1).say("C Z");
    CHECK(client.heard() == "C Z " + kOver);
    CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"select 1\" Q\"commit\" X .");
  });
}

TEST_CASE("server_fast_close lets all of a pipeline be answered") {
  InOrder policy;
  Stage stage(policy, with("session"));
  Caller& client = stage.client();
  client.say("P B E S Q'select 2'");
  change(stage, with("session"));
  stage.backend(1).say("1 2 C Z");
  CHECK(client.heard() == "1 2 C Z");
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z " + kOver);
}

TEST_CASE("server_fast_close waits for the rest of what the client has begun to say") {
  InOrder policy;
  Stage stage(policy, with("session"));
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z");
  const Buffer query = client_bytes("Q'select 2'");
  client.say(Buffer(query.begin(), query.end() - 3));
  change(stage, with("session"));
  CHECK(client.heard().empty());
  client.say(Buffer(query.end() - 3, query.end()));
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z " + kOver);
}

TEST_CASE("server_fast_close never tears a message that the server sends unasked") {
  const Buffer all = server_bytes("A'chan'");
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    InOrder policy;
    Stage stage(policy, with("session"));
    Caller& client = stage.client();
    client.say("Q'listen chan'");
    stage.backend(1).say("C Z");
    CHECK(client.heard() == "C Z");
    stage.backend(1).say(Buffer(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut)));
    change(stage, with("session"));
    CHECK_FALSE(client.peer.ended());
    stage.backend(1).say(Buffer(all.begin() + static_cast<std::ptrdiff_t>(cut), all.end()));
    CHECK(client.heard() == server_words(all) + " " + kOver);
  }
}

TEST_CASE("server_fast_close: what comes in one piece with the last answer comes whole") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, with("session"));
    Caller& client = stage.client();
    client.say("Q'listen chan'");
    change(stage, with("session"));
    stage.backend(1).say("C Z A'chan'");
    const std::string heard = client.heard();
    CHECK(heard.starts_with("C Z "));
    CHECK(heard.ends_with(kOver));
    CHECK(heard.find("...") == std::string::npos);
  });
}

TEST_CASE("server_fast_close ends sessions of a database that is gone") {
  InOrder policy;
  Stage stage(policy, with("session"));
  Caller& idle = stage.client();
  idle.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  Caller& busy = stage.client();
  busy.say("Q'begin'");
  stage.backend(2).say("C Z(T)");
  std::string text = Stage::config_text(with("session"));
  text.replace(text.find("shop = "), 4, "mart");
  stage.town.reload(text);
  stage.run();
  CHECK(idle.heard() == "T D C Z " + kOver);
  busy.say("Q'commit'");
  stage.backend(2).say("C Z");
  CHECK(busy.heard() == "C Z(T) C Z " + kOver);
}

TEST_CASE(
    "a RELOAD that changes nothing for a server ends no session, and one that does may wait") {
  InOrder policy;
  Stage stage(policy, with("session", false));
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  stage.town.reload(Stage::config_text(with("session")));
  stage.run();
  CHECK(client.heard() == "T D C Z");
  change(stage, with("session", false));
  client.say("Q'select 2'");
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z");
  change(stage, with("session"));  // The setting alone is new: the server had to go before.
  CHECK(client.heard() == kOver);
}

TEST_CASE("server_fast_close costs no client of transaction mode its connection") {
  InOrder policy;
  Stage stage(policy, with("transaction"));
  Caller& client = stage.client();
  client.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  change(stage, with("transaction"));
  client.say("Q'commit'");
  stage.backend(1).say("C Z");
  CHECK(stage.backend(1).heard().ends_with("X ."));
  client.say("Q'select 1'");
  stage.backend(2).say("T D C Z");
  CHECK(client.heard() == "C Z(T) C Z T D C Z");
}
