#include "pool/exchange.h"

#include <bit>

#include "protocol/plant.h"

namespace weir::pool {

namespace {

constexpr WorkerMask bit(std::size_t worker) { return WorkerMask{1} << worker; }

void set(std::atomic<WorkerMask>& mask, std::size_t worker, bool on) {
  const bool was = (mask.load(std::memory_order_relaxed) & bit(worker)) != 0;
  if (was == on) return;  // Only this worker writes this bit.
  if (on) {
    mask.fetch_or(bit(worker));
  } else {
    mask.fetch_and(~bit(worker));
  }
}

}  // namespace

void Exchange::publish(std::size_t worker, Instant oldest, std::uint32_t parked,
                       std::uint32_t idle) {
  if (workers() == 1) return;
  Cell& cell = cells_[worker];
  cell.oldest.store(oldest, std::memory_order_relaxed);
  if (cell.parked.load(std::memory_order_relaxed) != parked) cell.parked.store(parked);
  set(waiting_, worker, parked > 0 && !planted(Plant::lost_wakeup));
  set(offering_, worker, idle > 0);
}

std::optional<Exchange::Waiter> Exchange::oldest_elsewhere(std::size_t worker) const {
  std::optional<Waiter> best;
  for (WorkerMask left = waiting_.load() & ~bit(worker); left != 0; left &= left - 1) {
    const auto other = static_cast<std::size_t>(std::countr_zero(left));
    const Cell& cell = cells_[other];
    if (cell.promised.load() >= cell.parked.load()) continue;
    const Instant since = cell.oldest.load();
    if (since == kNever) continue;  // It is just emptying its line.
    if (!best || since < best->since) best = Waiter{other, since};
  }
  return best;
}

std::optional<std::size_t> Exchange::idle_elsewhere(std::size_t worker) const {
  const WorkerMask others = offering_.load() & ~bit(worker);
  if (others == 0) return std::nullopt;
  return static_cast<std::size_t>(std::countr_zero(others));
}

}  // namespace weir::pool
