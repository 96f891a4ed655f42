// exchange.h: per pool, what each worker has to offer and who waits there, for the other workers.
//
// Each worker writes its own cell and reads the others'. A worker that parks a client publishes
// it before it looks for idle servers elsewhere; a worker that idles a server publishes it before
// it looks for waiters elsewhere. Both orders are sequentially consistent: one of the two sees
// the other, so no client waits beside an idle server.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pool/instant.h"
#include "pool/quota.h"

namespace weir::pool {

// A hand-over costs as much as a whole transaction. While clients wait here, too, a waiter
// elsewhere is served first only when it has waited this much longer than our own.
inline constexpr Instant kHandoverSlack = 10 * kMillisecond;

class Exchange {
 public:
  struct Waiter {
    std::size_t worker;
    Instant since;
  };

  explicit Exchange(std::size_t workers) : cells_(workers) {}
  std::size_t workers() const { return cells_.size(); }

  // What `worker` has now. `oldest`: since when its oldest client waits, kNever for none.
  void publish(std::size_t worker, Instant oldest, std::uint32_t parked, std::uint32_t idle);

  // The other worker whose client has waited longest and has no server on its way to it.
  std::optional<Waiter> oldest_elsewhere(std::size_t worker) const;
  // Another worker with an idle server.
  std::optional<std::size_t> idle_elsewhere(std::size_t worker) const;

  // A server is on its way to `worker`; it has arrived (or was lost).
  void promise(std::size_t worker) { cells_[worker].promised.fetch_add(1); }
  void arrived(std::size_t worker) { cells_[worker].promised.fetch_sub(1); }
  std::uint32_t promised(std::size_t worker) const { return cells_[worker].promised.load(); }

 private:
  struct alignas(64) Cell {
    std::atomic<Instant> oldest{kNever};
    std::atomic<std::uint32_t> parked{0};
    std::atomic<std::uint32_t> promised{0};
  };
  std::vector<Cell> cells_;              // One a worker; never resized.
  std::atomic<WorkerMask> waiting_{0};   // Workers with a parked client.
  std::atomic<WorkerMask> offering_{0};  // Workers with an idle server.
};

}  // namespace weir::pool
