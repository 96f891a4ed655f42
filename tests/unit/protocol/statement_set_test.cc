// What the scanner makes of SET and RESET (protocol/statement_set.cc).
#include <doctest/doctest.h>

#include <string>

#include "protocol/statement.h"
#include "tests/vectors/statement_cases.h"

using weir::vectors::scan;

namespace {

std::string only(const std::string& text) {
  const auto seen = scan(text, 1);
  REQUIRE(seen.size() == 1);
  return seen[0];
}

}  // namespace

TEST_CASE("words of SET's phrases are names where '.', '=' or TO follows") {
  CHECK(only("SET time.zone = 1") == "set [time.zone] +setting");
  CHECK(only("SET TIME ZONE 1") == "set [timezone] +setting");
  CHECK(only("SET local.x TO 1") == "set [local.x] +setting");
  CHECK(only("SET local = 1") == "set [local] +setting");
  CHECK(only("SET session TO 1") == "set [session] +setting");
  CHECK(only("SET LOCAL local.x TO 1") == "set_local [local.x]");
  CHECK(only("SET LOCAL session.x TO 1") == "set_local [session.x]");
  CHECK(only("SET transaction.x = 1") == "set [transaction.x] +setting");
  CHECK(only("SET \"local\".x = 1") == "set [local.x] +setting");
}

TEST_CASE("roles have a trace of their own, however they are set") {
  for (const char* text :
       {"SET ROLE a", "SET role = 'a'", "SET \"role\" TO a", "SET SESSION ROLE a"}) {
    CHECK(only(text) == "set [role] +role");
  }
  CHECK(only("SET session_authorization TO a") == "set [session_authorization] +role");
  CHECK(only("SET SESSION SESSION AUTHORIZATION a") == "set [session_authorization] +role");
  CHECK(only("SET SESSION AUTHORIZATION DEFAULT") == "set [session_authorization] !to_default");
  CHECK(only("SET LOCAL SESSION AUTHORIZATION a") == "set_local [session_authorization]");
}

TEST_CASE("only DEFAULT as the whole value leaves nothing behind") {
  CHECK(only("SET a = DEFAULT") == "set [a] !to_default");
  CHECK(only("SET a = \"default\"") == "set [a] +setting");
  CHECK(only("SET a = 'DEFAULT'") == "set [a] +setting");
  CHECK(only("SET NAMES") == "set [client_encoding] !to_default");
  CHECK(only("SET NAMES 'UTF8'") == "set [client_encoding] +setting");
}

TEST_CASE("names of parameters are bounded") {
  const std::string part(70, 'P');
  const std::string kept(63, 'p');
  CHECK(only("SET " + part + "." + part + "." + part + " = 1") ==
        "set [" + kept + "." + kept + "] +setting");
}

TEST_CASE("RESET takes names, phrases and ALL") {
  CHECK(only("RESET a.B") == "reset [a.b]");
  CHECK(only("RESET \"ALL\"") == "reset [all]");
  CHECK(only("RESET ALL") == "reset_all");
  CHECK(only("RESET session.x") == "reset [session.x]");
  CHECK(only("RESET SESSION AUTHORIZATION") == "reset [session_authorization]");
}
