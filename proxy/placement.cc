#include "proxy/placement.h"

#include <algorithm>

namespace weir::proxy {

namespace {

std::size_t clients_of(const WorkerStats& worker) {
  return static_cast<std::size_t>(
      std::max<std::int64_t>(0, worker.clients.load(std::memory_order_relaxed)));
}

}  // namespace

std::size_t Placement::choose(const std::vector<WorkerStats>& stats) {
  const std::size_t count = needed(stats);
  std::size_t best = last_ = (last_ + 1) % count;
  for (std::size_t i = 0; i < count; ++i) {
    if (clients_of(stats[i]) < clients_of(stats[best])) best = i;
  }
  return best;
}

std::size_t Placement::needed(const std::vector<WorkerStats>& stats) const {
  if (!sparing_) return workers_;
  std::size_t clients = 0;
  for (const WorkerStats& of : stats) clients += clients_of(of);
  return std::min(workers_, clients * workers_ / kAllShareFrom + 1);
}

}  // namespace weir::proxy
