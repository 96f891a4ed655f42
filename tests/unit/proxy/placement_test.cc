#include "proxy/placement.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace weir;
using namespace weir::proxy;

namespace {

// This many clients come, one after the other; how many each worker has then.
std::vector<std::int64_t> spread(std::size_t workers, bool sparing, std::size_t clients) {
  Placement placement(workers, sparing);
  std::vector<WorkerStats> stats(workers);
  for (; clients > 0; --clients) ++stats[placement.choose(stats)].clients;
  std::vector<std::int64_t> counts;
  for (const WorkerStats& of : stats) counts.push_back(of.clients);
  return counts;
}

}  // namespace

TEST_CASE("with a number of workers given, all share from the first client on") {
  for (const std::size_t workers : {1u, 2u, 3u, 64u}) {
    for (const std::size_t clients : {1u, 2u, 64u, 1'000u}) {
      const auto counts = spread(workers, false, clients);
      const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
      CHECK(*most - *least <= 1);
    }
  }
}

TEST_CASE("a few clients stay together, many are shared by all") {
  CHECK(spread(1, true, 100) == std::vector<std::int64_t>{100});
  CHECK(spread(2, true, 16) == std::vector<std::int64_t>{16, 0});
  CHECK(spread(2, true, 17) == std::vector<std::int64_t>{16, 1});
  CHECK(spread(2, true, 32) == std::vector<std::int64_t>{16, 16});
  CHECK(spread(4, true, 8) == std::vector<std::int64_t>{8, 0, 0, 0});
  CHECK(spread(4, true, 24) == std::vector<std::int64_t>{8, 8, 8, 0});
  const auto counts = spread(64, true, 10);
  CHECK(std::count(counts.begin(), counts.end(), 1) == 10);
}

TEST_CASE("the crowd is shared evenly, however it came") {
  for (const std::size_t workers : {2u, 3u, 8u, 64u}) {
    const auto counts = spread(workers, true, 1'000);
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    CHECK(*most - *least <= 1);
  }
}

TEST_CASE("who has lost clients gets the next ones") {
  Placement placement(3, false);
  std::vector<WorkerStats> stats(3);
  stats[0].clients = 5;
  stats[1].clients = 2;
  stats[2].clients = 5;
  CHECK(placement.choose(stats) == 1);
  stats[1].clients = -1;  // A count that is read while it changes.
  CHECK(placement.choose(stats) == 1);
}
