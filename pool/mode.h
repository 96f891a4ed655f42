// mode.h: how long a client keeps the server it was given (PgBouncer's pool_mode).
#pragma once

#include <cstdint>

namespace weir::pool {

enum class PoolMode : std::uint8_t { session, transaction, statement };

}  // namespace weir::pool
