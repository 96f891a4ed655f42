#include "protocol/saslprep.h"

#include <doctest/doctest.h>

#include "protocol/scram.h"
#include "tests/vectors/vectors.h"

using weir::protocol::kSaslprepBytesMax;
using weir::protocol::saslprep;

namespace {

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

}  // namespace

TEST_CASE("the examples of RFC 4013") {
  CHECK(saslprep("I\xc2\xadX") == "IX");  // Soft hyphen: mapped to nothing.
  CHECK(saslprep("user") == "user");
  CHECK(saslprep("USER") == "USER");        // Case is kept.
  CHECK(saslprep("\xc2\xaa") == "a");       // NFKC.
  CHECK(saslprep("\xe2\x85\xa8") == "IX");  // NFKC.
  CHECK(saslprep("\x07") == "\x07");        // Prohibited, hence as it stands.
  CHECK(saslprep("\xd8\xa7"
                 "1") ==
        "\xd8\xa7"
        "1");  // Bidirectional check, hence the same.
}

TEST_CASE("spaces become a space, and what maps to nothing altogether stays as it stands") {
  CHECK(saslprep("a\xc2\xa0"
                 "b") == "a b");
  CHECK(saslprep("a\xe3\x80\x80"
                 "b") == "a b");
  CHECK(saslprep("a\xe2\x80\x8b"
                 "b") == "a b");  // U+200B: a space before it is nothing.
  CHECK(saslprep("\xc2\xad") == "\xc2\xad");
  CHECK(saslprep("") == "");
}

TEST_CASE("prohibited, unassigned or broken text is used as it stands") {
  for (const std::string text :
       {"\xc3\xa9\x01", "\xee\x80\x80x", "\xef\xbf\xbe", "\xcd\x80",  // control, private, no char
        "\xf0\x9f\x98\x80",                                           // U+1F600: after Unicode 3.2
        "\xed\xa0\x80", "\xc0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xc3", "a\x80", "\xe2\x85", "\xff"}) {
    CAPTURE(text);
    CHECK(saslprep(text) == text);
  }
  const std::string nul{"\xc2\xaa\0x", 4};
  CHECK(saslprep(nul) == nul);
}

TEST_CASE(
    "prohibited characters are looked for before the text is normalised, as PostgreSQL does") {
  CHECK(saslprep("a\xcd\x80") == "a\xcd\x80");  // U+0340; RFC 4013 would make it U+00E0.
}

TEST_CASE("normalisation may grow the text eleven times") {
  const std::string ligature = "\xef\xb7\xba";  // U+FDFA.
  CHECK(saslprep(ligature).size() == 33);
  CHECK(saslprep(repeat(ligature, 1'365)).size() == 33 * 1'365);
}

TEST_CASE("a password above the maximum is not prepared, so it costs nothing") {
  const std::string marks = repeat("\xcc\x81", kSaslprepBytesMax);
  CHECK(saslprep(marks) == marks);
  CHECK(saslprep(repeat("\xc2\xaa", kSaslprepBytesMax / 2)) ==
        std::string(kSaslprepBytesMax / 2, 'a'));
}

TEST_CASE("secrets that PostgreSQL made") {
  using namespace weir;
  const std::string path = WEIR_SOURCE_DIR "/tests/vectors/postgresql_secrets.txt";
  for (const auto& one : vectors::read_cases(path)) {
    CAPTURE(one.name);
    const auto secret = protocol::ScramSecret::parse(one.setting("secret"));
    REQUIRE(secret);
    CHECK(secret->text() == one.setting("secret"));
    CHECK(secret->matches(as_text(vectors::parse_bytes(one.setting("password")))));
  }
}
