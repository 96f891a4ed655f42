// What the scanner finds anywhere in a statement (protocol/statement_traces.cc).
#include <doctest/doctest.h>

#include <string>

#include "tests/vectors/statement_cases.h"

using weir::vectors::scan;

namespace {

std::string only(const std::string& text) {
  const auto seen = scan(text, 1);
  REQUIRE(seen.size() == 1);
  return seen[0];
}

}  // namespace

TEST_CASE("set_config is local only by one plain true for its third argument") {
  for (const char* local : {"true", "TRUE", "'t'", "'on'", "'YES'", "'1'", " /* a */ true "}) {
    CHECK(only("SELECT set_config('a', 'b', " + std::string(local) + ")") == "other");
  }
  for (const char* unsure : {"false", "NULL", "$3", "'f'", "\"true\"", "NOT true", "(true)",
                             "U&'t'", "true, true", "'true '", "x.true", ""}) {
    CHECK(only("SELECT set_config('a', 'b', " + std::string(unsure) + ")") == "other +set_config");
  }
  CHECK(only("SELECT set_config('a', true)") == "other +set_config");
}

TEST_CASE("a nested set_config is reported even where the outer one is local") {
  CHECK(only("SELECT set_config('a', set_config('b', 'c', true), true)") == "other +set_config");
  CHECK(only("SELECT set_config('a', $1, true)") == "other");
  CHECK(only("SELECT set_config($1, $2, $3)") == "other +set_config");
  CHECK(only("SELECT set_config('a', 'b', E'\\x74')") == "other +set_config");
  CHECK(only("SELECT set_config('a', 'b', true") == "other +set_config");
}

TEST_CASE("a function is one only where it is called") {
  CHECK(only("SELECT pg_advisory_lock, nextval FROM set_config") == "other");
  CHECK(only("SELECT \"pg_advisory_lock\"(1)") == "other +advisory_lock");
  CHECK(only("SELECT \"PG_ADVISORY_LOCK\"(1)") == "other");
  CHECK(only("SELECT pg_advisory_lock_(1), xpg_advisory_lock(2)") == "other");
  CHECK(only("SELECT 'a'::regclass, nextval\n--\n(1)") == "other +sequence");
}

TEST_CASE("INTO TEMP makes a table where a name follows and nothing is inserted") {
  CHECK(only("SELECT 1 INTO LOCAL TEMP a") == "other +temp_table");
  CHECK(only("SELECT 1 INTO TEMP \"a\"") == "other +temp_table");
  CHECK(only("SELECT 1 INTO temp") == "other");
  CHECK(only("SELECT 1 INTO temp.a") == "other");
  CHECK(only("INSERT INTO temp VALUES (1)") == "other");
  CHECK(only("WITH a AS (INSERT INTO temp DEFAULT VALUES RETURNING b) TABLE a") == "other");
}
