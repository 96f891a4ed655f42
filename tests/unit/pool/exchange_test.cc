#include "pool/exchange.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::pool;

TEST_CASE("nobody waits or offers before anybody said so") {
  const Exchange exchange{3};
  CHECK_FALSE(exchange.oldest_elsewhere(0));
  CHECK_FALSE(exchange.idle_elsewhere(0));
}

TEST_CASE("a worker sees the oldest waiter of the others, never its own") {
  Exchange exchange{3};
  exchange.publish(0, 10, 1, 0);
  exchange.publish(1, 30, 2, 0);
  exchange.publish(2, 20, 1, 0);
  CHECK(exchange.oldest_elsewhere(0)->worker == 2);
  CHECK(exchange.oldest_elsewhere(0)->since == 20);
  CHECK(exchange.oldest_elsewhere(1)->worker == 0);
  exchange.publish(0, kNever, 0, 0);
  CHECK(exchange.oldest_elsewhere(1)->worker == 2);
}

TEST_CASE("a waiter with a server on its way to it does not count") {
  Exchange exchange{2};
  exchange.publish(1, 5, 1, 0);
  exchange.promise(1);
  CHECK_FALSE(exchange.oldest_elsewhere(0));
  exchange.publish(1, 5, 2, 0);
  CHECK(exchange.oldest_elsewhere(0));
  exchange.promise(1);
  CHECK_FALSE(exchange.oldest_elsewhere(0));
  exchange.arrived(1);
  CHECK(exchange.oldest_elsewhere(0));
  CHECK(exchange.promised(1) == 1);
}

// Between two stores of a worker that empties its line, another one sees the count of before.
TEST_CASE("a waiter that waits since never is leaving the line: nobody to hand a server to") {
  Exchange exchange{2};
  exchange.publish(1, kNever, 1, 0);
  CHECK_FALSE(exchange.oldest_elsewhere(0));
}

TEST_CASE("an idle server is seen by the others only, until it is gone") {
  Exchange exchange{64};
  exchange.publish(63, kNever, 0, 1);
  CHECK(exchange.idle_elsewhere(0) == 63);
  CHECK_FALSE(exchange.idle_elsewhere(63));
  exchange.publish(63, kNever, 0, 0);
  CHECK_FALSE(exchange.idle_elsewhere(0));
}

TEST_CASE("a single worker has no others to tell") {
  Exchange exchange{1};
  exchange.publish(0, 5, 1, 1);
  CHECK_FALSE(exchange.oldest_elsewhere(0));
  CHECK_FALSE(exchange.idle_elsewhere(0));
}
