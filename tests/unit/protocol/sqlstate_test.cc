// sqlstate.cc has no header of its own: known_sqlstate() is declared in decode.h.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "protocol/decode.h"

using weir::protocol::known_sqlstate;

TEST_CASE("PostgreSQL's codes get static storage, all others XX000") {
  for (const char* code : {"01000", "08P01", "28P01", "3D000", "53300", "57P03", "XX002"}) {
    const char* found = nullptr;
    {
      const std::string copy = code;
      found = known_sqlstate(copy);
    }
    CHECK(std::strcmp(found, code) == 0);
  }
  for (const char* code : {"", "00000", "28P0", "28P011", "ZZ999", "xx000"}) {
    CHECK(std::strcmp(known_sqlstate(code), "XX000") == 0);
  }
}
