// rotation_story_test.cc: a user with two SCRAM secrets, and what the servers of a pool log in with
// when their clients prove themselves in different ways.
#include <doctest/doctest.h>

#include "protocol/scram.h"
#include "protocol/server_login.h"
#include "tests/conversation/story.h"
#include "tests/unit/proxy/config/scratch_directory.h"

using namespace weir;
using namespace weir::story;

namespace {

constexpr const char* kWrong = "28P01";

std::string scram(const std::string& password, std::uint8_t salt) {
  return protocol::ScramSecret::from_password(password, Buffer(16, salt), 4'096).text();
}

Setting by(const std::string& type, const std::string& more = {}) {
  return {.config = "auth_type = " + type +
                    "\nauth_failures_before_delay = 0\nauth_failures_before_refusal = 0\n" + more};
}

// `eve` has a secret of each password, `bob` one; `mallory` is nobody.
struct Rotating {
  ScratchDirectory files;
  Stage stage;

  explicit Rotating(InOrder& policy)
      : stage(policy, by("scram-sha-256",
                         "auth_file = " +
                             files.write("users", "\"eve\" \"" + scram("old one", 1) + "\" \"" +
                                                      scram("new one", 2) + "\"\n\"bob\" \"" +
                                                      scram("his", 3) + "\"\n"))) {}
};

struct Told {
  std::string talk;  // Tags and lengths: "R23 R92 E95".
  std::string sqlstate;
  bool in = false;
};

// A login by SCRAM. `uid`: by unix socket, which is another address.
Told try_out(Stage& stage, const std::string& user, const std::string& password,
             std::optional<std::uint32_t> uid = {}) {
  protocol::ServerLogin login({.user = user, .database = "shop", .secret = password}, {});
  Caller& client = stage.caller(0, uid);
  Told told;
  Buffer out;
  login.start(out);
  client.say(out);
  for (Buffer bytes = client.peer.take(); !bytes.empty(); bytes = client.peer.take()) {
    out.clear();
    for (Bytes left{bytes}; left.size() >= 5;) {
      const std::size_t length = load_u32(left.data() + 1);
      const char tag = static_cast<char>(left[0]);
      const auto step = login.on_message(tag, left.subspan(5, length - 4), out);
      told.in = told.in || step == protocol::ServerLogin::Step::welcomed;
      told.talk += tag + std::to_string(length) + " ";
      left = left.subspan(1 + length);
    }
    client.say(out);
  }
  if (!told.in) told.sqlstate = login.fault().sqlstate;
  client.hang_up();
  return told;
}

int tries_of(Stage& stage, const std::string& password, std::optional<std::uint32_t> uid = {}) {
  for (int tries = 1; tries <= 4; ++tries) {
    if (try_out(stage, "eve", password, uid).in) return tries;
  }
  return 99;
}

}  // namespace

TEST_CASE("two SCRAM secrets: either password comes in within two tries from one address") {
  InOrder policy;
  Rotating story(policy);
  for (const char* const password :
       {"old one", "new one", "new one", "old one", "new one", "old one"}) {
    CAPTURE(password);
    CHECK(tries_of(story.stage, password) <= 2);
  }
  CHECK_FALSE(try_out(story.stage, "eve", "third").in);
}

TEST_CASE("two SCRAM secrets: failures from one address cost another one no try") {
  for (int failures = 0; failures <= 3; ++failures) {
    InOrder policy;
    Rotating story(policy);
    for (int i = 0; i < failures; ++i) CHECK(try_out(story.stage, "eve", "x").sqlstate == kWrong);
    CHECK(tries_of(story.stage, "old one", 77) == 1);
    CHECK(tries_of(story.stage, "new one", 78) == 2);
  }
}

TEST_CASE("two SCRAM secrets: a stranger hears what he hears of one, and of nobody") {
  InOrder policy;
  Rotating story(policy);
  for (int i = 0; i < 4; ++i) {
    const Told of_two = try_out(story.stage, "eve", "x");
    const Told of_one = try_out(story.stage, "bob", "x");
    const Told of_none = try_out(story.stage, "joe", "x");
    CHECK(of_two.sqlstate == kWrong);
    CHECK(of_two.talk == of_one.talk);
    CHECK(of_two.talk == of_none.talk);
  }
}

TEST_CASE("a login by trust takes nothing from what the pool's servers log in with") {
  InOrder policy;
  Setting setting = by("plain", "server_lifetime = 0\n");
  setting.secrets = {{"app", scram("known", 1)}};
  Stage stage(policy, setting);
  stage.greeting = "";
  const auto serve = [&](std::size_t number) {
    REQUIRE(stage.backends() == number);
    Backend& backend = stage.backend(number);
    backend.say(raw_message('R', 8, std::string("\0\0\0\3", 4)));
    CHECK(backend.heard() == "p\"known\"");
    std::string greeting{kGreeting};
    backend.say(greeting.replace(greeting.find("{pid}"), 5, "7"));
  };
  Caller& proved = stage.caller();
  proved.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  proved.say("p'known'");
  serve(1);
  stage.town.reload(Stage::config_text(by("trust", "server_lifetime = 0\n")));
  stage.run();
  Caller& trusted = stage.client();
  trusted.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  stage.backend(1).hang_up();
  trusted.heard();
  trusted.say("Q'select 2'");
  serve(2);
  CHECK(stage.backend(2).heard() == "Q\"select 2\"");
}
