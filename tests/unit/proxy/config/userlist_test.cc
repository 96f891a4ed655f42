#include "proxy/config/userlist.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/proxy/config/scratch_directory.h"
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

// The secret of a user that has just one.
std::string one(const Secrets& secrets, const std::string& user) {
  REQUIRE(secrets.count(user) == 1);
  REQUIRE(secrets.at(user).size() == 1);
  return secrets.at(user)[0];
}

// All of them, with a / between.
std::string all(const Secrets& secrets, const std::string& user) {
  std::string out;
  if (secrets.count(user) == 0) return "nobody";
  for (const std::string& secret : secrets.at(user)) out += (out.empty() ? "" : "/") + secret;
  return out;
}

std::string directory_complaint(const std::string& path) {
  const auto secrets = read_userlist(path, {"t.ini", 2});
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
  CHECK(one(secrets, "anna") == "plain");
  CHECK(one(secrets, "bert") == "md5d41d8cd98f00b204e9800998ecf8427e");
  CHECK(one(secrets, "carl") == "SCRAM-SHA-256$4096:c2FsdA==$a=:b=");
  CHECK(one(secrets, "od\"d") == "a\"b;c");
  CHECK(one(secrets, "none").empty());
}

TEST_CASE("the last of equal names wins") {
  CHECK(one(parsed("\"a\" \"1\"\n\"a\" \"2\"\n"), "a") == "2");
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
  CHECK(one(parsed("\"" + name + "\" \"" + secret + "\"\n"), name).size() == kSecretMax);
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
  CHECK(one(secrets, "user9999") == "secret9999");
}

TEST_CASE("a file is read, and a missing one says why") {
  const ScratchFile file("\"a\" \"b\"\n");
  const auto secrets = read_userlist(file.path(), {"t.ini", 2});
  REQUIRE(secrets);
  CHECK(one(*secrets, "a") == "b");
  const auto missing = read_userlist("/nowhere/u.txt", {"t.ini", 2});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text ==
        "t.ini:2: cannot read \"/nowhere/u.txt\": No such file or directory");
}

TEST_CASE("a third word in quotes is a second valid secret") {
  const Secrets secrets = parsed(
      "\"anna\" \"new\" \"old\"\n"
      "\"bert\" \"new\"\t\"o\"\"ld\" \"older\"\n"
      "\"carl\" \"same\" \"same\"\n"
      "\"dora\" \"new\" old\n"
      "\"emil\" \"new\"; \"old\"\n");
  CHECK(all(secrets, "anna") == "new/old");
  CHECK(all(secrets, "bert") == "new/o\"ld");
  CHECK(all(secrets, "carl") == "same");
  CHECK(all(secrets, "dora") == "new");
  CHECK(all(secrets, "emil") == "new");
  CHECK(complaint("\"a\" \"b\" \"hunter2\n") ==
        "u.txt:1: the second secret's closing quote is missing");
  CHECK(complaint("\"a\" \"b\" \"" + std::string(kSecretMax + 1, 's') + "\"\n") ==
        "u.txt:1: the second secret is longer than 65536 bytes");
}

TEST_CASE("what other tools write behind a secret is no secret") {
  for (const char* third : {"", "infinity", "-infinity", "2010-01-01", "2010-01-01 00:00:00+00"}) {
    CAPTURE(third);
    CHECK(all(parsed("\"a\" \"b\" \"" + std::string(third) + "\"\n"), "a") == "b");
  }
  CHECK(all(parsed("\"a\" \"b\" \"2010-01-01x\"\n"), "a") == "b/2010-01-01x");
}

TEST_CASE("a configuration finds the current secret first") {
  Config config;
  config.secrets = parsed("\"anna\" \"new\" \"old\"\n");
  CHECK(*config.find_secret("anna") == "new");
  CHECK(*config.find_secrets("anna") == std::vector<std::string>{"new", "old"});
  CHECK(config.find_secret("bert") == nullptr);
  CHECK(config.find_secrets("bert") == nullptr);
}

TEST_CASE("a directory holds userlists and files named as their users") {
  const ScratchDirectory directory;
  directory.write("anna", "s3cret\n");
  directory.write("bert", "new\r\nold\r\n");
  directory.write("carl", " with spaces ");
  directory.write("list.txt", "\n; some\n\"dora\" \"d\" \"e\"\n\"emil\" \"\"\n");
  directory.write("frida", "\xef\xbb\xbfmd5d41d8cd98f00b204e9800998ecf8427e");
  directory.write(".hidden", "no");
  directory.write("sub/gustav", "no");
  const auto secrets = read_userlist(directory.path(), {"t.ini", 2});
  REQUIRE_MESSAGE(secrets.has_value(), (secrets ? "" : secrets.error().text));
  CHECK(secrets->size() == 6);
  CHECK(all(*secrets, "anna") == "s3cret");
  CHECK(all(*secrets, "bert") == "new/old");
  CHECK(all(*secrets, "carl") == " with spaces ");
  CHECK(all(*secrets, "dora") == "d/e");
  CHECK(all(*secrets, "emil") == "");
  CHECK(all(*secrets, "frida") == "md5d41d8cd98f00b204e9800998ecf8427e");
}

TEST_CASE("a directory of links is read as Kubernetes mounts it") {
  const ScratchDirectory directory;
  directory.write("..2025_01_01/anna", "s3cret");
  std::filesystem::create_symlink("..2025_01_01", directory.path() + "/..data");
  std::filesystem::create_symlink("..data/anna", directory.path() + "/anna");
  const auto secrets = read_userlist(directory.path(), {"t.ini", 2});
  REQUIRE_MESSAGE(secrets.has_value(), (secrets ? "" : secrets.error().text));
  CHECK(secrets->size() == 1);
  CHECK(all(*secrets, "anna") == "s3cret");
  std::filesystem::create_symlink("..data/bert", directory.path() + "/bert");
  CHECK(directory_complaint(directory.path()) ==
        directory.path() + "/bert: a link that leads nowhere");
}

TEST_CASE("a mistake in a directory names the file and never quotes a secret") {
  struct Row {
    const char* text;
    const char* said;
  };
  for (const Row& row : {
           Row{"", ":1: the secret is missing"},
           Row{"\nhunter2\n", ":1: the secret is missing"},
           Row{"a\nb\nhunter2\n", ":3: there are two secrets at the most, a line for each"},
           Row{"#hunter2",
               ": no user in it; a secret that begins with ; or # must stand in a line \"user\" "
               "\"secret\""},
           Row{"\"hunter2", ":1: a line is not \"user\" \"secret\": the user is broken"},
           Row{"\"bert\" \"x\"\n", ": user \"bert\" is in another file, too"},
       }) {
    CAPTURE(row.text);
    const ScratchDirectory directory;
    const std::string file = directory.write("carl", row.text);
    directory.write("bert", "x");
    const std::string said = directory_complaint(directory.path());
    CHECK(said == file + row.said);
  }
  const std::string user(kUserNameMax + 1, 'u');
  const auto long_name = parse_secret_file("f", user, "x");
  REQUIRE_FALSE(long_name);
  CHECK(long_name.error().text == "f: the user's name is longer than 127 bytes");
  const auto long_secret = parse_secret_file("f", "u", std::string(kSecretMax + 1, 's'));
  REQUIRE_FALSE(long_secret);
  CHECK(long_secret.error().text == "f:1: the secret is longer than 65536 bytes");
  CHECK_FALSE(parse_secret_file("f", "u", std::string_view("a\0b", 3)));
}

TEST_CASE("files of a directory that are open to everybody are told in one sentence") {
  const ScratchDirectory directory;
  const std::string anna = directory.write("anna", "x", 0644);
  CHECK(too_open(directory.path()).empty());  // Nobody else gets into the directory.
  ::chmod(directory.path().c_str(), 0755);
  CHECK(too_open(directory.path()) ==
        "auth_file " + anna + " can be read by everybody: chmod 600 " + anna);
  directory.write("bert", "x", 0646);
  directory.write("carl", "x", 0600);
  CHECK(too_open(directory.path()) == "auth_file " + anna +
                                          " can be read by everybody: chmod 600 " + anna +
                                          "; and so can 1 more beside it");
}
