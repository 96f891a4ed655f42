#include "protocol/machine.h"

#include <doctest/doctest.h>

using weir::Machine;

namespace {

enum class Door : unsigned char { open, closed, locked, count };
enum class Push : unsigned char { shut, lift, turn, count };

constexpr Machine<Door, Push, 3> kDoor{{{
    {Door::open, Push::shut, Door::closed},
    {Door::closed, Push::lift, Door::open},
    {Door::closed, Push::turn, Door::locked},
}}};
constexpr Machine<Door, Push, 2> kForked{{{
    {Door::open, Push::shut, Door::closed},
    {Door::open, Push::shut, Door::locked},
}}};
constexpr std::size_t kStates = 3;

}  // namespace

TEST_CASE("a machine goes where an edge leads and nowhere else") {
  CHECK(kDoor.next(Door::open, Push::shut) == Door::closed);
  CHECK_FALSE(kDoor.next(Door::open, Push::turn));
  CHECK_FALSE(kDoor.next(Door::locked, Push::lift));
}

TEST_CASE("two edges for one event are found out") {
  CHECK(kDoor.deterministic());
  CHECK_FALSE(kForked.deterministic());
}

TEST_CASE("a state that no path reaches is found out") {
  CHECK(kDoor.reaches_all<kStates>(Door::open));
  CHECK_FALSE(kDoor.reaches_all<kStates>(Door::locked));
}

TEST_CASE("the dense table says what the edges say") {
  constexpr auto table = kDoor.dense<kStates, 3>();
  for (std::size_t state = 0; state < kStates; ++state) {
    for (std::size_t event = 0; event < 3; ++event) {
      const auto to = kDoor.next(static_cast<Door>(state), static_cast<Push>(event));
      CHECK(table[state][event] == (to ? static_cast<std::size_t>(*to) : kStates));
    }
  }
}
