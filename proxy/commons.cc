#include "proxy/commons.h"

namespace weir::proxy {

Parameters PoolEntry::parameters() const {
  const std::lock_guard lock(mutex_);
  return parameters_;
}

void PoolEntry::set_parameters(Parameters parameters) {
  const std::lock_guard lock(mutex_);
  parameters_ = std::move(parameters);
}

bool Commons::has_room(const PoolId& id) {
  const std::lock_guard lock(mutex_);
  return pools_.size() < kPoolsMax || pools_.contains(id);
}

PoolEntry& Commons::pool(const PoolId& id) {
  NamedLimits& of_database = database(id.database);
  NamedLimits& of_user = user(id.user);
  const std::lock_guard lock(mutex_);
  auto& entry = pools_[id];
  if (!entry) entry = std::make_unique<PoolEntry>(workers, of_database.servers, of_user.servers);
  return *entry;
}

NamedLimits& Commons::database(const std::string& name) { return limits(databases_, name); }

NamedLimits& Commons::user(const std::string& name) { return limits(users_, name); }

NamedLimits& Commons::limits(std::map<std::string, std::unique_ptr<NamedLimits>>& of,
                             const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& slot = of[name];
  if (!slot) slot = std::make_unique<NamedLimits>();
  return *slot;
}

Totals Commons::totals() const {
  Totals totals;
  for (const WorkerStats& of : stats) {
    totals.transactions += of.transactions.load(std::memory_order_relaxed);
    totals.queries += of.queries.load(std::memory_order_relaxed);
    totals.links += of.links.load(std::memory_order_relaxed);
    totals.wait_us += of.wait_us.load(std::memory_order_relaxed);
  }
  return totals;
}

}  // namespace weir::proxy
