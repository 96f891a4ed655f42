#include "proxy/hosts.h"

#include <algorithm>

namespace weir::proxy {

Hosts::Leave Hosts::begin(const Target& host, Instant now) {
  if (count_.load() == 0) return Leave::yes;
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(name(host));
  if (found == all_.end()) return Leave::yes;
  if (now < found->second.ready_at) return Leave::no;
  found->second.ready_at = now + kTrialPatience;
  return Leave::trial;
}

Instant Hosts::ready_at(const Target& host) const {
  if (count_.load() == 0) return 0;
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(name(host));
  return found == all_.end() ? 0 : found->second.ready_at;
}

void Hosts::failed(const Target& host, Instant begun, Instant now, const Pause& pause,
                   const Fault& fault) {
  const std::lock_guard lock(mutex_);
  if (all_.size() >= kHostsInTroubleMax && !all_.contains(name(host))) all_.clear();
  Trouble& trouble = all_[name(host)];
  count_ = all_.size();
  trouble.fault = fault;
  if (trouble.failures > 0 && begun < trouble.failed_at) return;
  const std::uint32_t doublings = std::min<std::uint32_t>(trouble.failures++, 16);
  const Instant longest = std::min({kHostPauseFirst << doublings, kHostPauseMax, pause.max});
  const Instant half = longest / 2;
  trouble.failed_at = now;
  trouble.ready_at = now + half + static_cast<Instant>(static_cast<double>(half) * pause.jitter);
}

bool Hosts::answered(const Target& host) {
  if (count_.load() == 0) return false;
  const std::lock_guard lock(mutex_);
  const bool was_in_trouble = all_.erase(name(host)) > 0;
  count_ = all_.size();
  return was_in_trouble;
}

std::optional<Fault> Hosts::fault(const Target& host) const {
  if (count_.load() == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(name(host));
  if (found == all_.end()) return std::nullopt;
  return found->second.fault;
}

}  // namespace weir::proxy
