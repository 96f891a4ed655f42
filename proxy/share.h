// share.h: one worker's share of a pool, with what the configuration says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pool/pool.h"
#include "protocol/server_login.h"
#include "proxy/commons.h"
#include "proxy/config/config.h"
#include "proxy/mail.h"
#include "proxy/welcome.h"

namespace weir::proxy {

class Share : public pool::Pool, public pool::Deadline {
 public:
  Share(PoolEntry& pool_entry, std::size_t worker_index)
      : Pool(pool_entry.shared, pool::PoolSettings{}, worker_index),
        Deadline(Kind::pool),
        id(pool_entry.id),
        entry(pool_entry) {}

  const PoolId id;
  PoolEntry& entry;

  // Takes over what `config` says; false when its database is gone from it.
  bool configure(const config::Config& config, Commons& commons);

  struct Aim {
    Target target;
    std::uint32_t turn = 0;  // For host_failed().
    bool trial = false;      // The host was in trouble: everybody waits for what becomes of it.
    bool beside = false;     // Another host would do as well.
  };
  // When a server may be dialled: kNever never, 0 at once.
  Instant dial_at() const;
  // Where the next server connection goes: the hosts take turns, or one keeps it until it fails.
  // Who is in trouble is left out but for a trial now and then. Nothing: nowhere, for now.
  std::optional<Aim> next_target(Instant now);
  // The connection that had this turn has failed, and not for its user or its database.
  // REQUIRES: it was dialled with the configuration in force.
  void host_failed(std::uint32_t turn);
  // The secrets that its user may log in with, the current one first.
  // `printed`: what its command printed for this login; empty: what is kept counts.
  std::vector<std::string> passwords(const std::string& printed, Instant now) const;
  // `password_turn`: which of them, counted round.
  protocol::ServerLogin::Request login_request(std::uint32_t password_turn,
                                               const std::string& printed, Instant now) const;
  // What prints its password; empty: nothing does.
  const std::string& password_command() const;
  // It has to be run before a server can log in.
  bool awaits_password(Instant now) const;
  // A server has refused the password that the command printed.
  void drop_password();
  // The pool has fewer servers than min_pool_size, and clients are here or its user is forced.
  bool below_minimum() const;

  const config::Database* database = nullptr;  // In the current Config.
  const config::Config* config = nullptr;
  // A digest of what servers are dialled with, the same in every worker: servers that were
  // dialled with anything else close at their release.
  std::size_t generation = 0;
  config::TlsSettings tls;            // With its servers.
  Instant query_wait = kNever;        // Longest wait in line.
  Instant server_lifetime = kNever;   // From its login.
  Instant idle_timeout = 0;           // How long it is remembered without clients and servers.
  Instant empty_since = 0;            // Of no use while it is not.
  Welcome welcome;                    // Empty until welcome_known.
  Instant evict_asked_at = 0;         // When other workers were last asked to make room.
  std::size_t passwords_refused = 0;  // One after the other, by servers.

  // Why no server can be had: what the host or the last login said; nothing: neither failed.
  std::optional<Fault> login_fault() const;

 private:
  std::size_t host_count() const { return database->hosts.empty() ? 1 : database->hosts.size(); }
  Target host_at(std::uint32_t turn) const;
  std::optional<std::uint32_t> healthy_host(std::uint32_t from) const;
  std::optional<std::uint32_t> try_host(std::uint32_t from, Instant now);

  std::uint32_t host_index_ = 0;
  Passwords* passwords_ = nullptr;
  Hosts* hosts_ = nullptr;
  std::uint32_t hosts_digest_ = 0;
  bool forced_ = false;  // The database has this user, whoever asks for it.
};

}  // namespace weir::proxy
