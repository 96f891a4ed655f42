// mail.h: what workers tell each other. Each letter is taken out by exactly one worker, in one of
// its turns; nothing in it is shared but what outlives all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "pool/pool.h"
#include "protocol/bytes.h"
#include "protocol/crypto.h"
#include "protocol/parameters.h"
#include "proxy/config/config.h"
#include "proxy/secure_start.h"
#include "proxy/world.h"

namespace weir::proxy {

struct PoolId {
  std::string database;  // As the client named it.
  std::string user;      // The server's user.
  bool operator==(const PoolId&) const = default;
  bool operator<(const PoolId& other) const {
    return std::tie(database, user) < std::tie(other.database, other.user);
  }
};

// A socket that the listener accepted.
struct Accepted {
  Socket socket;
  Address peer;
  std::optional<std::uint32_t> peer_uid = {};  // Of a unix socket's peer.
};

// Whose rights a server's session has.
struct Identity {
  std::string user;  // session_authorization
  std::string is_superuser;
  bool operator==(const Identity&) const = default;
};

// An idle server connection on its way to another worker, with all that is known of it.
struct HandOver {
  PoolId pool;
  Socket socket;
  std::unique_ptr<Codec> codec;  // None: in plain text.
  std::uint64_t id;
  Target target;
  Security security;
  std::uint32_t pid;
  Buffer cancel_key;
  protocol::Values settings, own_settings;  // Tracked parameters, in Tracked's order.
  protocol::Values extras;
  bool extras_sure;
  Identity identity;
  Instant born_at;
  Instant idle_since;
  std::size_t config_generation;
  bool close_needed;
  bool has_named_statements;
  std::uint64_t last_client;
  bool answers_lend;  // It was asked for.
};
// Who wants to know a secret.
struct Asker {
  std::size_t worker;
  std::uint64_t client;
  std::uint32_t place;
};
struct Lend {  // `worker` has clients in line and believes us to have an idle server.
  PoolId pool;
  std::size_t worker;
};
struct LendRefused {
  PoolId pool;
};
struct Nudge {};             // A unit of some quota has come back: try to grow what waits.
struct Evict {               // Another pool needs a unit under this limit: let an idle server go.
  const pool::Limit* limit;  // To be compared alone: it may have been forgotten.
};
struct Welcomed {  // The pool's first server has logged in: its parameters are known.
  PoolId pool;
};
struct Cancel {  // A CancelRequest for a client of the addressed worker.
  std::uint32_t pid;
  Buffer key;
};
struct Reload {  // Applies a new configuration. The old one lives until all have answered.
  const config::Config* config;
};
enum class Stop : std::uint8_t { when_clients_left, when_servers_left, now };
struct Shutdown {
  Stop stop;
};
// The console asks for rows and merges what all workers answer.
struct PoolCounts {
  PoolId id;
  std::uint32_t cl_active = 0, cl_waiting = 0, cl_active_cancel_req = 0, cl_waiting_cancel_req = 0;
  std::uint32_t sv_active = 0, sv_active_cancel = 0, sv_being_canceled = 0, sv_idle = 0,
                sv_used = 0, sv_tested = 0, sv_login = 0;
  Instant max_wait = 0;
  pool::PoolMode mode = pool::PoolMode::transaction;
  bool many_hosts = false, load_balance = true;
};
struct CountsWanted {
  std::size_t worker;    // Who asks.
  std::uint64_t client;  // Its console client.
};
struct Counts {
  std::uint64_t client;
  std::vector<PoolCounts> pools;
  std::size_t consoles;  // Clients of the console.
};
struct ReloadDone {  // The outcome, for the console client that asked.
  std::uint64_t client;
  std::string complaint;             // Empty: done.
  std::vector<std::string> notices;  // What the operator should know all the same.
};

// Whom auth_query asks, as which user, and what.
struct InquiryId {
  std::string database;  // As an entry of the configuration serves it.
  std::string auth_user;
  std::string query;
  bool operator<(const InquiryId& other) const {
    return std::tie(database, auth_user, query) <
           std::tie(other.database, other.auth_user, other.query);
  }
};
// A client's login needs the user's secret.
struct SecretWanted {
  InquiryId to;
  std::string user;
  Asker asker;
  bool fresh;  // Not from what is kept.
};
struct SecretFound {
  std::uint64_t client;
  std::uint32_t place;
  std::vector<std::string> secrets;  // Empty: there is no such user, or none that has a password.
  bool failed;                       // Nobody could be asked.
  bool kept;                         // The server had said so earlier.
};

struct PasswordWanted {  // To the worker that runs this password_command for all.
  std::string command;
};
struct PasswordReady {
  std::string command;
  std::string password;   // Who waits for it uses it, even when none are kept.
  std::string complaint;  // Else what failed.

  ~PasswordReady() { protocol::wipe(password); }
};

struct Mail {
  std::variant<Accepted, HandOver, Lend, LendRefused, Nudge, Evict, Welcomed, Cancel, Reload,
               Shutdown, CountsWanted, Counts, ReloadDone, SecretWanted, SecretFound,
               PasswordWanted, PasswordReady>
      letter;
};

}  // namespace weir::proxy
