// placement.h: which worker a new client goes to.
#pragma once

#include <cstddef>
#include <vector>

#include "proxy/commons.h"

namespace weir::proxy {

// A worker with little to do sleeps and wakes for each message, and servers have to travel between
// workers: a few clients cost less together. From this many on all workers share them; below it
// as many workers as there are clients in proportion.
inline constexpr std::size_t kAllShareFrom = 32;

class Placement {
 public:
  // `sparing`: a few clients are kept together; otherwise all workers share from the first.
  Placement(std::size_t workers, bool sparing) : workers_(workers), sparing_(sparing) {}

  // The one with the fewest clients, of those that are needed; they take turns when equal.
  // REQUIRES: one of `stats` a worker.
  std::size_t choose(const std::vector<WorkerStats>& stats);

 private:
  std::size_t needed(const std::vector<WorkerStats>& stats) const;

  const std::size_t workers_;
  const bool sparing_;
  std::size_t last_ = 0;
};

}  // namespace weir::proxy
