#include "proxy/io/user_name.h"

#include <doctest/doctest.h>
#include <pwd.h>
#include <unistd.h>

using namespace weir::proxy::io;

TEST_CASE("a user's name is what the system calls him") {
  for (const std::uint32_t uid : {std::uint32_t{0}, std::uint32_t{::geteuid()}}) {
    const passwd* const entry = getpwuid(uid);
    REQUIRE(entry != nullptr);
    CHECK(user_name_of(uid) == entry->pw_name);
  }
}

TEST_CASE("a user who is not listed has no name") { CHECK(!user_name_of(0xffff'fffe).has_value()); }
