// password_command_test.cc: when the command runs, how long its output is used, and what happens
// when it fails or prints what the server refuses.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

constexpr const char* kAsksPassword = "R(3)";

// AuthenticationCleartextPassword instead of a greeting, and the greeting once it is right.
struct Guarded {
  Stage stage;
  std::string right = "printed";

  explicit Guarded(InOrder& policy, const std::string& config = {}, std::size_t workers = 1)
      : stage(policy, {.config = "server_lifetime = 0\n" + config,
                       .workers = workers,
                       .shop = "user=token password_command=print"}) {
    stage.town.net.commands["print"] = "printed";
    stage.greeting = "";
  }
  std::size_t runs() const { return stage.town.net.commands_run; }
  // The server asks for the password, hears it, and greets or refuses.
  std::string let_in(std::size_t number) {
    Backend& backend = stage.backend(number);
    backend.say(raw_message('R', 8, std::string("\0\0\0\3", 4)));
    const std::string heard = backend.heard();
    backend.say(heard == "p\"" + right + "\""
                    ? "R S'client_encoding=UTF8' S'DateStyle=ISO, MDY' S'TimeZone=UTC' "
                      "S'standard_conforming_strings=on' S'application_name=' "
                      "S'IntervalStyle=postgres' K(101) Z"
                    : "E(FATAL)'28P01 wrong'");
    return heard;
  }
  Caller& knock(std::size_t worker = 0) {
    Caller& client = stage.caller(worker);
    client.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
    return client;
  }
  // A transaction, for which a server logs in that goes when it is done.
  void transaction(Caller& client, std::size_t number) {
    client.say("Q'select 1'");
    REQUIRE(stage.backends() == number);
    CHECK(let_in(number) == "p\"" + right + "\"");
    CHECK(stage.backend(number).heard() == "Q\"select 1\"");
    stage.backend(number).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
    CHECK(stage.backend(number).heard() == "X .");
    stage.backend(number).hang_up();
  }
};

}  // namespace

TEST_CASE("what a command prints is used until password_command_cache_time is over") {
  InOrder policy;
  Guarded story(policy, "password_command_cache_time = 10");
  Caller& client = story.knock();
  CHECK(story.let_in(1) == "p\"printed\"");
  CHECK(client.heard().find("Z") != std::string::npos);
  client.say("Q'select 1'");
  story.stage.backend(1).say("T D C Z");
  story.stage.backend(1).hang_up();
  client.heard();
  for (std::size_t number = 2; number < 5; ++number) story.transaction(client, number);
  CHECK(story.runs() == 1);
  story.right = story.stage.town.net.commands["print"] = "printed later";
  story.stage.wait(11 * kSecond);
  story.transaction(client, 5);
  CHECK(story.runs() == 2);
}

TEST_CASE("with a cache time of 0 it runs once for each login") {
  for (const std::size_t workers : {1u, 3u}) {
    InOrder policy;
    Guarded story(policy, "password_command_cache_time = 0", workers);
    Caller& client = story.knock(workers - 1);
    CHECK(story.let_in(1) == "p\"printed\"");
    client.say("Q'select 1'");
    story.stage.backend(1).say("T D C Z");
    story.stage.backend(1).hang_up();
    client.heard();
    CHECK(story.runs() == 1);
    for (std::size_t number = 2; number < 5; ++number) {
      story.transaction(client, number);
      CHECK(story.runs() == number);
    }
  }
}

TEST_CASE("it runs once for all workers that wait for it") {
  InOrder policy;
  policy.letters_take = kMillisecond;
  Guarded story(policy, {}, 3);
  for (std::size_t worker = 0; worker < 3; ++worker) story.knock(worker);
  story.stage.wait(kSecond / 10);
  CHECK(story.runs() == 1);
  for (std::size_t number = 1; number <= story.stage.backends(); ++number) {
    CHECK(story.let_in(number) == "p\"printed\"");
  }
}

TEST_CASE("one that the server refuses is thrown away, and the command asked again at once") {
  InOrder policy;
  Guarded story(policy);
  Caller& client = story.knock();
  story.right = "printed later";
  story.stage.town.net.commands["print"] = "printed later";
  // It had printed before: what is kept is refused, what it prints now is not.
  CHECK(story.runs() == 1);
  CHECK(story.let_in(1) == "p\"printed\"");
  REQUIRE(story.stage.backends() == 2);
  CHECK(story.let_in(2) == "p\"printed later\"");
  CHECK(story.runs() == 2);
  CHECK(client.heard().find("Z") != std::string::npos);
}

TEST_CASE("a command that fails: clients wait, then hear that it did; it is tried again") {
  InOrder policy;
  Guarded story(policy, "query_wait_timeout = 5\nserver_login_retry = 1");
  story.stage.town.net.commands.clear();
  Caller& client = story.knock();
  story.stage.wait(6 * kSecond);
  CHECK(client.heard().find("query_wait_timeout") != std::string::npos);
  CHECK(story.stage.town.log.contains("password_command failed: no such command"));
  story.stage.town.net.commands["print"] = "printed";
  Caller& other = story.knock();
  const auto refused = [&] { return story.stage.backend(story.stage.backends()).peer.closed(); };
  for (int i = 0; i < 40 && refused(); ++i) story.stage.wait(kSecond / 10);
  CHECK(story.let_in(story.stage.backends()) == "p\"printed\"");
  CHECK(other.heard().find("Z") != std::string::npos);
}
