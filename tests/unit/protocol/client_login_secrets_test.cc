// ClientLogin with several secrets, with fresh ones after a failure, with keys and with PLUS.
#include <doctest/doctest.h>

#include "protocol/secret.h"
#include "tests/unit/protocol/login_talk.h"
#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;
using Step = ClientLogin::Step;

namespace {

Step plain_login(ClientLogin& login, const std::string& password) {
  Buffer out;
  REQUIRE(login.start(out) == Step::more);
  const Step step = login.on_message(as_bytes({password.c_str(), password.size() + 1}), out);
  if (step == Step::proved) CHECK(login.plain_password() == password);
  return step;
}

// Answers AuthenticationMD5Password.
Step md5_login(ClientLogin& login, const std::string& password) {
  Buffer out;
  REQUIRE(login.start(out) == Step::more);
  REQUIRE(heard(out)->kind == Authentication::Kind::md5);
  const auto answer = *md5_answer(*md5_secret(password, "alice"), test_entropy().md5_salt);
  return login.on_message(as_bytes({answer.c_str(), answer.size() + 1}), out);
}

Step plain_login(std::vector<std::string> secrets, const std::string& password) {
  ClientLogin login(login_options(AuthType::plain, std::move(secrets)));
  return plain_login(login, password);
}

Step md5_login(std::vector<std::string> secrets, const std::string& password) {
  ClientLogin login(login_options(AuthType::md5, std::move(secrets)));
  return md5_login(login, password);
}

Step scram_login(std::vector<std::string> secrets, std::string_view password, std::size_t offer = 0,
                 AuthType type = AuthType::scram_sha_256) {
  auto options = login_options(type, std::move(secrets));
  options.offer = offer;
  ClientLogin login(std::move(options));
  return scram_login(login, password);
}

std::string md5_form(std::string_view password) { return *md5_secret(password, "alice"); }

Authentication::Kind question(std::vector<std::string> secrets, std::size_t offer) {
  auto options = login_options(AuthType::md5, std::move(secrets));
  options.offer = offer;
  ClientLogin login(std::move(options));
  Buffer out;
  login.start(out);
  return heard(out)->kind;
}

}  // namespace

TEST_CASE("in clear text any secret of a user is taken, whatever its kind") {
  const std::vector<std::string> secrets{"current", md5_form("old"), scram_form("older", 1),
                                         scram_form("oldest", 2)};
  for (const char* password : {"current", "old", "older", "oldest"}) {
    CHECK(plain_login(secrets, password) == Step::proved);
  }
  CHECK(plain_login(secrets, "ancient") == Step::failed);
  CHECK(plain_login(secrets, secrets[1]) == Step::failed);
  CHECK(plain_login({"", "pencil"}, "pencil") == Step::proved);
}

TEST_CASE("by md5 any plain or md5 secret is taken") {
  for (const char* password : {"current", "old"}) {
    CHECK(md5_login({"current", md5_form("old")}, password) == Step::proved);
    CHECK(md5_login({md5_form("old"), "current"}, password) == Step::proved);
  }
  CHECK(md5_login({"current", "old"}, "older") == Step::failed);
  CHECK(md5_login({"", "old"}, "old") == Step::proved);
  CHECK(md5_login({"old", ""}, "") == Step::failed);
}

TEST_CASE("by SCRAM plain secrets take the basis of a SCRAM secret, so that each is taken") {
  for (const char* password : {"current", "old", "older"}) {
    CHECK(scram_login({"current", scram_form("old"), "older"}, password) == Step::proved);
    CHECK(scram_login({scram_form("current"), scram_form("old"), "older"}, password) ==
          Step::proved);
    CHECK(scram_login({"current", "old", "older"}, password) == Step::proved);
    CHECK(scram_login({scram_form("current"), "old", "older"}, password, 0, AuthType::md5) ==
          Step::proved);
  }
  CHECK(scram_login({"current", scram_form("old")}, "older") == Step::failed);
  CHECK(scram_login({md5_form("current"), "old"}, "current") == Step::failed);
  CHECK(scram_login({md5_form("current"), "old"}, "old") == Step::proved);
}

TEST_CASE("of SCRAM secrets with different bases the one on offer is taken") {
  const std::vector<std::string> secrets{scram_form("current", 1), scram_form("old", 2),
                                         scram_form("same", 1), scram_form("older", 1, 3)};
  const auto taken = [&](std::size_t offer) {
    std::string names;
    for (const char* password : {"current", "old", "same", "older"}) {
      if (scram_login(secrets, password, offer) == Step::proved)
        names += std::string{password} + " ";
    }
    return names;
  };
  CHECK(taken(0) == "current same ");
  CHECK(taken(1) == "old ");
  CHECK(taken(2) == "older ");
  CHECK(taken(3) == "current same ");
  CHECK(taken(static_cast<std::size_t>(-1)) == taken(static_cast<std::size_t>(-1) % 3));
}

TEST_CASE("md5 forms and SCRAM secrets answer different questions, which take turns under md5") {
  using enum Authentication::Kind;
  const std::vector<std::string> secrets{scram_form("current", 1), md5_form("old"),
                                         scram_form("older", 2)};
  CHECK(question(secrets, 0) == sasl);
  CHECK(question(secrets, 1) == md5);
  CHECK(question({md5_form("current"), scram_form("old")}, 0) == md5);
  CHECK(question({md5_form("current"), scram_form("old")}, 1) == sasl);
  CHECK(question({"current", scram_form("old")}, 1) == sasl);
  CHECK(question({"current", md5_form("old")}, 1) == md5);
  CHECK(scram_login(secrets, "current", 0, AuthType::md5) == Step::proved);
  CHECK(scram_login(secrets, "older", 2, AuthType::md5) == Step::proved);
}

TEST_CASE("secrets beyond the maximum are not looked at") {
  std::vector<std::string> secrets;
  for (std::size_t i = 0; i <= kSecretsMax; ++i) secrets.push_back("pencil" + std::to_string(i));
  CHECK(plain_login(secrets, "pencil7") == Step::proved);
  CHECK(plain_login(secrets, "pencil8") == Step::failed);
  CHECK(scram_login({scram_form("a"), "", "", "", "", "", "", "", scram_form("b")}, "b") ==
        Step::failed);
}

TEST_CASE("plain secrets and unknown users are asked with the iterations that were set") {
  for (const auto& secrets : {std::vector<std::string>{"pencil"}, std::vector<std::string>{}}) {
    auto options = login_options(AuthType::scram_sha_256, secrets);
    options.scram_iterations = 7;
    ClientLogin login(std::move(options));
    std::string server_first;
    CHECK(scram_login(login, "pencil", &server_first) ==
          (secrets.empty() ? Step::failed : Step::proved));
    CHECK(server_first.ends_with(",i=7"));
  }
}

TEST_CASE("an answer that failed is held against fresh secrets: clear text") {
  for (const std::string& fresh : {std::string{"new"}, md5_form("new"), scram_form("new")}) {
    ClientLogin login(login_options(AuthType::plain, {"old"}));
    REQUIRE(plain_login(login, "new") == Step::failed);
    Buffer out;
    CHECK(login.retry_with({"other"}, out) == Step::failed);
    CHECK(out.empty());
    CHECK(login.fault().text == "password authentication failed for user \"alice\"");
    CHECK(login.plain_password().empty());
    CHECK(login.retry_with({"old", fresh}, out) == Step::proved);
    CHECK(heard(out)->kind == Authentication::Kind::ok);
    CHECK(login.plain_password() == "new");
  }
}

TEST_CASE("an answer that failed is held against fresh secrets: md5") {
  ClientLogin login(login_options(AuthType::md5, {"old"}));
  REQUIRE(md5_login(login, "new") == Step::failed);
  Buffer out;
  CHECK(login.retry_with({scram_form("new")}, out) == Step::failed);
  CHECK(login.retry_with({}, out) == Step::failed);
  CHECK(out.empty());
  CHECK(login.retry_with({md5_form("new")}, out) == Step::proved);
  CHECK(heard(out)->kind == Authentication::Kind::ok);
}

TEST_CASE("an answer that failed is held against fresh secrets: SCRAM, of the same basis alone") {
  const auto retried = [](std::vector<std::string> stale, std::vector<std::string> fresh) {
    ClientLogin login(login_options(AuthType::scram_sha_256, std::move(stale)));
    ScramClient client("new", "client-nonce");
    REQUIRE(scram_login(login, client) == Step::failed);
    CHECK(!login.scram_keys());
    Buffer out;
    const Step step = login.retry_with(std::move(fresh), out);
    CHECK(out.empty() == (step == Step::failed));
    if (step == Step::proved) check_welcome(client, out);
    CHECK(login.scram_keys().has_value() == (step == Step::proved));
    return step;
  };
  CHECK(retried({scram_form("old")}, {scram_form("new")}) == Step::proved);
  CHECK(retried({scram_form("old")}, {"new"}) == Step::proved);
  CHECK(retried({"old"}, {"new"}) == Step::proved);
  CHECK(retried({}, {"new"}) == Step::proved);
  CHECK(retried({scram_form("old", 1)}, {scram_form("new", 2), scram_form("new", 1)}) ==
        Step::proved);
  CHECK(retried({scram_form("old", 1)}, {scram_form("new", 2)}) == Step::failed);
  CHECK(retried({scram_form("old", 1, 2)}, {scram_form("new", 1, 3)}) == Step::failed);
  CHECK(retried({scram_form("old")}, {md5_form("new")}) == Step::failed);
  CHECK(retried({scram_form("old")}, {scram_form("newer")}) == Step::failed);
  CHECK(retried({}, {}) == Step::failed);
}

TEST_CASE("what was no answer is not held against fresh secrets") {
  const Buffer malformed = vectors::parse_bytes(R"("pencil")");
  const Buffer empty = vectors::parse_bytes(R"(00)");
  for (const Buffer& body : {malformed, empty}) {
    for (const AuthType type : {AuthType::plain, AuthType::md5, AuthType::scram_sha_256}) {
      ClientLogin login(login_options(type, {"pencil"}));
      Buffer out;
      login.start(out);
      REQUIRE(login.on_message(body, out) == Step::failed);
      out.clear();
      const std::string text = login.fault().text;
      CHECK(login.retry_with({"pencil", ""}, out) == Step::failed);
      CHECK(login.fault().text == text);
      CHECK(out.empty());
    }
  }
}

TEST_CASE("the keys of a SCRAM login are those of the secret that was proved") {
  const std::vector<std::string> secrets{scram_form("current"), scram_form("old")};
  ClientLogin login(login_options(AuthType::scram_sha_256, secrets));
  CHECK(!login.scram_keys());
  REQUIRE(scram_login(login, "old") == Step::proved);
  const auto keys = login.scram_keys();
  REQUIRE(keys);
  CHECK(keys->secret == secrets[1]);
  const auto expected = ScramKeys::from_password("old", {Buffer(16, 5), 2});
  CHECK(keys->client_key == expected.client_key);
  CHECK(keys->server_key == expected.server_key);

  ClientLogin in_clear(login_options(AuthType::plain, secrets));
  REQUIRE(plain_login(in_clear, "old") == Step::proved);
  CHECK(!in_clear.scram_keys());
}

TEST_CASE("with an end point PLUS is offered first, and proves") {
  const Buffer digest(32, 7);
  for (const bool plus : {true, false}) {
    auto options = login_options(AuthType::scram_sha_256, {scram_form("pencil")});
    options.end_point = digest;
    ClientLogin login(std::move(options));
    ScramClient client("pencil", "nonce", plus ? ScramBinding{digest, true} : ScramBinding{});
    CHECK(scram_login(login, client) == Step::proved);
  }
  auto options = login_options(AuthType::md5, {scram_form("pencil")});
  options.end_point = digest;
  ClientLogin login(std::move(options));
  Buffer out;
  login.start(out);
  CHECK(heard(out)->mechanisms == std::vector<std::string>{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"});
}

TEST_CASE("who knows the password and is bound to another end point is refused for good") {
  auto options = login_options(AuthType::scram_sha_256, {scram_form("pencil")});
  options.end_point = Buffer(32, 7);
  ClientLogin login(std::move(options));
  ScramClient client("pencil", "nonce", {Buffer(32, 8), true});
  CHECK(scram_login(login, client) == Step::failed);
  CHECK(std::string_view{login.fault().sqlstate} == "28000");
  Buffer out;
  CHECK(login.retry_with({scram_form("pencil")}, out) == Step::failed);
  CHECK(out.empty());
  CHECK(!login.scram_keys());
}
