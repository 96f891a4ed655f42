// quota.h: exact, process-wide maxima of connections, shared by all workers.
//
// A Limit is one counter. A worker that is refused leaves its mark; whoever gives a unit back
// learns which workers to wake. Take-after-mark and mark-after-give order the two, so that no
// wake-up is lost: one of the two sides always sees the other.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pool/instant.h"

namespace weir::pool {

using WorkerMask = std::uint64_t;  // One bit a worker.
inline constexpr std::size_t kWorkersMax = 64;

class Limit {
 public:
  // Zero: no maximum.
  explicit Limit(std::int64_t max = 0) : max_(max) {}

  // `reserve_too`: what set_reserve() has put by may be used.
  bool take(bool reserve_too = false);
  // Takes above the maximum, too: a connection that lives already.
  void take_anyway() { taken_.fetch_add(1); }
  // Who was refused since the last give_back and may try again.
  WorkerMask give_back();
  // Marks the worker as refused. Call take() once more afterwards, or a unit given back between
  // the two is missed.
  void want(std::size_t worker) { wanting_.fetch_or(WorkerMask{1} << worker); }

  // Pools (a worker's share of one) with clients in line that this limit keeps from dialling.
  void starve(int by) { starving_.fetch_add(by); }
  int starving() const { return starving_.load(std::memory_order_relaxed); }

  // Of those that starve, the ones without a single server: a busy pool has to give way to them.
  void hunger(int by, Instant now) {
    if (hungry_.fetch_add(by) == 0) unfed_since_.store(now);
  }
  int hungry() const { return hungry_.load(std::memory_order_relaxed); }
  // A pool has given way to one of them.
  void feed(Instant now) { unfed_since_.store(now); }
  Instant unfed_since() const { return unfed_since_.load(std::memory_order_relaxed); }

  // Units whose connections are on their way out: still taken, soon back.
  void leave(int by) { leaving_.fetch_add(by); }
  int leaving() const { return leaving_.load(std::memory_order_relaxed); }

  void set_max(std::int64_t max) { max_.store(max); }
  // Beyond the maximum, for those who have waited long.
  void set_reserve(std::int64_t reserve) { reserve_.store(reserve); }
  std::int64_t reserve() const { return reserve_.load(std::memory_order_relaxed); }
  std::int64_t max() const { return max_.load(std::memory_order_relaxed); }
  std::int64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  // More are taken than a smaller maximum, set since, allows with its reserve.
  bool exceeded() const { return max() > 0 && taken() - leaving() > max() + reserve(); }

 private:
  std::atomic<std::int64_t> max_;
  std::atomic<std::int64_t> reserve_{0};
  std::atomic<std::int64_t> taken_{0};
  std::atomic<WorkerMask> wanting_{0};
  std::atomic<int> starving_{0};
  std::atomic<int> hungry_{0};
  std::atomic<Instant> unfed_since_{0};
  std::atomic<int> leaving_{0};
};

// The limits one server connection counts against: its pool's, its database's, its user's, and the
// one over all.
class Quota {
 public:
  Quota(Limit& pool, Limit& database, Limit& user, Limit& all)
      : limits_{&pool, &database, &user, &all} {}

  struct Taken {
    Limit* refused_by;  // nullptr: it was taken.
    WorkerMask wake;    // Workers to wake: units went back on the way to a refusal.
  };
  // One unit of each or of none. A refused worker is marked at the limit that refused it.
  // `reserve_too`: the pool's reserve may be used.
  Taken take(std::size_t worker, bool reserve_too = false);
  WorkerMask give_back();
  bool exceeded() const;
  // Not one more unit can be had.
  bool full() const;
  void leave(int by) const {
    for (Limit* limit : limits_) limit->leave(by);
  }
  Limit& pool() const { return *limits_[0]; }
  // Those that other pools count against, too.
  std::span<Limit* const> shared() const { return std::span{limits_}.subspan(1); }
  bool counts_against(const Limit& limit) const {
    return std::find(limits_.begin(), limits_.end(), &limit) != limits_.end();
  }

 private:
  std::array<Limit*, 4> limits_;
};

}  // namespace weir::pool
