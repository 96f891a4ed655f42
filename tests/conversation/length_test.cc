// length_test.cc: announced lengths that lie, in every message of either side, before and after
// the login: the one connection ends with an SQLSTATE, and no memory is taken on their word.
#include <doctest/doctest.h>
#include <malloc.h>

#include <array>
#include <cstdio>

#include "protocol/encode.h"
#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

constexpr std::array<std::uint32_t, 9> kLengths{
    0xffff'ffff, 0, 1, 2, 3, 0x7fff'ffff, 0x8000'0000, 0xffff'fffe, 0x4000'0004};

// Of a message of a client, its length word counted: PostgreSQL takes no longer ones.
constexpr std::uint32_t kLongMax = 0x3fff'fffe;
constexpr std::uint32_t kShortMax = 10'000;
constexpr std::array<std::uint32_t, 14> kClientLengths{0xffff'ffff, 0,
                                                       1,           2,
                                                       3,           5,
                                                       0x7fff'ffff, 0x8000'0000,
                                                       0xffff'fffe, 0x4000'0000,
                                                       kLongMax,    kLongMax + 1,
                                                       kShortMax,   kShortMax + 1};

constexpr std::uint32_t kServerMax = 0x4000'0003;  // Of a message of a server.

bool impossible(std::uint32_t length) { return length < 4 || length > kServerMax; }

// What a client hears after the header of a message; nothing while the body may still come.
std::string complaint(char tag, std::uint32_t length) {
  if (impossible(length)) return "E(FATAL)\"08P01 invalid message length\" .";
  const bool is_long = std::string_view{"QPBFd"}.find(tag) != std::string_view::npos;
  const bool is_short = std::string_view{"DECSHcfX"}.find(tag) != std::string_view::npos;
  if (!is_long && !is_short) {
    std::array<char, 5> hex{};
    std::snprintf(hex.data(), hex.size(), "0x%02x", static_cast<unsigned char>(tag));
    return std::string{"E(FATAL)\"08P01 invalid frontend message type "} + hex.data() + "\" .";
  }
  const bool too_long = length > (is_long ? kLongMax : kShortMax);
  return too_long ? "E(FATAL)\"08P01 invalid message length\" ." : "";
}

std::size_t memory_taken() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// Says one header, and looks at what it cost.
template <typename Speaker>
void announce(Speaker& speaker, char tag, std::uint32_t length) {
  const Buffer header = raw_message(tag, length);
  const std::size_t before = memory_taken();
  speaker.say(header);
  CHECK(memory_taken() < before + 1024 * 1024);
}

const Setting kScram{.config = "auth_type = scram-sha-256", .secrets = {{"app", "secret"}}};

// Which SCRAM message of the client's is to come: the one that names the mechanism, the one that
// answers an empty challenge, the one with the proof.
enum class Turn { initial, first, last };

Caller& scram_client(Stage& stage, Turn turn) {
  Caller& client = stage.caller();
  client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  CHECK(client.heard() == "R(10)");
  if (turn == Turn::initial) return client;
  const std::string mechanism{"SCRAM-SHA-256\0", 14};
  if (turn == Turn::first) {
    client.say(raw_message('p', 22, mechanism + "\xff\xff\xff\xff"));
  } else {
    Buffer initial;
    protocol::put_sasl_initial_response(initial, "SCRAM-SHA-256", "n,,n=,r=abcdefghijklmnop");
    client.say(initial);
  }
  CHECK(client.heard() == "R(11)");
  return client;
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
    for (const std::uint32_t length : kClientLengths) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      Caller& client = stage.client();
      announce(client, static_cast<char>(tag), length);
      CHECK(client.heard() == complaint(static_cast<char>(tag), length));
      client.hang_up();
      check_alive(stage);
    }
  }
}

TEST_CASE("lengths in every message of a client in a transaction") {
  for (const char tag : std::string_view{"QFPBDECSHdcfXpz"}) {
    for (const std::uint32_t length : kClientLengths) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'begin'");
      stage.backend(1).say("C Z(T)");
      client.heard();
      stage.backend(1).heard();
      announce(client, tag, length);
      const std::string wanted = complaint(tag, length);
      CHECK(client.heard() == wanted);
      CHECK(stage.backend(1).peer.closed() == !wanted.empty());
      const bool passes = wanted.empty() && tag != 'X';
      if (wanted.empty()) CHECK(stage.backend(1).heard() == (passes ? "..." : ""));
      client.hang_up();
      CHECK(stage.backend(1).peer.closed());
      check_alive(stage);
    }
  }
}

TEST_CASE("messages of PostgreSQL's longest pass, whole") {
  for (const char tag : std::string_view{"DECSHcf"}) {
    InOrder policy;
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    stage.backend(1).heard();
    client.heard();
    client.say(raw_message(tag, kShortMax, std::string(kShortMax - 4, 'S')));
    CHECK(stage.backend(1).heard().substr(0, 1) == std::string(1, tag));
    CHECK(client.heard().empty());
  }
}

TEST_CASE("a Terminate is one when all of it is there") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.say("Q'select 1'");
  client.say(raw_message('X', 6));
  stage.backend(1).say("T D C Z");
  CHECK(client.heard() == "T D C Z");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
  client.say(Buffer{'x', 'x'});
  CHECK(client.heard() == ".");
  check_alive(stage);
  CHECK(stage.backends() == 1);
}

TEST_CASE("a client that vanishes in the middle of its Terminate has its query cancelled") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.client();
  client.say("Q'select 1'");
  client.say(raw_message('X', 6));
  client.hang_up();
  CHECK(stage.backend(1).heard().ends_with("."));
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).is_cancel);
}

TEST_CASE("a Terminate instead of a password") {
  for (const std::uint32_t length : {3u, 4u, 5u, 10'000u, 10'001u, 0x7fff'ffffu, 0xffff'ffffu}) {
    INFO("length " << length);
    InOrder policy;
    Stage stage(policy, {.config = "auth_type = plain", .secrets = {{"app", "secret"}}});
    Caller& client = stage.caller();
    client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    CHECK(client.heard() == "R(3)");
    announce(client, 'X', length);
    const std::string heard = client.heard();
    CHECK((length == 4 ? heard == "." : heard.find("E(FATAL)\"08P01 ") == 0));
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

TEST_CASE("lengths in each of the client's SCRAM messages") {
  for (const Turn turn : {Turn::initial, Turn::first, Turn::last}) {
    for (const std::uint32_t length : kLengths) {
      INFO("message " << static_cast<int>(turn) << " length " << length);
      InOrder policy;
      Stage stage(policy, kScram);
      Caller& client = scram_client(stage, turn);
      announce(client, 'p', length);
      CHECK(client.heard() == "E(FATAL)\"08P01 invalid password message length\" .");
    }
  }
}

TEST_CASE("SCRAM messages that are longer than any may be") {
  for (const std::size_t size : {8'193u, 65'500u, 1'048'576u}) {
    const std::string much(size, 'r');
    const std::string first = "n,,n=,r=" + much, last = "c=biws,r=" + much;
    const auto big = [](std::string_view text) {
      return static_cast<std::uint32_t>(text.size() + 4);
    };
    Buffer initial;
    protocol::put_sasl_initial_response(initial, "SCRAM-SHA-256", first);
    const std::pair<Turn, Buffer> messages[] = {{Turn::initial, initial},
                                                {Turn::first, raw_message('p', big(first), first)},
                                                {Turn::last, raw_message('p', big(last), last)}};
    for (const auto& [turn, message] : messages) {
      INFO("message " << static_cast<int>(turn) << " of " << size);
      InOrder policy;
      Stage stage(policy, kScram);
      Caller& client = scram_client(stage, turn);
      client.say(message);
      CHECK(client.heard().find("E(FATAL)\"08P01 ") == 0);
      CHECK(client.peer.ended());
      CHECK(stage.backends() == 0);
    }
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
      REQUIRE(impossible(length));
      CHECK(client.heard() ==
            "E(FATAL)\"08P01 the server sent a message of an impossible length\" .");
      CHECK(stage.backend(1).peer.closed());
      check_alive(stage);
      CHECK(stage.backends() == 2);
    }
  }
}

TEST_CASE("of a server rows, copied data and notices of PostgreSQL's longest pass") {
  for (const char tag : std::string_view{"DdN"}) {
    InOrder policy;
    Stage stage(policy);
    Caller& client = stage.client();
    client.say("Q'select 1'");
    announce(stage.backend(1), tag, kServerMax);
    CHECK(client.heard() == "...");
    CHECK_FALSE(stage.backend(1).peer.ended());
  }
}

TEST_CASE("a length that lies behind ReadyForQuery costs the server, not the client") {
  for (const char tag : std::string_view{"NSACDZ?"}) {
    for (const std::uint32_t length : {0u, 3u, 0x4000'0004u, 0x7fff'ffffu, 0xffff'ffffu}) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      Caller& client = stage.client();
      client.say("Q'select 1'");
      Buffer bytes = server_bytes("T D C Z");
      const Buffer header = raw_message(tag, length);
      bytes.insert(bytes.end(), header.begin(), header.end());
      stage.backend(1).say(bytes);
      CHECK(client.heard() == "T D C Z");
      CHECK(stage.backend(1).peer.closed());
      client.say("Q'select 2'");
      CHECK(stage.backend(2).heard() == "Q\"select 2\"");
    }
  }
}

TEST_CASE("lengths in every message of an idle server") {
  for (int tag = 0; tag < 256; ++tag) {
    for (const std::uint32_t length : kLengths) {
      INFO("tag " << tag << " length " << length);
      InOrder policy;
      Stage stage(policy);
      stage.client();
      announce(stage.backend(1), static_cast<char>(tag), length);
      CHECK(stage.backend(1).peer.closed());
      check_alive(stage);
      CHECK(stage.backends() == 2);
    }
  }
}

TEST_CASE("an idle server in the middle of a message is given to nobody") {
  const std::string body(30, 'b');
  for (const char tag : std::string_view{"NSAE"}) {
    for (const std::uint32_t length : {34u, 35u, 2'000u, 16'384u, kServerMax}) {
      const Buffer said = raw_message(tag, length, body);
      for (const std::size_t cut : {std::size_t{1}, std::size_t{4}, std::size_t{5}, said.size()}) {
        if (cut == said.size() && length == 34) continue;  // A whole one.
        INFO(tag << " length " << length << " of which come " << cut);
        InOrder policy;
        Stage stage(policy, {.config = "default_pool_size = 1\nserver_check_query = select 7"});
        stage.client();
        stage.wait(60 * kSecond);  // It would be tested, too.
        stage.backend(1).say(Buffer(said.begin(), said.begin() + static_cast<long>(cut)));
        Caller& client = stage.client();
        client.say("Q'select 1'");
        CHECK(stage.backend(1).heard() == "X .");
        CHECK(stage.backend(1).peer.closed());
        REQUIRE(stage.backends() == 2);
        CHECK(stage.backend(2).heard() == "Q\"select 1\"");
        stage.backend(2).say("T D C Z");
        CHECK(client.heard() == "T D C Z");
      }
    }
  }
}

TEST_CASE("an idle server in the middle of a message is not lent to another worker") {
  InOrder policy;
  Stage stage(policy, {.config = "default_pool_size = 1", .workers = 2});
  stage.client(0);
  stage.backend(1).say(raw_message('N', 100));
  Caller& client = stage.client(1);
  client.say("Q'select 1'");
  CHECK(stage.backend(1).peer.closed());
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).heard() == "Q\"select 1\"");
  CHECK(stage.town.log.contains("idle server in the middle of a message"));
}

TEST_CASE("a report that an idle server says in two pieces costs it nothing") {
  const Buffer report = server_bytes("S'TimeZone=UTC'");
  for (std::size_t cut = 1; cut < report.size(); ++cut) {
    InOrder policy;
    Stage stage(policy);
    Caller& client = stage.client();
    const auto middle = report.begin() + static_cast<long>(cut);
    stage.backend(1).say(Buffer(report.begin(), middle));
    stage.backend(1).say(Buffer(middle, report.end()));
    client.say("Q'select 1'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\"");
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
