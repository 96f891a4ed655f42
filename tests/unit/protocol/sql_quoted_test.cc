// What the lexer makes of quoted text of every sort (protocol/sql_quoted.cc).
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "protocol/sql_lexer.h"

using namespace weir::protocol;

namespace {

// The texts of all strings and quoted names, each in brackets, byte by byte.
std::string quoted(std::string_view text, bool standard_strings = true) {
  SqlLexer lexer(standard_strings);
  std::string seen;
  for (const char c : std::string(text) + "\n") {
    std::string_view part(&c, 1);
    for (Token token; lexer.next(part, token);) {
      if (token.kind == Token::Kind::quoted || token.kind == Token::Kind::string) {
        seen += "[" + std::string(token.text) + "]";
      }
    }
  }
  return seen + (lexer.inside() ? "..." : "");
}

bool suspects(std::string_view text) {
  SqlLexer lexer(true);
  lexer.attend(kEveryToken | kInside);
  Token token;
  const std::string whole = std::string(text) + "\n";
  std::string_view part = whole;
  REQUIRE(lexer.next(part, token));
  return token.suspect;
}

}  // namespace

TEST_CASE("a backslash escapes in E strings, and in all where strings do not conform") {
  CHECK(quoted("'a\\' b 'c'") == "[a\\][c]");
  CHECK(quoted("E'a\\' b '") == "[a' b ]");
  CHECK(quoted("'a\\' b '", false) == "[a' b ]");
  CHECK(quoted("N'a\\' b '", false) == "[a' b ]");
  CHECK(quoted("U&'a\\' 'b'", false) == "[a\\][b]");
  CHECK(quoted("xE'a\\'", true) == "[a\\]");
}

TEST_CASE("quotes are doubled, but not in bits") {
  CHECK(quoted("'a''b' \"c\"\"d\"") == "[a'b][c\"d]");
  CHECK(quoted("B'0''1'") == "[0][1]");
}

TEST_CASE("an E string goes on behind a newline, and only there") {
  CHECK(quoted("E'a'\n'b\\''") == "[a][b']");
  CHECK(quoted("E'a' -- c\n -- d\n 'b\\''") == "[a][b']");
  CHECK(quoted("E'a' 'b\\'") == "[a][b\\]");
  CHECK(quoted("E'a' /*\n*/\n 'b\\'") == "[a][b\\]");
  CHECK(quoted("E'a' , \n 'b\\'") == "[a][b\\]");
}

TEST_CASE("a dollar quote ends with its own tag") {
  CHECK(quoted("$$a$b$c$$") == "[a$b$c]");
  CHECK(quoted("$a$ $ab$ $a $$a$") == "[ $ab$ $a $]");
  CHECK(quoted("$a$ $A$ $a$") == "[ $A$ ]");
  CHECK(quoted("$a$$a$$b$$$b$") == "[][$]");
  CHECK(quoted("$1$a$b$a$") == "[b]");
  CHECK(quoted("a$b$c") == "");
  CHECK(quoted("$a$ b") == "...");
}

TEST_CASE("a quote that is open at the end is said") {
  for (const auto& [text, seen] : std::vector<std::pair<const char*, const char*>>{
           {"'a", "..."}, {"\"a", "..."}, {"/* a", "..."}, {"E'a\\'", "..."}, {"'a'", "[a]"}}) {
    CHECK(quoted(text) == seen);
  }
}

TEST_CASE("inside of quoted text words are found whole, in any case") {
  CHECK(suspects("$$ begin SET x = 1; end $$"));
  CHECK(suspects("'perform set_config(1)'"));
  CHECK(suspects("$a$$set$a$"));
  CHECK_FALSE(suspects("$$ offset settings set_ $$"));
}
