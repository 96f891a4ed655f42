// open_files.h: how many descriptors this process may have, and how many of them clients must
// leave.
#pragma once

#include <cstdint>

#include "proxy/config/config.h"

namespace weir::proxy::io {

inline constexpr std::int64_t kReserveMin = 16;  // For servers, beside one whole pool.

// Raises the soft limit of open files to the hard one and returns what is in force then.
std::int64_t raise_open_files();

// How many of `descriptors_max` a crowd of clients leaves to server connections, so that a pool can
// still dial: room for the largest pool. One without a limit counts as a quarter of all; clients
// always keep half of what connections may have.
std::int64_t reserve_for_servers(const config::Config& config, std::int64_t descriptors_max);

}  // namespace weir::proxy::io
