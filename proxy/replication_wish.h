// replication_wish.h: whether a startup packet asks for a replication connection, and what for
// (manual: Streaming Replication Protocol).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/result.h"
#include "protocol/startup.h"

namespace weir::proxy {

struct ReplicationWish {
  // Of the startup packet, but for user and database: its server gets them as they are.
  std::vector<std::pair<std::string, std::string>> parameters;
  bool physical = false;  // Else of its database.
};

// Nothing: an ordinary session.
Result<std::optional<ReplicationWish>> read_replication(const protocol::Startup& startup);

}  // namespace weir::proxy
