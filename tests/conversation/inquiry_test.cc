// inquiry_test.cc: auth_query answers that lie, come late or never, and what is kept of them.
#include <doctest/doctest.h>

#include "protocol/encode.h"
#include "protocol/server_login.h"
#include "proxy/inquiry.h"
#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kQuestion = "P\"SELECT name, secret FROM users($1)\" B E S";
const std::string kCannot = "E(FATAL)\"57P03 the pooler cannot look up users now\" .";

std::string refusal(const std::string& user) {
  return "E(FATAL)'28P01 password authentication failed for user \"" + user + "\"' .";
}

Setting asking(const std::string& more = {}, std::size_t workers = 1) {
  return {.config =
              "auth_type = plain\nauth_user = asker\n"
              "auth_query = SELECT name, secret FROM users($1)\n"
              "auth_failures_before_delay = 0\nauth_failures_before_refusal = 0\n" +
              more + "\n",
          .workers = workers};
}

// The row of a user, as it should be.
Buffer row(std::string_view user, std::string_view secret) {
  Buffer out;
  const std::optional<std::string_view> columns[] = {user, secret};
  protocol::put_data_row(out, columns);
  return out;
}

Buffer answer(std::string_view user, std::string_view secret) {
  Buffer out = server_bytes("1 2");
  const Buffer of = row(user, secret);
  const Buffer end = server_bytes("C'SELECT 1' Z");
  out.insert(out.end(), of.begin(), of.end());
  out.insert(out.end(), end.begin(), end.end());
  return out;
}

Caller& knock(Stage& stage, const std::string& user = "eve", std::size_t worker = 0) {
  Caller& client = stage.caller(worker);
  client.say(startup_bytes({{"user", user}, {"database", "shop"}}));
  return client;
}

bool entered(const std::string& heard) { return heard.find("R S") != std::string::npos; }

// The newest connection that asks.
Backend& asker(Stage& stage) {
  for (std::size_t i = stage.backends(); i >= 1; --i) {
    if (stage.backend(i).user == "asker") return stage.backend(i);
  }
  return stage.backend(0);
}

std::size_t askers(Stage& stage) {
  std::size_t count = 0;
  for (std::size_t i = 1; i <= stage.backends(); ++i) {
    if (stage.backend(i).user == "asker") ++count;
  }
  return count;
}

// Proves itself as a client with this password, whatever it is asked by. `meanwhile` is called
// whenever nothing more comes.
bool logs_in(Stage& stage, const std::string& password, const std::function<void()>& meanwhile) {
  protocol::ServerLogin login({.user = "eve", .database = "shop", .secret = password}, {});
  Caller& client = stage.caller();
  Buffer out;
  login.start(out);
  client.say(out);
  meanwhile();
  for (Buffer bytes = client.peer.take(); !bytes.empty(); bytes = client.peer.take()) {
    Bytes left{bytes};
    out.clear();
    while (left.size() >= 5) {
      const std::size_t length = load_u32(left.data() + 1);
      const char tag = static_cast<char>(left[0]);
      const auto step = login.on_message(tag, left.subspan(5, length - 4), out);
      if (step != protocol::ServerLogin::Step::more) {
        return step == protocol::ServerLogin::Step::welcomed;
      }
      left = left.subspan(1 + length);
    }
    client.say(out);
    meanwhile();
  }
  return false;
}

}  // namespace

TEST_CASE("an answer, however it is cut, lets in whom it knows") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, asking());
    Caller& client = knock(stage);
    REQUIRE(stage.backends() == 1);
    CHECK(stage.backend(1).user == "asker");
    CHECK(stage.backend(1).heard() == kQuestion);
    CHECK(client.heard().empty());
    stage.backend(1).say(answer("eve", "known"));
    CHECK(client.heard() == "R(3)");
    client.say("p'known'");
    CHECK(entered(client.heard()));
    CHECK(stage.backend(2).user == "eve");
    CHECK(stage.backend(1).heard().empty());
  });
}

TEST_CASE("B2: answers that lie let nobody in") {
  using namespace std::string_literals;
  const auto text = [](const Buffer& bytes) { return std::string(bytes.begin(), bytes.end()); };
  const auto data = [&](const std::string& body) {
    return text(raw_message('D', static_cast<std::uint32_t>(4 + body.size()), body));
  };
  const std::string begin = text(server_bytes("1 2")), end = text(server_bytes("C'x' Z"));
  const std::string eve = text(row("eve", "known"));
  const std::string unknown[] = {begin + end,
                                 begin + data("\0\2\0\0\0\3eve\xff\xff\xff\xff"s) + end,
                                 begin + data("\0\2\xff\xff\xff\xff\0\0\0\5known"s) + end,
                                 begin + text(row("Eve", "known")) + end,
                                 begin + text(row("eve ", "known")) + end,
                                 begin + text(row("", "known")) + end,
                                 begin + text(row("eve", "")) + end};
  const std::string failed[] = {begin + eve + eve + end,
                                begin + eve + text(row("bob", "x")) + end,
                                begin + data("") + end,
                                begin + data("\0"s) + end,
                                begin + data("\0\0"s) + end,
                                begin + data("\0\1\0\0\0\3eve"s) + end,
                                begin + data("\0\2\0\0\0\3eve"s) + end,
                                begin + data("\0\2\0\0\0\3eve\0\0\0\6known"s) + end,
                                begin + data("\0\2\0\0\0\3eve\x7f\xff\xff\xffknown"s) + end,
                                begin + data("\0\2\x80\0\0\0eve\0\0\0\5known"s) + end,
                                begin + data("\0\3\0\0\0\3eve\0\0\0\5known"s) + end,
                                begin + data("\xff\xff\0\0\0\3eve\0\0\0\5known"s) + end,
                                begin + eve + text(server_bytes("E'XX000 oops' Z")),
                                begin + eve + text(server_bytes("E Z")),
                                begin + eve + text(server_bytes("C'x' Z(T)")),
                                begin + eve + text(server_bytes("C'x' Z(E)"))};
  const std::string broken[] = {begin + eve + "",
                                begin + text(server_bytes("T")) + eve + end,
                                begin + text(server_bytes("G")),
                                begin + text(server_bytes("H")) + eve + end,
                                begin + text(server_bytes("R")) + eve + end,
                                begin + text(server_bytes("K(1)")) + eve + end,
                                begin + eve + "D\0\0\0\3"s,
                                begin + "D\x7f\xff\xff\xff\0\2"s,
                                begin + eve + "\0\0\0\0\0"s};
  const auto heard_after = [&](const std::string& bytes, int times) {
    InOrder policy;
    Stage stage(policy, asking());
    Caller& client = knock(stage);
    for (int i = 0; i < times; ++i) {
      REQUIRE(asker(stage).heard() == kQuestion);
      asker(stage).say(Buffer(bytes.begin(), bytes.end()));
      if (bytes.size() == begin.size() + eve.size()) asker(stage).hang_up();
      if (times > 1) stage.wait(2 * kSecond);
    }
    std::string heard = client.heard();
    client.say("p'known'");
    heard += " " + client.heard();
    CHECK(stage.town.log.contains("auth_query") ==
          (heard.find("57P03") != std::string::npos || stage.town.log.contains("another user")));
    return heard;
  };
  for (const std::string& bytes : unknown) {
    CAPTURE(bytes);
    CHECK(heard_after(bytes, 1) == "R(3) " + refusal("eve"));
  }
  for (const std::string& bytes : failed) {
    CAPTURE(bytes);
    CHECK(heard_after(bytes, 1) == kCannot + " .");
  }
  for (const std::string& bytes : broken) {
    CAPTURE(bytes);
    CHECK(heard_after(bytes, 2) == kCannot + " .");
  }
}

TEST_CASE("who says something unasked while nobody asks is asked no more") {
  for (const std::string unasked : {"Z", "D'x' C'x' Z", "E'57P01 going' ", "1 2"}) {
    CAPTURE(unasked);
    InOrder policy;
    Stage stage(policy, asking());
    Caller& first = knock(stage);
    asker(stage).heard();
    asker(stage).say(answer("eve", "known"));
    CHECK(first.heard() == "R(3)");
    asker(stage).say(unasked);
    CHECK(asker(stage).heard() == "X .");
    Caller& second = knock(stage);
    CHECK(askers(stage) == 2);
    CHECK(asker(stage).heard() == kQuestion);
    asker(stage).say(answer("eve", "known"));
    CHECK(second.heard() == "R(3)");
  }
}

TEST_CASE("a question that nobody answers is given up, and holds up no other") {
  InOrder policy;
  Stage stage(policy, asking("client_login_timeout = 0"));
  Caller& eve = knock(stage, "eve");
  Caller& mallory = knock(stage, "mallory");
  for (int i = 0; i < proxy::kQuestionTriesMax; ++i) {
    CHECK(asker(stage).heard() == kQuestion);
    CHECK(eve.heard().empty());
    stage.wait(proxy::kAnswerWaitMax + proxy::kInquiryRetry);
  }
  CHECK(eve.heard() == kCannot);
  CHECK(stage.town.log.contains("auth_query cannot be asked: no answer"));
  stage.wait(2 * kSecond);
  CHECK(asker(stage).heard() == kQuestion);
  asker(stage).say(answer("mallory", "known"));
  CHECK(mallory.heard() == "R(3)");
}

TEST_CASE("client_login_timeout ends who waits; the answer that comes late is nobody's") {
  InOrder policy;
  Stage stage(policy, asking("client_login_timeout = 3"));
  Caller& late = knock(stage);
  asker(stage).heard();
  stage.wait(4 * kSecond);
  CHECK(late.heard() == "E(FATAL)\"57014 client_login_timeout\" .");
  Caller& other = knock(stage, "app");  // In the place of the one before, and asked by auth_file.
  CHECK(other.heard() == "R(3)");
  asker(stage).say(answer("eve", "known"));
  other.say("p'known'");
  CHECK(other.heard() == refusal("app"));
}

TEST_CASE("clients that ask for the same user at once ask once") {
  InOrder policy;
  Stage stage(policy, asking({}, 3));
  std::vector<Caller*> clients;
  for (std::size_t i = 0; i < 9; ++i) clients.push_back(&knock(stage, "eve", i % 3));
  CHECK(askers(stage) == 1);
  CHECK(asker(stage).heard() == kQuestion);
  asker(stage).say(answer("eve", "known"));
  // Those who came when it had been asked: it may have been answered before something changed.
  CHECK(asker(stage).heard() == kQuestion);
  asker(stage).say(answer("eve", "known"));
  CHECK(asker(stage).heard().empty());
  for (Caller* const client : clients) CHECK(client->heard() == "R(3)");
}

TEST_CASE("a RELOAD while a question is under way: its answer counts, the next is the new one") {
  InOrder policy;
  Stage stage(policy, asking());
  Caller& first = knock(stage);
  asker(stage).heard();
  Setting other = asking("auth_query = SELECT another($1)");
  stage.town.reload(Stage::config_text(other));
  stage.run();
  Backend& before = asker(stage);
  before.say(answer("eve", "known"));
  CHECK(first.heard() == "R(3)");
  CHECK(before.heard() == "X .");
  knock(stage, "mallory");
  CHECK(asker(stage).heard() == "P\"SELECT another($1)\" B E S");
}

TEST_CASE("what a client sends behind its password while it is asked for afresh is run once") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, asking("auth_query_cache_time = 60"));
    Caller& first = knock(stage);
    asker(stage).heard();
    asker(stage).say(answer("eve", "before"));
    first.say("p'before'");
    CHECK(entered(first.heard()));
    stage.wait(2 * kSecond);
    Caller& client = knock(stage);
    CHECK(client.heard() == "R(3)");
    client.say("p'changed' Q'select 1'");
    CHECK(client.heard().empty());
    CHECK(asker(stage).heard() == kQuestion);
    asker(stage).say(answer("eve", "changed"));
    CHECK(entered(client.heard()));
    CHECK(stage.backend(2).heard() == "Q\"select 1\"");
    stage.backend(2).say("T D C Z");
    CHECK(client.heard() == "T D C Z");
  });
}

TEST_CASE("auth_query_cache_time: asked again when it is over, or for a wrong password") {
  InOrder policy;
  Stage stage(policy, asking("auth_query_cache_time = 60"));
  knock(stage);
  CHECK(asker(stage).heard() == kQuestion);
  asker(stage).say(answer("eve", "known"));
  stage.wait(2 * kSecond);
  for (int i = 0; i < 5; ++i) {
    Caller& client = knock(stage);
    client.say("p'known'");
    CHECK(entered(client.heard()));
  }
  CHECK(asker(stage).heard().empty());
  std::vector<Caller*> guesses;
  for (int i = 0; i < 5; ++i) {
    guesses.push_back(&knock(stage));
    guesses.back()->say("p'wrong'");
  }
  // One question for the first, one for those who came when it had been asked, and no more.
  for (int i = 0; i < 2; ++i) {
    CHECK(asker(stage).heard() == kQuestion);
    asker(stage).say(answer("eve", "known"));
  }
  for (Caller* const guess : guesses) CHECK(guess->heard() == "R(3) " + refusal("eve"));
  for (int i = 0; i < 5; ++i) {
    Caller& client = knock(stage);
    client.say("p'wrong'");
    CHECK(client.heard() == "R(3) " + refusal("eve"));
  }
  CHECK(asker(stage).heard().empty());
  stage.wait(61 * kSecond);
  knock(stage);
  CHECK(asker(stage).heard() == kQuestion);
}

TEST_CASE("a password that was changed, with answers kept: at the first try, by SCRAM the second") {
  const auto scram = [](const std::string& password, std::uint8_t salt) {
    return protocol::ScramSecret::from_password(password, Buffer(16, salt), 4'096).text();
  };
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    CAPTURE(type);
    InOrder policy;
    Stage stage(policy, asking("auth_query_cache_time = 3600\nauth_type = " + type));
    const bool hashed = type == "scram-sha-256";
    std::string secret = hashed ? scram("before", 1) : "before";
    const auto tell = [&] {
      if (askers(stage) == 0) return;
      while (asker(stage).heard() == kQuestion) asker(stage).say(answer("eve", secret));
    };
    CHECK(logs_in(stage, "before", tell));
    secret = hashed ? scram("changed", 2) : "changed";
    stage.wait(2 * kSecond);
    CHECK(logs_in(stage, "changed", tell) == !hashed);
    CHECK(logs_in(stage, "changed", tell));
    CHECK_FALSE(logs_in(stage, "before", tell));
  }
}
