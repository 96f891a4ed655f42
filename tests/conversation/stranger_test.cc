// stranger_test.cc: what a user that nobody knows hears is what a known one hears with a wrong
// password: the same messages, of the same lengths, in the same words.
#include <doctest/doctest.h>

#include "protocol/encode.h"
#include "protocol/server_login.h"
#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

constexpr const char *kKnown = "known_user", *kUnknown = "other_user";  // Equally long.

std::string scram_secret() {
  return protocol::ScramSecret::from_password("right", Buffer(16, 7), 4'096).text();
}

std::string md5_secret() { return "md5" + std::string(32, 'a'); }

// All that is said to this user, who knows no password: "R23 R96 E103", tags and lengths.
std::string told(Stage& stage, const std::string& user, const std::function<void()>& meanwhile) {
  protocol::ServerLogin login({.user = user, .database = "shop", .secret = "wrong"}, {});
  Caller& client = stage.caller();
  std::string talk;
  Buffer out;
  login.start(out);
  client.say(out);
  meanwhile();
  for (Buffer bytes = client.peer.take(); !bytes.empty(); bytes = client.peer.take()) {
    out.clear();
    for (Bytes left{bytes}; left.size() >= 5;) {
      const std::size_t length = load_u32(left.data() + 1);
      const char tag = static_cast<char>(left[0]);
      talk += tag + std::to_string(length) + " ";
      login.on_message(tag, left.subspan(5, length - 4), out);
      left = left.subspan(1 + length);
    }
    client.say(out);
    meanwhile();
  }
  return talk + login.fault().sqlstate + (client.peer.ended() ? " ended" : "");
}

Setting setting_of(const std::string& type, const std::string& more = {}) {
  return {.config =
              "auth_failures_before_delay = 0\nauth_failures_before_refusal = 0\nauth_type = " +
              type + "\n" + more + "\n"};
}

// PostgreSQL, which knows `known_user` by this secret.
void answer_as_postgres(Stage& stage, const std::string& secret, std::size_t& asked) {
  for (std::size_t i = 1; i <= stage.backends(); ++i) {
    Backend& backend = stage.backend(i);
    if (backend.user != "asker" || backend.heard().empty()) continue;
    Buffer out = server_bytes("1 2");
    const std::optional<std::string_view> columns[] = {kKnown, secret};
    if (++asked % 2 == 1) protocol::put_data_row(out, columns);
    const Buffer end = server_bytes("C'SELECT' Z");
    out.insert(out.end(), end.begin(), end.end());
    backend.say(out);
  }
}

}  // namespace

TEST_CASE("B3: an unknown user hears what a known one hears: auth_file") {
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    for (const std::string& secret : {std::string("right"), md5_secret(), scram_secret()}) {
      CAPTURE(type);
      CAPTURE(secret);
      InOrder policy;
      Setting setting = setting_of(type);
      setting.secrets = {{"app", secret},
                         {"bob", secret},
                         {"boss", secret},
                         {"watcher", secret},
                         {kKnown, secret}};
      Stage stage(policy, setting);
      const std::string known = told(stage, kKnown, [] {});
      CHECK(told(stage, kUnknown, [] {}) == known);
      CHECK(known.find("28P01 ended") != std::string::npos);
    }
  }
}

TEST_CASE("B3: an unknown user hears what a known one hears: auth_query, the first one, too") {
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    for (const std::string& secret : {scram_secret(), md5_secret()}) {
      CAPTURE(type);
      CAPTURE(secret);
      for (const char* const first : {kKnown, kUnknown}) {
        // Before any md5 secret was seen, PostgreSQL is taken to have its own default: SCRAM.
        if (first == kUnknown && secret == md5_secret()) continue;
        CAPTURE(first);
        InOrder policy;
        Stage stage(policy, setting_of(type, "auth_user = asker"));
        std::size_t asked = first == kKnown ? 0 : 1;
        const auto answer = [&] { answer_as_postgres(stage, secret, asked); };
        const std::string one = told(stage, first, answer);
        const std::string other = told(stage, first == kKnown ? kUnknown : kKnown, answer);
        CHECK(one == other);
        CHECK(one.find("28P01 ended") != std::string::npos);
      }
    }
  }
}
