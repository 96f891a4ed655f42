#include "pool/instant.h"

#include <doctest/doctest.h>

TEST_CASE("an instant counts microseconds, and never is later than all of them") {
  CHECK(weir::kSecond == 1000 * weir::kMillisecond);
  CHECK(weir::kNever > 300LL * 365 * 24 * 3600 * weir::kSecond);
}
