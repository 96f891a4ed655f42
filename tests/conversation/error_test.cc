// error_test.cc: what a server's ErrorResponse says of the server itself, however long it is.
#include <doctest/doctest.h>

#include <functional>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kLong(20'000, 'x');

Buffer error_without_code() {
  const std::string body = std::string{"SERROR\0VERROR\0M", 15} + kLong + std::string(2, '\0');
  return raw_message('E', static_cast<std::uint32_t>(4 + body.size()), body);
}

Buffer join(Buffer first, const Buffer& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::size_t idle_servers(Stage& stage) { return stage.town.worker(0).count_pools().at(0).sv_idle; }

// Whole, in small parts, and with the end of a part on either side of what is kept of an error.
void in_parts(const std::function<void(InOrder&)>& tell) {
  for (const std::size_t part :
       {100'000u, 1u, 7u, 1'000u, 16'383u, 16'384u, 16'388u, 16'389u, 16'390u}) {
    INFO("in parts of " << part);
    InOrder policy;
    policy.chunk_max = part;
    tell(policy);
  }
}

}  // namespace

TEST_CASE("a long error reaches the client as it stands, and the server goes on") {
  in_parts([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    const Buffer said = server_bytes("T D E'22P02 " + kLong + "' Z");
    stage.backend(1).say(said);
    CHECK(client.peer.take() == said);
    CHECK(idle_servers(stage) == 1);
    client.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 2\"");
  });
}

TEST_CASE("a long error without an SQLSTATE reaches nobody and costs the server") {
  in_parts([](InOrder& policy) {
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.backend(1).say(join(error_without_code(), server_bytes("Z")));
    CHECK(client.heard() ==
          "E(FATAL)\"08P01 the server sent an ErrorResponse without a SQLSTATE\" .");
    CHECK(stage.backend(1).peer.closed());
    CHECK(idle_servers(stage) == 0);
  });
}

TEST_CASE(
    "a server that breaks off at the beginning of a long error costs its client an SQLSTATE") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.say("Q'select 1'");
  Buffer said = server_bytes("E'22P02 " + kLong + "'");
  said.resize(1'000);
  stage.backend(1).say(said);
  stage.backend(1).hang_up();
  CHECK(client.heard() == "E(FATAL)\"08006 server conn crashed?\" .");
}

TEST_CASE("a server that has said FATAL goes when its client is done with it") {
  for (const std::string& text : {std::string{"enough"}, kLong}) {
    in_parts([&](InOrder& policy) {
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'select 1'");
      const Buffer said = server_bytes("E(FATAL)'57P01 " + text + "' Z");
      stage.backend(1).say(said);
      CHECK(client.peer.take() == said);
      CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
      client.say("Q'select 2'");
      CHECK(stage.backend(2).heard() == "Q\"select 2\"");
    });
  }
}

TEST_CASE("an error of any length that an idle server says is its last") {
  const Buffer errors[] = {server_bytes("E'XX000 short'"), server_bytes("E(FATAL)'57P01 short'"),
                           server_bytes("E'XX000 " + kLong + "'"),
                           server_bytes("E(FATAL)'57P01 " + kLong + "'"), error_without_code()};
  for (const Buffer& said : errors) {
    in_parts([&](InOrder& policy) {
      Stage stage(policy);
      stage.hangs_up = false;
      Caller& client = stage.client();
      stage.backend(1).say(said);
      CHECK(stage.backend(1).heard() == "X .");
      CHECK(idle_servers(stage) == 0);
      client.say("Q'select 1'");
      CHECK(stage.backend(2).heard() == "Q\"select 1\"");
      CHECK(client.heard().empty());
    });
  }
}

TEST_CASE("an error that a server says while it rests is its last") {
  for (const std::string& text : {std::string{"enough"}, kLong}) {
    InOrder policy;
    Stage stage(policy);
    stage.hangs_up = false;
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.caller().say(client.cancel_packet());
    REQUIRE(stage.backends() == 2);
    stage.backend(1).say("T D C Z");
    CHECK(stage.town.worker(0).count_pools().at(0).sv_being_canceled == 1);
    stage.backend(1).say("E(FATAL)'57P01 " + text + "'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
    stage.backend(2).hang_up();
    CHECK(idle_servers(stage) == 0);
  }
}

TEST_CASE("of a long error that refuses a setting the client hears the beginning") {
  in_parts([](InOrder& policy) {
    Stage stage(policy);
    stage.answers_sets = false;
    Caller& client = stage.caller().login({{"TimeZone", "Mars"}});
    client.say("Q'select 1'");
    std::string text = "no ";
    while (text.size() < 20'000) text += "\xc3\xa9";
    stage.backend(1).say("E'22023 " + text.insert(3, kLong.substr(0, 16'300)) + "' Z");
    const std::string beginning = "E(FATAL)\"22023 no " + kLong.substr(0, 16'300);
    std::string heard = client.heard();
    REQUIRE(heard.find(beginning) == 0);
    heard.erase(0, beginning.size());
    CHECK(heard.size() > 4);
    while (heard.find("\xc3\xa9") == 0) heard.erase(0, 2);
    CHECK(heard == "\" .");
  });
}
