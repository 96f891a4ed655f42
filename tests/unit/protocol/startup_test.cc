#include "protocol/startup.h"

#include <doctest/doctest.h>

#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;

namespace {

std::string shown(std::string_view value) {
  if (value.size() > 256) return "(" + std::to_string(value.size()) + " bytes)";
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const char c : value) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      text.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      text += c;
    }
  }
  return text;
}

std::string shown_key(const Buffer& key) {
  if (key.size() > 4) return "(" + std::to_string(key.size()) + " bytes)";
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const auto byte : key) text.append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
  return text;
}

std::string event(const Startup& startup) {
  switch (startup.kind) {
    case Startup::Kind::ssl:
      return "ssl";
    case Startup::Kind::gssenc:
      return "gssenc";
    case Startup::Kind::cancel:
      return "cancel " + std::to_string(startup.cancel_pid) + " " + shown_key(startup.cancel_key);
    case Startup::Kind::startup:
      break;
  }
  std::string text =
      "startup " + std::to_string(startup.major) + "." + std::to_string(startup.minor);
  if (startup.parameters.size() > 10) {
    return text + " (" + std::to_string(startup.parameters.size()) + " parameters)";
  }
  for (const auto& [name, value] : startup.parameters) text += " " + name + "=" + shown(value);
  return text;
}

std::vector<std::string> events(const vectors::Parts& parts) {
  std::vector<std::string> seen;
  StartupReader reader;
  for (Bytes part : parts) {
    while (!part.empty()) {
      const auto startup = reader.next(part);
      if (!startup) {
        seen.push_back(std::string{"fault "} + startup.error().sqlstate + " " +
                       startup.error().text);
        CHECK(!reader.next(part));  // A fault stays one.
        return seen;
      }
      if (*startup) seen.push_back(event(**startup));
    }
  }
  if (!reader.at_boundary()) seen.push_back("more");
  return seen;
}

std::string options_of(std::string_view text) {
  const auto settings = parse_options(text);
  if (!settings) return settings.error().sqlstate;
  std::string all;
  for (const auto& [name, value] : *settings) all += "[" + name + "|" + value + "]";
  return all;
}

}  // namespace

TEST_CASE("startup vectors, cut in every way") {
  for (const auto& one : vectors::read_cases(WEIR_SOURCE_DIR "/tests/vectors/startup.txt")) {
    CAPTURE(one.name);
    Buffer stream;
    for (const auto& bytes : one.all("bytes")) {
      const Buffer more = vectors::parse_bytes(bytes);
      stream.insert(stream.end(), more.begin(), more.end());
    }
    vectors::every_cut(stream, [&](const vectors::Parts& parts) {
      const auto seen = events(parts);
      const auto expected = one.all("expect");
      CAPTURE(parts.front().size());
      REQUIRE(seen == expected);
    });
  }
}

TEST_CASE("bytes behind an SSLRequest are left for the caller to see") {
  const Buffer stuffed = vectors::parse_bytes("00 00 00 08 04 d2 16 2f \"Q\" 00 00 00 05 00");
  StartupReader reader;
  Bytes input{stuffed};
  const auto startup = reader.next(input);
  REQUIRE(startup);
  REQUIRE(*startup);
  CHECK((*startup)->kind == Startup::Kind::ssl);
  CHECK(input.size() == 6);
}

TEST_CASE("of a repeated parameter the last counts") {
  Startup startup;
  startup.parameters = {{"user", "alice"}, {"user", "bob"}, {"database", ""}};
  REQUIRE(startup.find("user"));
  CHECK(*startup.find("user") == "bob");
  REQUIRE(startup.find("database"));
  CHECK(startup.find("database")->empty());
  CHECK(!startup.find("options"));
}

TEST_CASE("options are split as PostgreSQL splits them") {
  CHECK(options_of("").empty());
  CHECK(options_of(" \t\n ").empty());
  CHECK(options_of("-c geqo=off") == "[geqo|off]");
  CHECK(options_of("-cgeqo=off") == "[geqo|off]");
  CHECK(options_of("--geqo=off") == "[geqo|off]");
  CHECK(options_of("  -c  geqo=off --work-mem=4MB ") == "[geqo|off][work_mem|4MB]");
  CHECK(options_of("-c a=") == "[a|]");
  CHECK(options_of("-c a=b=c") == "[a|b=c]");
  CHECK(options_of("-c search_path=a,\\ b") == "[search_path|a, b]");
  CHECK(options_of("-c a=\\\\x") == "[a|\\x]");
  CHECK(options_of("-c a=x\\") == "[a|x]");
}

TEST_CASE("what is wrong with options is said as PostgreSQL says it") {
  for (const char* bad :
       {"-x y", "geqo=off", "-", "-c a=b c", "\\", "-ca=b -d", "-C a=b", "-d 5"}) {
    CAPTURE(bad);
    CHECK(options_of(bad) == "0A000");
  }
  for (const char* bare : {"-c", "-c geqo", "--geqo", "--"}) CHECK(options_of(bare) == "42601");
  for (const char* nameless : {"-c =x", "--=x"}) CHECK(options_of(nameless) == "42704");
  CHECK(parse_options("-c geqo").error().text == "-c geqo requires a value");
  CHECK(parse_options("--geqo").error().text == "--geqo requires a value");
}

TEST_CASE("a refused option gets PgBouncer's text") {
  const auto settings = parse_options("-x");
  REQUIRE(!settings);
  CHECK(settings.error().text ==
        "unsupported options startup parameter: only '-c config=val' and '--config=val' are "
        "allowed");
}
