// length_test.cc: announced lengths that lie, in every message of either side, before and after
// the login: the one connection ends with an SQLSTATE, and no memory is taken on their word.
#include <doctest/doctest.h>
#include <malloc.h>

#include <array>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

constexpr std::array<std::uint32_t, 8> kLengths{0xffff'ffff, 0,           1,           2,
                                                3,           0x7fff'ffff, 0x8000'0000, 0xffff'fffe};

bool impossible(std::uint32_t length) { return length < 4 || length > 0x7fff'ffff; }

std::size_t memory_taken() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// Says one header, and looks at what it cost.
template <typename Speaker>
void announce(Speaker& speaker, char tag, std::uint32_t length) {
  const Buffer header = raw_message(tag, length);
  const std::size_t before = memory_taken();
  speaker.say(header);
  CHECK(memory_taken() < before + 1024 * 1024);
}

void check_alive(Stage& stage) {
  Caller& next = stage.client();
  next.say("Q'select 1'");
  Backend& server = stage.backend(stage.backends());
  CHECK(server.heard() == "Q\"select 1\"");
  server.say("T D C Z");
  CHECK(next.heard() == "T D C Z");
}

}  // namespace

TEST_CASE("lengths in every message of a client after its login") {
  for (int tag = 0; tag < 256; ++tag) {
    for (const std::uint32_t length : kLengths) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      Caller& client = stage.client();
      announce(client, static_cast<char>(tag), length);
      const std::string heard = client.heard();
      if (impossible(length)) CHECK(heard == "E(FATAL)\"08P01 invalid message length\" .");
      client.hang_up();
      check_alive(stage);
    }
  }
}

TEST_CASE("lengths in every message of a client in a transaction") {
  for (const char tag : std::string_view{"QFPBDECSHdcfX"}) {
    for (const std::uint32_t length : kLengths) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'begin'");
      stage.backend(1).say("C Z(T)");
      client.heard();
      announce(client, tag, length);
      if (impossible(length)) {
        CHECK(client.heard() == "E(FATAL)\"08P01 invalid message length\" .");
      }
      client.hang_up();
      CHECK(stage.backend(1).peer.closed());
      check_alive(stage);
    }
  }
}

TEST_CASE("lengths in the password message") {
  for (const std::uint32_t length : kLengths) {
    InOrder policy;
    Stage stage(policy, {.config = "auth_type = plain", .secrets = {{"app", "secret"}}});
    Caller& client = stage.caller();
    client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    CHECK(client.heard() == "R(3)");
    announce(client, 'p', length);
    CHECK(client.heard().find("E(FATAL)\"08P01 ") == 0);
    CHECK(client.peer.ended());
  }
}

TEST_CASE("lengths in every message of a server that owes an answer") {
  for (int tag = 0; tag < 256; ++tag) {
    for (const std::uint32_t length : kLengths) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'select 1'");
      announce(stage.backend(1), static_cast<char>(tag), length);
      if (impossible(length)) {
        CHECK(client.heard().find("E(FATAL)\"08P01 ") == 0);
        CHECK(stage.backend(1).peer.closed());
      } else {
        stage.backend(1).hang_up();
      }
      check_alive(stage);
    }
  }
}

TEST_CASE("lengths in every message of an idle server") {
  for (int tag = 0; tag < 256; ++tag) {
    for (const std::uint32_t length : kLengths) {
      InOrder policy;
      Stage stage(policy);
      stage.client();
      announce(stage.backend(1), static_cast<char>(tag), length);
      if (impossible(length)) CHECK(stage.backend(1).peer.closed());
      if (!impossible(length)) stage.backend(1).hang_up();
      check_alive(stage);
    }
  }
}

TEST_CASE("lengths in every message of a server that logs in") {
  for (int tag = 0; tag < 256; ++tag) {
    for (const std::uint32_t length : kLengths) {
      InOrder policy;
      Stage stage(policy);
      stage.greeting = "";
      Caller& client = stage.caller();
      client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
      announce(stage.backend(1), static_cast<char>(tag), length);
      CHECK(stage.backend(1).peer.closed());
      stage.greeting = kGreeting;
      stage.wait(kSecond);
      CHECK(client.heard().find("R S") == 0);
    }
  }
}
