// login_end_test.cc: what is under way for a login when its client, its server's place in the
// configuration or the whole program goes.
#include <doctest/doctest.h>

#include "protocol/encode.h"
#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

using Answer = street::Door::Answer;

const std::string kQuestion = "P\"SELECT name, secret FROM users($1)\" B E S";
const std::string kAsksPassword("\0\0\0\3", 4);  // AuthenticationCleartextPassword.

Setting asking(const std::string& type, std::size_t workers = 1) {
  return {.config = "auth_type = " + type +
                    "\nauth_user = asker\nclient_login_timeout = 3\n"
                    "auth_query = SELECT name, secret FROM users($1)\n",
          .workers = workers};
}

// The row of `eve`, whose password is `known`.
Buffer answer() {
  Buffer out = server_bytes("1 2");
  const std::optional<std::string_view> columns[] = {"eve", "known"};
  protocol::put_data_row(out, columns);
  const Buffer end = server_bytes("C'SELECT 1' Z");
  out.insert(out.end(), end.begin(), end.end());
  return out;
}

Caller& knock(Stage& stage, const std::string& user = "eve", std::size_t worker = 0) {
  Caller& client = stage.caller(worker);
  client.say(startup_bytes({{"user", user}, {"database", "shop"}}));
  return client;
}

Setting to_old(const std::string& more = {}) {
  return {.config = more, .shop = "user=app password=of_old"};
}

// The same database, at another host and with that host's password.
void move_shop(Stage& stage, const Setting& setting) {
  std::string text = Stage::config_text(setting);
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"host=db", "host=other"}, {"of_old", "of_other"}}) {
    text.replace(text.find(from), from.size(), to);
  }
  stage.town.reload(text);
  stage.run();
}

}  // namespace

// --- auth_query.

TEST_CASE("auth_query's answer does nothing for a client that has been refused meanwhile") {
  for (const std::string type : {"trust", "plain", "scram-sha-256"}) {
    CAPTURE(type);
    InOrder policy;
    Stage stage(policy, asking(type));
    Caller& late = knock(stage);
    REQUIRE(stage.backend(1).heard() == kQuestion);
    late.peer.set_reading(false);
    late.peer.set_capacity(1);  // It is told, and stays until it has read that.
    stage.wait(3 * kSecond);
    stage.backend(1).say(answer());
    late.peer.set_capacity(4'096);
    late.peer.set_reading(true);
    CHECK(late.heard() == "E(FATAL)\"57014 client_login_timeout\" .");
    CHECK(stage.backends() == 1);
    CHECK(stage.town.commons().clients == 0);
  }
}

TEST_CASE("auth_query's answer for a client that has gone reaches nobody in its place") {
  for (const std::string type : {"trust", "plain", "scram-sha-256"}) {
    CAPTURE(type);
    InOrder policy;
    Stage stage(policy, asking(type));
    Caller& gone = knock(stage);
    REQUIRE(stage.backend(1).heard() == kQuestion);
    gone.hang_up();
    Caller& other = knock(stage, "mallory");
    stage.backend(1).say(answer());
    CHECK(stage.backend(1).heard() == kQuestion);  // For the other one, who waits for its own.
    CHECK(other.heard().empty());
    stage.backend(1).say("1 2 C'SELECT 0' Z");
    other.say("p'known'");
    CHECK(other.heard().find("E(FATAL)") != std::string::npos);
    CHECK(stage.backends() == 1);
  }
}

TEST_CASE("SHUTDOWN WAIT_FOR_SERVERS does not wait for auth_query's answer") {
  for (const std::size_t workers : {1u, 3u}) {
    for (const Answer reached : {Answer::accept, Answer::hang, Answer::refuse}) {
      InOrder policy;
      Stage stage(policy, asking("plain", workers));
      stage.door.answer = reached;
      knock(stage, "eve", workers - 1);
      if (reached == Answer::accept) REQUIRE(stage.backend(1).heard() == kQuestion);
      stage.town.shut_down(proxy::Stop::when_servers_left);
      stage.run();
      CHECK(stage.town.finished());
      CHECK(stage.town.commons().servers == 0);
      CHECK(stage.door.open == 0);
    }
  }
}

TEST_CASE("while SHUTDOWN WAIT_FOR_SERVERS waits for a transaction, auth_query asks no more") {
  InOrder policy;
  Stage stage(policy, asking("trust"));
  Caller& busy = stage.client();
  busy.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  stage.town.shut_down(proxy::Stop::when_servers_left);
  stage.run();
  CHECK(knock(stage).heard().starts_with("E(FATAL)\"57P03"));
  CHECK(stage.backends() == 1);
  busy.say("Q'commit'");
  stage.backend(1).say("C Z");
  stage.run();
  CHECK(stage.town.finished());
}

// --- Servers.

TEST_CASE("a password that a RELOAD brings with another host never goes to the host before") {
  for (const std::string ssl_answer : {"", "N"}) {
    CAPTURE(ssl_answer);
    InOrder policy;
    const Setting setting = to_old("server_tls_sslmode = prefer");
    Stage stage(policy, setting);
    stage.open("other");
    stage.greeting = "";
    stage.ssl_answer = ssl_answer;
    knock(stage, "app");
    Backend& before = stage.backend(1);
    REQUIRE(before.asked_ssl == 1);
    move_shop(stage, setting);
    stage.ssl_answer = "N";
    if (ssl_answer.empty()) before.say(Buffer{'N'});
    before.say(raw_message('R', 8, kAsksPassword));
    // What was begun with the old one may end with it.
    const std::string heard = before.heard();
    CHECK(heard.find("of_other") == std::string::npos);
    if (ssl_answer.empty()) CHECK(before.user.empty());
    before.hang_up();
    stage.wait(5 * kSecond);
    REQUIRE(stage.backends() == 2);
    Backend& after = stage.backend(2);
    CHECK(after.peer.target.host == "other");
    after.say(raw_message('R', 8, kAsksPassword));
    CHECK(after.heard() == "p\"of_other\"");
  }
}
