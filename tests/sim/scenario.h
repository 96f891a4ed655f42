// scenario.h: all that one seed decides before anything happens: workers, pools, clients, faults.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pool/mode.h"
#include "tests/sim/client.h"
#include "tests/sim/logins.h"
#include "tests/sim/postgres.h"

namespace weir::sim {

struct Limits {
  std::size_t pool_size = 1;
  std::size_t database_max = 0;  // max_db_connections; zero: none.
  std::size_t reserve = 0;       // reserve_pool_size.
  std::size_t user_max = 0;      // max_user_connections; zero: none.
  std::size_t all_max = 0;       // max_server_connections; zero: none.
};

inline constexpr std::string_view kLoginNotice = "welcome";

enum class Trouble { crash, terminate, drop, refuse_dials, hang_dials, reload, count };

struct Scenario {
  std::size_t workers = 1;
  pool::PoolMode mode = pool::PoolMode::transaction;
  Logins logins;
  Limits limits;
  Limits limits_later;                    // After a reload.
  std::string forced_user, forced_later;  // Of both databases; empty: each client's own.
  Instant query_wait_timeout = 0;
  std::map<std::string, Instant, std::less<>> timeouts;  // By what is said when they are over.
  Instant query_cancel = kNever;                         // query_timeout, where it cancels.
  bool fallback = false;                                 // One entry, "*", serves both databases.
  bool notices = false;                                  // When it logs in, and while it waits.
  std::string fixed_lines;  // Of the [pgweir] section, the same after a reload.
  std::vector<Temper> clients;
  std::vector<Instant> arrivals;  // One a client.
  Postgres::Habits habits;
  std::vector<std::pair<Instant, Trouble>> troubles;
  Instant troubles_end = 0;
  Instant mail_delay_max = 0;
  std::size_t rush = 0;  // Time passes before all has happened, one step in this many; 0: never.

  std::string config(const Limits& now, const std::string& forced) const;
  std::string config() const { return config(limits, forced_user); }
  std::string config_later() const { return config(limits_later, forced_later); }
  std::string text() const;
};

// `workers`: zero: the seed decides.
Scenario draw(std::uint64_t seed, std::size_t workers);

}  // namespace weir::sim
