// commons.h: what all workers share. Everything here is safe to call from any worker; nothing
// here is on the path of a query but the atomics of quota and exchange.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/pool.h"
#include "protocol/parameters.h"
#include "proxy/config/config.h"
#include "proxy/credential.h"
#include "proxy/gate.h"
#include "proxy/hosts.h"
#include "proxy/log.h"
#include "proxy/mail.h"
#include "proxy/passwords.h"
#include "proxy/tls/contexts.h"

namespace weir::proxy {

// What a server told when it logged in, for the greeting of clients (manual: Start-up).
using Parameters = std::vector<std::pair<std::string, std::string>>;

// Limits on connections of one database or of one user.
struct NamedLimits {
  explicit NamedLimits(std::string its_name) : name(std::move(its_name)) {}
  const std::string name;
  std::size_t holds = 0;  // See Commons.
  pool::Limit servers;
  pool::Limit clients;
};

// Which of its hosts a database's servers are dialled at, when they do not take turns: the same one
// for all pools and workers until a connection to it fails, then the next.
class HostTurn {
 public:
  // The host's index, not wrapped. `hosts`: a digest of the list; another list begins with its
  // first.
  std::uint32_t now(std::uint32_t hosts) const;
  // A connection that had this turn has failed. Of several such the first moves it on.
  void failed(std::uint32_t hosts, std::uint32_t turn);

 private:
  std::atomic<std::uint64_t> state_{0};  // The digest in the upper half, the turn in the lower.
};

struct DatabaseCommons : NamedLimits {
  using NamedLimits::NamedLimits;
  HostTurn host_turn;
};

// The process-wide part of one pool, and what its first server told.
struct PoolEntry {
  PoolEntry(PoolId pool_id, std::size_t workers, DatabaseCommons& of_database, NamedLimits& of_user,
            pool::Limit& of_all)
      : id(std::move(pool_id)),
        database(of_database),
        user(of_user),
        shared(workers, of_database.servers, of_user.servers, of_all) {}
  const PoolId id;
  DatabaseCommons& database;
  NamedLimits& user;
  std::size_t holds = 0;  // See Commons.
  pool::SharedPool shared;
  // Empty until a server has logged in.
  Parameters parameters() const;
  void set_parameters(Parameters parameters);
  // What the last client to log in has proved: the pool's servers log in with it.
  Credential credential() const;
  void set_credential(const Credential& credential);
  // Why the last login to a server failed; nothing: it did not.
  std::optional<Fault> login_fault() const;
  void set_login_fault(std::optional<Fault> fault);
  // Which of several passwords the servers take, while one is being rotated: the one that the last
  // login succeeded with, or the one after the last that failed.
  std::atomic<std::uint32_t> password_turn{0};

 private:
  mutable std::mutex mutex_;
  Parameters parameters_;
  Credential credential_;
  std::optional<Fault> login_fault_;
};

inline constexpr std::size_t kOffersMax = 10'000;

// Which of a user's SCRAM secrets is asked for, where it has several: one exchange names one salt.
// A login that fails leaves the next one from its address to the other secret.
class Offers {
 public:
  // `who`: the user, and where it comes from.
  std::size_t of(const std::string& who) const;
  void turn(const std::string& who, std::size_t refused);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::size_t> turns_;
};

// What one worker has done so far. Written by it alone, read by whoever reports.
struct alignas(64) WorkerStats {
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> queries{0};
  std::atomic<std::uint64_t> links{0};    // Of a client with a server,
  std::atomic<std::uint64_t> wait_us{0};  // and how long the clients waited for them.
  std::atomic<std::int64_t> clients{0};

  static void add(std::atomic<std::uint64_t>& to, std::uint64_t amount) {
    to.store(to.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
};

// What all workers have done.
struct Totals {
  std::uint64_t transactions = 0, queries = 0, links = 0, wait_us = 0;
};

// The "*" database makes a pool of any name a client gives.
inline constexpr std::size_t kPoolsMax = 10'000;

// What only the process as a whole can do. Called by workers; answered by mail.
class Office {
 public:
  // Loads the configuration anew; ReloadDone goes to `worker` for `client` (0: to nobody).
  virtual void reload(std::size_t worker, std::uint64_t client) = 0;
  virtual void shut_down(Stop stop) = 0;
  // Worker 0 has begun to shut down: no more clients come in.
  virtual void stop_accepting() = 0;
  // A worker has taken over the configuration it was mailed.
  virtual void reload_applied(std::size_t worker, const config::Config* config) = 0;

 protected:
  ~Office() = default;
};

class Commons {
  static std::uint64_t seed_of(const std::array<std::uint8_t, 32>& secret) {
    return std::uint64_t{load_u32(secret.data())} << 32 | load_u32(secret.data() + 4);
  }

 public:
  // `secret`: 32 bytes of a CSPRNG; cancel keys and mock salts are derived from it.
  Commons(std::size_t worker_count, const std::array<std::uint8_t, 32>& random_secret,
          protocol::Tracked tracked_parameters, Office& the_office, Log& the_log)
      : workers(worker_count),
        secret(random_secret),
        tracked(std::move(tracked_parameters)),
        office(the_office),
        log(the_log),
        gate(seed_of(random_secret)),
        stats(worker_count) {}

  const std::size_t workers;
  const std::array<std::uint8_t, 32> secret;
  const protocol::Tracked tracked;
  Office& office;
  Log& log;
  tls::Contexts tls;
  Gate gate;
  Passwords passwords;
  Hosts hosts;
  Offers offers;

  // Takes over what `config` says of TLS, of who may knock and of limits over all; before any
  // worker hears of it. A sentence for each thing that is wrong with certificates: then the last
  // good ones stay.
  std::vector<std::string> configure(const config::Config& config);
  // As configure(), unless something of TLS that `config` asks for would be lacking: then nothing
  // changes, and it returns false.
  bool configure_whole(const config::Config& config, std::vector<std::string>& complaints);
  // Of what `config` asks for, something was never loaded.
  bool lacks_tls(const config::Config& config) const;

  // Counts up over the process: one for each client and each server connection.
  std::uint64_t next_id() { return ids_.fetch_add(1, std::memory_order_relaxed) + 1; }

  std::atomic<std::int64_t> clients{0};  // Admitted, the console's not counted.
  std::atomic<std::int64_t> servers{0};  // From the dial until they have hung up.
  pool::Limit server_limit;              // max_server_connections: those of pools.
  // Of the secrets that auth_query gave: how many more were SCRAM than were not. PostgreSQL's own
  // default, as long as none was seen: unknown users are asked as most known ones are.
  std::atomic<std::int64_t> scram_lead{0};
  std::vector<WorkerStats> stats;  // One a worker.

  // False when `id` would be a pool beyond kPoolsMax.
  bool has_room(const PoolId& id);
  // Each is made when first held, and forgotten when as many have let go of it as have held it: a
  // pool by the workers' shares, and by its servers on their way between two workers; a database
  // and a user by their pools and their clients.
  PoolEntry& hold_pool(const PoolId& id);
  void let_go(PoolEntry& pool);
  DatabaseCommons& hold_database(const std::string& name);
  NamedLimits& hold_user(const std::string& name);
  void let_go(DatabaseCommons& database, NamedLimits& user);
  // How many of each are remembered now.
  struct Remembered {
    std::size_t pools, databases, users;
    bool operator==(const Remembered&) const = default;
  };
  Remembered remembered();
  Totals totals() const;

 private:
  void apply_limits(const config::Settings& settings);

  template <typename T>
  using ByName = std::map<std::string, std::unique_ptr<T>>;
  template <typename T>
  static T& hold(ByName<T>& all, const std::string& name);
  template <typename T>
  static void let_go_of(ByName<T>& all, T& one);

  std::atomic<std::uint64_t> ids_{0};
  std::mutex mutex_;
  std::map<PoolId, std::unique_ptr<PoolEntry>> pools_;
  ByName<DatabaseCommons> databases_;
  ByName<NamedLimits> users_;
};

}  // namespace weir::proxy
