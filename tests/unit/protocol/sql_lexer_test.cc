#include "protocol/sql_lexer.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir::protocol;

namespace {

// Each token by its kind's first letter and its text, as in "w:select m:( s:a".
std::string tokens(std::string_view text, Attention attention, std::size_t part_bytes) {
  SqlLexer lexer(true);
  lexer.attend(attention);
  const std::string whole = std::string(text) + "\n";
  std::string seen;
  for (std::size_t at = 0; at < whole.size(); at += part_bytes) {
    std::string_view part = std::string_view(whole).substr(at, part_bytes);
    for (Token token; lexer.next(part, token);) {
      seen += seen.empty() ? "" : " ";
      seen += "wqsm;"[static_cast<int>(token.kind)];
      if (token.kind == Token::Kind::mark) seen += token.mark;
      seen += token.text;
      if (token.after_dot) seen += '!';
    }
    CHECK(part.empty());
  }
  return seen;
}

std::string tokens(std::string_view text, Attention attention = kEveryToken) {
  const std::string whole = tokens(text, attention, text.size() + 1);
  for (std::size_t part_bytes = 1; part_bytes < 5; ++part_bytes) {
    CHECK(tokens(text, attention, part_bytes) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("a text is words, quoted names, strings, marks and semicolons") {
  CHECK(tokens("SELECT \"a\"\"b\", 'it''s' FROM t.x;") ==
        "wSELECT qa\"b m, sit's wFROM wt m. wx! ;");
  CHECK(tokens("a$1 $1 12.5 -3") == "wa$1 m$ m0 m0 m0 m. m0 m- m0");
  CHECK(tokens("") == "");
}

TEST_CASE("comments are no tokens, whatever stands in them") {
  CHECK(tokens("a/* ' /* ; */ \" */b--c;\nd") == "wa wb wd");
  CHECK(tokens("a/b/*c*/-d") == "wa m/ wb m- wd");
  CHECK(tokens("/*/*/**/*/*/a/***/b") == "wa wb");
  CHECK(tokens("a . /* b */ c") == "wa m. wc!");
}

TEST_CASE("a semicolon in parentheses is a mark") {
  CHECK(tokens("(a;b);c") == "m( wa m; wb m) ; wc");
  CHECK(tokens(")));c") == "m) m) m) ; wc");
}

TEST_CASE("only the words sought come when not every token is asked for") {
  constexpr std::string_view text =
      "SELECT set_config('a') INTO \"set_config\", \"INTO\"; begin as";
  CHECK(tokens(text, kNames) == "wset_config qset_config ;");
  CHECK(tokens(text, kNames | kPhrases) == "wset_config wINTO qset_config ;");
  CHECK(tokens(text, kRoutines) == "; wbegin was");
}

TEST_CASE("a word is found in any case, and none that only begins or ends like one") {
  CHECK(find_word("Set_CONFIG", true)->word == Word::set_config);
  CHECK(find_word("set_confi", true) == nullptr);
  CHECK(find_word("set_config2", true) == nullptr);
  CHECK(find_word("\023et", true) == nullptr);
  CHECK(find_word("execute", false) == nullptr);
  for (const WordRow& row : kWords) CHECK(find_word(row.text, true) == &row);
}
