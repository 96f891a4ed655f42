#include "pool/instant.h"

#include <doctest/doctest.h>

TEST_CASE("an instant counts microseconds, and never is later than all of them") {
  CHECK(weir::kSecond == 1000 * weir::kMillisecond);
  CHECK(weir::kNever > 300LL * 365 * 24 * 3600 * weir::kSecond);
}

TEST_CASE("what is shortened loses at most a fifth, and neighbours lose different parts of it") {
  using weir::shortened;
  const weir::Instant hour = 3600 * weir::kSecond;
  weir::Instant before = 0;
  for (std::uint64_t id = 1; id < 1000; ++id) {
    const weir::Instant life = shortened(hour, id);
    CHECK(life > hour - hour / 5);
    CHECK(life <= hour);
    const weir::Instant apart = life < before ? before - life : life - before;
    CHECK(apart > 60 * weir::kSecond);
    CHECK(shortened(hour, id) == life);
    before = life;
  }
  CHECK(shortened(0, 7) == 0);
  CHECK(shortened(weir::kNever, 7) == weir::kNever);
  CHECK(shortened(weir::kNever - 1, 7) > 0);
}
