// Quota and exchange under real threads: bounded counts, no timing. TSan watches the same run.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "pool/exchange.h"
#include "pool/quota.h"

using namespace weir;
using namespace weir::pool;

namespace {

constexpr std::size_t kThreads = 4;
constexpr int kRounds = 5'000;

void on_threads(auto work) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

// Each thread's letter box: it waits here until it is woken. Nobody else wakes it.
struct Bells {
  std::array<std::atomic<int>, kThreads> rung{};
  void wake(WorkerMask mask) {
    for (std::size_t i = 0; i < kThreads; ++i) {
      if ((mask >> i & 1) == 0) continue;
      rung[i].store(1);
      rung[i].notify_one();
    }
  }
  void wait(std::size_t i) {
    rung[i].wait(0);
    rung[i].store(0);
  }
};

}  // namespace

TEST_CASE("a quota under four threads is exact, and wakes everyone it refused") {
  Limit pool{2}, database{3}, user{2}, all{3};
  Quota quota{pool, database, user, all};
  Bells bells;
  std::atomic<int> held{0};
  std::atomic<bool> exceeded{false};
  on_threads([&](std::size_t self) {
    for (int round = 0; round < kRounds; ++round) {
      for (;;) {  // A lost wake-up stops here for good.
        const auto taken = quota.take(self);
        bells.wake(taken.wake);
        if (taken.refused_by == nullptr) break;
        bells.wait(self);
      }
      if (held.fetch_add(1) >= 2 || pool.exceeded()) exceeded = true;
      held.fetch_sub(1);
      bells.wake(quota.give_back());
    }
  });
  CHECK_FALSE(exceeded.load());
  CHECK(pool.taken() + database.taken() + user.taken() + all.taken() == 0);
}

TEST_CASE("two pools at one limit wake each other, at their database's and at the one over all") {
  std::int64_t of_database = 1;
  SUBCASE("their database's") {}
  SUBCASE("the one over all") { of_database = 0; }
  Limit first{9}, second{9}, database{of_database}, user, all{1 - of_database};
  std::array quotas{Quota{first, database, user, all}, Quota{second, database, user, all}};
  Bells bells;
  std::atomic<bool> alone{true};
  std::atomic<int> held{0};
  on_threads([&](std::size_t self) {
    Quota& quota = quotas[self % 2];
    for (int round = 0; round < kRounds; ++round) {
      for (;;) {
        const auto taken = quota.take(self);
        bells.wake(taken.wake);
        if (taken.refused_by == nullptr) break;
        bells.wait(self);
      }
      if (held.fetch_add(1) != 0) alone = false;
      held.fetch_sub(1);
      bells.wake(quota.give_back());
    }
  });
  CHECK(alone.load());
  CHECK(first.taken() + second.taken() + database.taken() + all.taken() == 0);
}

// Who waits publishes and then looks for idle servers; who idles publishes and then looks for
// waiters. In each round one of the two must see the other.
TEST_CASE("a waiter and an idle server never pass each other unseen") {
  Exchange exchange{2};
  std::array<std::atomic<int>, 2> at{};
  std::array<std::vector<char>, 2> saw{std::vector<char>(kRounds), std::vector<char>(kRounds)};
  const auto meet = [&](std::size_t self, int round) {
    at[self].store(round);
    at[self].notify_one();
    for (int seen = at[1 - self].load(); seen < round; seen = at[1 - self].load()) {
      at[1 - self].wait(seen);
    }
  };
  const auto play = [&](std::size_t self) {
    for (int round = 0; round < kRounds; ++round) {
      meet(self, 2 * round + 1);
      if (self == 0) {
        exchange.publish(0, 1 + round, 1, 0);
        saw[0][static_cast<std::size_t>(round)] = exchange.idle_elsewhere(0).has_value();
      } else {
        exchange.publish(1, kNever, 0, 1);
        saw[1][static_cast<std::size_t>(round)] = exchange.oldest_elsewhere(1).has_value();
      }
      meet(self, 2 * round + 2);
      exchange.publish(self, kNever, 0, 0);
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  int unseen = 0;
  for (std::size_t i = 0; i < kRounds; ++i) unseen += !saw[0][i] && !saw[1][i] ? 1 : 0;
  CHECK(unseen == 0);
}

TEST_CASE("a waiter read between two stores never waits since never") {
  Exchange exchange{2};
  std::atomic<bool> over{false};
  std::thread other([&] {
    for (int round = 0; round < 20 * kRounds; ++round) {
      exchange.publish(1, round % 2 == 0 ? Instant{round} : kNever, round % 2 == 0 ? 1 : 0, 0);
    }
    over = true;
  });
  bool never = false;
  while (!over) {
    const auto waiter = exchange.oldest_elsewhere(0);
    if (waiter && waiter->since == kNever) never = true;
  }
  other.join();
  CHECK_FALSE(never);
}
