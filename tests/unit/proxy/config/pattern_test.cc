#include "proxy/config/pattern.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir::proxy::config;

namespace {

Pattern compiled(std::string_view text) {
  auto pattern = Pattern::compile(text);
  REQUIRE_MESSAGE(pattern.has_value(), (pattern ? "" : pattern.error()));
  return *pattern;
}

// "no", "yes", or what the first group matched.
std::string found(std::string_view pattern, std::string_view name) {
  const auto at = compiled(pattern).find(name);
  return !at ? "no" : at->group.value_or("yes");
}

std::string complaint(std::string_view text) {
  const auto pattern = Pattern::compile(text);
  return pattern ? "accepted" : pattern.error();
}

}  // namespace

TEST_CASE("an expression matches as PostgreSQL's does") {
  struct Row {
    std::string_view pattern, name, found;
  };
  for (const Row& row : {
           Row{"^(.*)@example\\.com$", "anna@example.com", "anna"},
           Row{"^(.*)@example\\.com$", "anna@exampleXcom", "no"},
           Row{"^(.*)@example\\.com$", "anna@example.com.evil.org", "no"},
           Row{"anna", "susanna", "yes"},
           Row{"^anna$", "susanna", "no"},
           Row{"^CN=(\\w+),", "CN=an_na7,OU=x", "an_na7"},
           Row{"^u(\\d+)$", "u17", "17"},
           Row{"^u(\\d+)$", "ud", "no"},
           Row{"^a\\sb$", "a b", "yes"},
           Row{"^([\\w.-]+)@", "a.b-c@x", "a.b-c"},
           Row{"^[^\\d]+$", "a1", "no"},
           Row{"^[[:alpha:]]+$", "abc", "yes"},
           Row{"^[]x]+$", "]x", "yes"},
           Row{"^[^]x]+$", "a]", "no"},
           Row{"^(a|b)c$", "bc", "b"},
           Row{"^(a)|b$", "b", "yes"},
           Row{"^a{2,3}$", "aaa", "yes"},
           Row{"^a{2,3}$", "aaaa", "no"},
           Row{"^\\(x\\)$", "(x)", "yes"},
           Row{"^()$", "", ""},
       }) {
    CAPTURE(row.pattern);
    CAPTURE(row.name);
    CHECK(found(row.pattern, row.name) == row.found);
  }
}

TEST_CASE("what means another thing in PostgreSQL, or nothing, is refused") {
  for (const char* text :
       {"(?i)x", "(?=x)", "a*?", "a+?", "a??", "a{2}?", "(a)\\1", "\\y", "\\D", "[\\.]", "[[.a.]]",
        "[[=a=]]", "[[:alpha:", "***=x", "x\\", "(", "[a", "a{2", "*x"}) {
    CAPTURE(text);
    CHECK(complaint(text) != "accepted");
  }
  CHECK(complaint("") == "it is empty");
  CHECK(complaint(std::string_view("a\0b", 3)) == "a NUL byte");
}

TEST_CASE("an expression has its bounds") {
  CHECK(complaint(std::string(kPatternBytesMax, 'a')) == "accepted");
  CHECK(complaint(std::string(kPatternBytesMax + 1, 'a')) == "it is longer than 256 bytes");
  const std::string too_much = "written out it has more than 512 parts";
  CHECK(complaint("((a{16}){4}){4}") == "accepted");
  CHECK(complaint("((a{16}){8}){4}") == too_much);
  CHECK(complaint("a{255}") == "accepted");
  CHECK(complaint("a{255}b{255}c{2}") == "accepted");
  CHECK(complaint("a{255}b{255}c{3}") == too_much);
  CHECK(complaint("((((((((a+)+)+)+)+)+)+)+)+") == too_much);
  CHECK(complaint("a{256}") == "{} holds one number, or two with a comma, up to 255");
  CHECK(complaint("a{99999999999999999999}") ==
        "{} holds one number, or two with a comma, up to 255");
}

TEST_CASE("a name that is too long, or no text, matches nothing") {
  const Pattern any = compiled(".*");
  CHECK(any.find(std::string(kPatternNameMax, 'x')));
  CHECK_FALSE(any.find(std::string(kPatternNameMax + 1, 'x')));
  CHECK_FALSE(any.find(std::string_view("x\0y", 3)));
}

TEST_CASE("a copy matches as its original, and equals it") {
  const Pattern one = compiled("^(a+)$");
  Pattern two = compiled("b");
  CHECK_FALSE(one == two);
  two = one;
  CHECK(one == two);
  CHECK(two.find("aa")->group == "aa");
  CHECK(one.find("aa")->group == "aa");
}
