#include "proxy/config/expand.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir::proxy::config;

namespace {

const Environment kSome{{"HOST", "db1"}, {"EMPTY", ""}, {"ODD", "a b'c${HOST}"}, {"_x9", "u"}};

std::string expanded(std::string_view text) {
  const auto out = expand(text, kSome);
  return out ? *out : "refused: " + out.error();
}

}  // namespace

TEST_CASE("variables are put in, wherever they stand") {
  CHECK(expanded("${HOST}") == "db1");
  CHECK(expanded("x${HOST}y${HOST}") == "xdb1ydb1");
  CHECK(expanded("${_x9}") == "u");
  CHECK(expanded("") == "");
  CHECK(expanded("${EMPTY}") == "");
}

TEST_CASE("a default stands where the variable is unset or empty") {
  CHECK(expanded("${HOST:-other}") == "db1");
  CHECK(expanded("${NONE:-other}") == "other");
  CHECK(expanded("${EMPTY:-other}") == "other");
  CHECK(expanded("${NONE:-}") == "");
  CHECK(expanded("${NONE:-a:-b}") == "a:-b");
}

TEST_CASE("what is put in is not expanded again") { CHECK(expanded("${ODD}") == "a b'c${HOST}"); }

TEST_CASE("other dollars stay, and $${ is a plain ${") {
  for (const char* text : {"$", "$$", "a$b", "$HOST", "{HOST}", "$$HOST", "pa$$word", "x$"}) {
    CHECK(expanded(text) == text);
    CHECK_FALSE(has_variable(text));
  }
  CHECK(expanded("$${HOST}") == "${HOST}");
  CHECK(expanded("$$${HOST}") == "$${HOST}");
  CHECK(has_variable("$${HOST}"));
}

TEST_CASE("an unset variable is named, a broken one is not quoted") {
  CHECK(expanded("a ${NONE} b") ==
        "refused: the environment has no variable NONE; ${NONE:-text} would do without it");
  CHECK(expanded("${HOST") == "refused: a ${ never closes; $${ is a plain ${");
  for (const char* text : {"${}", "${9a}", "${a b}", "${HOST-x}", "${:-x}", "${a${HOST}}"}) {
    CHECK(expanded(text) ==
          "refused: what stands in ${} is no name of a variable; $${ is a plain ${");
  }
}

TEST_CASE("a default has no variable in it, whether it is needed or not") {
  for (const char* text : {"${NONE:-${HOST}}", "${HOST:-${NONE}}", "${NONE:-a$${b}"}) {
    CHECK(expanded(text) == "refused: no ${ inside the text behind :-");
  }
  CHECK(expanded("${NONE:-a$b}") == "a$b");
}

TEST_CASE("in a URI a value is encoded to the last character that could end its part") {
  const auto uri = expand("x://${ODD}@${HOST}", kSome, &percent_encoded);
  REQUIRE(uri);
  CHECK(*uri == "x://a%20b%27c%24%7BHOST%7D@db1");
  CHECK(percent_encoded("Az09-._~/@:?#&%\xff") == "Az09-._~%2F%40%3A%3F%23%26%25%FF");
}

TEST_CASE("the environment is read as the C library has it") {
  const char* const variables[] = {"A=1", "B=x=y", "C=", "nothing", nullptr};
  CHECK(read_environment(variables) == Environment{{"A", "1"}, {"B", "x=y"}, {"C", ""}});
  CHECK(read_environment(nullptr).empty());
}
