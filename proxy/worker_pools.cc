// worker_pools.cc: the Worker's shares of pools: made when they are first asked for, forgotten when
// nobody has used them for long.
#include "proxy/worker.h"

namespace weir::proxy {

Share* Worker::find_share(const PoolId& id) {
  const auto found = shares_.find(id);
  return found == shares_.end() ? nullptr : found->second.get();
}

Share& Worker::share(const PoolId& id) {
  auto& slot = shares_[id];
  if (!slot) {
    slot = std::make_unique<Share>(commons.hold_pool(id), index);
    slot->configure(*config_, commons);
    note_emptied(*slot);
  }
  return *slot;
}

// Whoever may have been the last to use it has left. A share that is used again meanwhile needs no
// word: the deadline looks.
void Worker::note_emptied(Share& of) {
  if (!of.empty()) return;
  of.empty_since = world.now();
  arm_forgetting(of);
}

void Worker::arm_forgetting(Share& of) {
  if (!of.empty() || of.idle_timeout == kNever) return;
  deadlines.arm_no_later(of, of.empty_since + of.idle_timeout);
}

// A minimum that it must fill keeps it.
void Worker::forget_if_unused(Share& of) {
  if (!of.empty() || of.idle_timeout == kNever) return;
  if (world.now() < of.empty_since + of.idle_timeout) return arm_forgetting(of);
  if (of.below_minimum()) return deadlines.arm_no_later(of, world.now() + kMinimumPause);
  of.publish();
  deadlines.disarm(of);
  if (commons.log.wants(Level::debug)) {
    commons.log.line(Level::debug, "pool " + of.id.database + "/" + of.id.user + " is forgotten");
  }
  auto node = shares_.extract(of.id);
  commons.let_go(of.entry);
  dead_shares_.push_back(std::move(node.mapped()));
}

void Worker::on_deadline(Share& of) {
  match(of);
  grow(of);
  forget_if_unused(of);
}

}  // namespace weir::proxy
