#include "proxy/config/userlist.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/proxy/config/scratch_file.h"

using namespace weir::proxy::config;

namespace {

Secrets parsed(std::string_view text) {
  auto secrets = parse_userlist("u.txt", text);
  CHECK_MESSAGE(secrets.has_value(), (secrets ? "" : secrets.error().text));
  return secrets ? *secrets : Secrets{};
}

std::string complaint(std::string_view text) {
  const auto secrets = parse_userlist("u.txt", text);
  return secrets ? "accepted" : secrets.error().text;
}

}  // namespace

TEST_CASE("a line is a user and a secret in double quotes") {
  const Secrets secrets = parsed(
      "; users of the shop\n"
      "\"anna\" \"plain\"\n"
      "\r\n"
      "  \"bert\"\t\"md5d41d8cd98f00b204e9800998ecf8427e\" trailing \"words\"\r\n"
      "\"carl\" \"SCRAM-SHA-256$4096:c2FsdA==$a=:b=\"; comment\n"
      "\"od\"\"d\" \"a\"\"b;c\"\n"
      "\"none\" \"\"");
  REQUIRE(secrets.size() == 5);
  CHECK(secrets.at("anna") == "plain");
  CHECK(secrets.at("bert") == "md5d41d8cd98f00b204e9800998ecf8427e");
  CHECK(secrets.at("carl") == "SCRAM-SHA-256$4096:c2FsdA==$a=:b=");
  CHECK(secrets.at("od\"d") == "a\"b;c");
  CHECK(secrets.at("none").empty());
}

TEST_CASE("the last of equal names wins") {
  CHECK(parsed("\"a\" \"1\"\n\"a\" \"2\"\n").at("a") == "2");
}

TEST_CASE("broken lines are named and never quoted") {
  CHECK(complaint("\"a\" \"b\"\nhunter2\n") ==
        "u.txt:2: a line is not \"user\" \"secret\": the user is broken");
  CHECK(complaint("\"a\" hunter2\n").find("hunter2") == std::string::npos);
  CHECK(complaint("\"a\" \"hunter2\n") ==
        "u.txt:1: a line is not \"user\" \"secret\": the secret is broken");
  CHECK(complaint("\"a\n").find("u.txt:1:") == 0);
  CHECK(complaint("\"a\"\n").find("u.txt:1:") == 0);
  CHECK(complaint("\"a\"\"b\"\n").find("u.txt:1:") == 0);
  CHECK(complaint("\"\" \"b\"\n") == "u.txt:1: the user's name is empty");
  CHECK(complaint(std::string_view("\"a\" \"b\0c\"\n", 10)).find("NUL") != std::string::npos);
}

TEST_CASE("names and secrets have their bounds") {
  const std::string name(kUserNameMax, 'n');
  const std::string secret(kSecretMax, 's');
  CHECK(parsed("\"" + name + "\" \"" + secret + "\"\n").at(name).size() == kSecretMax);
  CHECK(complaint("\"n" + name + "\" \"s\"\n") ==
        "u.txt:1: the user's name is longer than 127 bytes");
  CHECK(complaint("\"n\" \"s" + secret + "\"\n") ==
        "u.txt:1: the secret is longer than 65536 bytes");
}

TEST_CASE("ten thousand users are read") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    text += "\"user" + std::to_string(i) + "\" \"secret" + std::to_string(i) + "\"\n";
  }
  const Secrets secrets = parsed(text);
  CHECK(secrets.size() == 10'000);
  CHECK(secrets.at("user9999") == "secret9999");
}

TEST_CASE("a file is read, and a missing one says why") {
  const ScratchFile file("\"a\" \"b\"\n");
  const auto secrets = read_userlist(file.path(), {"t.ini", 2});
  REQUIRE(secrets);
  CHECK(secrets->at("a") == "b");
  const auto missing = read_userlist("/nowhere/u.txt", {"t.ini", 2});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text ==
        "t.ini:2: cannot read \"/nowhere/u.txt\": No such file or directory");
}
