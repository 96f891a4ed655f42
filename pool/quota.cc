#include "pool/quota.h"

#include "protocol/check.h"

namespace weir::pool {

bool Limit::take(bool reserve_too) {
  std::int64_t taken = taken_.load();
  for (;;) {
    const std::int64_t max = max_.load();
    if (max > 0 && taken >= max + (reserve_too ? reserve_.load() : 0)) return false;
    if (taken_.compare_exchange_weak(taken, taken + 1)) return true;
  }
}

WorkerMask Limit::give_back() {
  const std::int64_t before = taken_.fetch_sub(1);
  WEIR_CHECK(before > 0);
  return wanting_.load() == 0 ? 0 : wanting_.exchange(0);
}

Quota::Taken Quota::take(std::size_t worker, bool reserve_too) {
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    if (limits_[i]->take(reserve_too)) continue;
    limits_[i]->want(worker);
    if (limits_[i]->take(reserve_too)) continue;
    WorkerMask wake = 0;
    for (std::size_t j = 0; j < i; ++j) wake |= limits_[j]->give_back();
    return {limits_[i], wake};
  }
  return {nullptr, 0};
}

WorkerMask Quota::give_back() {
  WorkerMask wake = 0;
  for (Limit* limit : limits_) wake |= limit->give_back();
  return wake;
}

bool Quota::full() const {
  return std::any_of(limits_.begin(), limits_.end(), [](const Limit* limit) {
    return limit->max() > 0 && limit->taken() >= limit->max();
  });
}

bool Quota::exceeded() const {
  for (const Limit* limit : limits_) {
    if (limit->exceeded()) return true;
  }
  return false;
}

}  // namespace weir::pool
