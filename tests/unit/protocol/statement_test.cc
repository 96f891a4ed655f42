#include "protocol/statement.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/vectors/statement_cases.h"

using namespace weir;
using namespace weir::protocol;
using vectors::scan;

namespace {

std::string cut_in_two(const std::string& text, std::size_t at, bool standard_strings) {
  std::string seen;
  const auto each = [&](const Statement& one) { seen += vectors::describe(one) + "\n"; };
  StatementScanner scanner(standard_strings);
  const std::string first = text.substr(0, at), second = text.substr(at);
  scanner.feed(std::string_view(first), each);
  scanner.feed(as_bytes(second), each);
  scanner.finish(each);
  return seen;
}

std::string lines(const std::vector<std::string>& of) {
  std::string all;
  for (const auto& line : of) all += line + "\n";
  return all;
}

// Each statement as it stands in the text.
std::vector<std::string> cut_out(const std::string& text) {
  std::vector<std::string> found;
  const auto each = [&](const Statement& one) {
    found.push_back(text.substr(one.begin, one.end - one.begin));
  };
  StatementScanner scanner;
  scanner.feed(std::string_view(text), each);
  scanner.finish(each);
  return found;
}

std::string only(const std::string& text) {
  const auto seen = scan(text, text.size());
  REQUIRE(seen.size() == 1);
  return seen[0];
}

}  // namespace

TEST_CASE("the texts of the corpus are seen as written there, whole and byte by byte") {
  for (const auto& one : vectors::statement_cases()) {
    CAPTURE(one.title);
    CHECK(lines(scan(one.text, one.text.size() + 1, one.standard_strings)) == lines(one.seen));
    CHECK(lines(scan(one.text, 1, one.standard_strings)) == lines(one.seen));
    CHECK(lines(scan(one.text, 3, one.standard_strings)) == lines(one.seen));
  }
}

TEST_CASE("the texts of the corpus are seen as written there, cut at every place") {
  for (const auto& one : vectors::statement_cases()) {
    CAPTURE(one.title);
    for (std::size_t at = 0; at <= one.text.size(); ++at) {
      CAPTURE(at);
      REQUIRE(cut_in_two(one.text, at, one.standard_strings) == lines(one.seen));
    }
  }
}

TEST_CASE("a statement is its text from the first token to the last, without its semicolon") {
  CHECK(cut_out(" /* a */ SELECT 1 -- b\n ; ( VALUES ('x;y') ) /* c */;\n; BEGIN;$1 ") ==
        std::vector<std::string>{"SELECT 1", "( VALUES ('x;y') )", "BEGIN", "$1"});
  CHECK(cut_out("SELECT a-- b") == std::vector<std::string>{"SELECT a"});
  CHECK(cut_out("SELECT E'a\\'b' ").front() == "SELECT E'a\\'b'");
  CHECK(cut_out("SELECT U&\"a\" /* b").front() == "SELECT U&\"a\"");
  CHECK(cut_out("SELECT 1 -").front() == "SELECT 1 -");
}

TEST_CASE("a name is where it is written, so that another can stand there") {
  const std::string text = "SELECT 1; EXPLAIN EXECUTE /* a */ \"A \"\"b\" (1); DEALLOCATE s_1";
  std::vector<std::string> names;
  const auto each = [&](const Statement& one) {
    names.push_back(text.substr(one.name_begin, one.name_end - one.name_begin));
  };
  StatementScanner scanner;
  scanner.feed(std::string_view(text), each);
  scanner.finish(each);
  CHECK(names == std::vector<std::string>{"", "\"A \"\"b\"", "s_1"});
}

TEST_CASE("a word in front of a name is not taken for the name where one follows") {
  CHECK(only("DEALLOCATE PREPARE a") == "deallocate [a]");
  CHECK(only("DEALLOCATE PREPARE") == "deallocate [prepare]");
  CHECK(only("RELEASE SAVEPOINT") == "release [savepoint]");
  CHECK(only("PREPARE TRANSACTION 'a'") == "prepare_transaction");
  CHECK(only("PREPARE TRANSACTION (int) AS SELECT 1") == "prepare [transaction] +prepared");
}

TEST_CASE("a carriage return ends a comment, and a form feed is space") {
  CHECK(scan("SELECT 1 -- it's\r; SELECT 2", 1).size() == 2);
  CHECK(only("DEALLOCATE\fs") == "deallocate [s]");
}

TEST_CASE("an identifier is cut at 63 bytes, before a character that does not fit") {
  const std::string a62(62, 'a');
  CHECK(only("EXECUTE " + a62 + "bc") == "execute [" + a62 + "b] !executes");
  CHECK(only("EXECUTE " + a62 + "ß") == "execute [" + a62 + "] !executes");
  CHECK(only("EXECUTE \"" + a62 + "€uro\"") == "execute [" + a62 + "] !executes");
  CHECK(only("EXECUTE " + std::string(100'000, 'B')) ==
        "execute [" + std::string(63, 'b') + "] !executes");
}

TEST_CASE("a tag longer than is kept hides the rest, which is said") {
  const std::string tag = "$" + std::string(65, 't') + "$";
  CHECK(only("SELECT " + tag + "a" + tag + "; SET x = 1") == "other +unclear");
  const std::string kept = "$" + std::string(64, 't') + "$";
  CHECK(scan("SELECT " + kept + "a" + kept + "; SET x = 1", 7).back() == "set [x] +setting");
}

TEST_CASE("comments and parentheses may be as deep as they like") {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "/*";
  for (int i = 0; i < 100'000; ++i) deep += "*/";
  CHECK(lines(scan(deep + "SELECT 1; SELECT 2", 4096)) == "other\nother\n");
  CHECK(lines(scan(
            "SELECT " + std::string(100'000, '(') + ";" + std::string(100'000, ')') + "; BEGIN",
            4096)) == "other\nbegin\n");
}

TEST_CASE("bytes that are no SQL are passed over") {
  constexpr char kText[] = "SELECT \0\x01\x7f\xff; \\ LISTEN a";
  const std::string text(kText, sizeof kText - 1);
  CHECK(scan(text, 1).size() == 2);
  CHECK(scan(text, 1) == scan(text, text.size()));
}

TEST_CASE("a scanner is small") { CHECK(sizeof(StatementScanner) < 512); }
