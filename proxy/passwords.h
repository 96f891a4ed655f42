// passwords.h: what password_command has printed, kept for a stated time and for all workers.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "pool/instant.h"
#include "protocol/crypto.h"

namespace weir::proxy {

class Passwords {
 public:
  ~Passwords() {
    for (auto& [command, kept] : kept_) protocol::wipe(kept.password);
  }
  // By the command, so that databases that share one run it once. Nothing: it has to be run.
  std::optional<std::string> find(const std::string& command, Instant now) const {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(command);
    if (found == kept_.end() || now >= found->second.until) return std::nullopt;
    return found->second.password;
  }
  void keep(const std::string& command, std::string password, Instant until) {
    const std::lock_guard lock(mutex_);
    Kept& kept = kept_[command];
    protocol::wipe(kept.password);
    kept = {std::move(password), until};
  }
  // A server has refused it.
  void drop(const std::string& command) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(command);
    if (found == kept_.end()) return;
    protocol::wipe(found->second.password);
    kept_.erase(found);
  }

 private:
  struct Kept {
    std::string password;
    Instant until;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // At most one for each command in the configuration.
};

}  // namespace weir::proxy
