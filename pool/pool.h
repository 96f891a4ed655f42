// pool.h: one worker's share of the pool of one database and user: who may use which server.
//
// The pool decides and says what is to be done; the worker does it (dials, hands over, sends).
// Settings that count over all workers live in SharedPool, which every worker's share points to.
#pragma once

#include <cstdint>
#include <optional>

#include "pool/exchange.h"
#include "pool/instant.h"
#include "pool/mode.h"
#include "pool/quota.h"
#include "pool/slots.h"

namespace weir::pool {

// A login costs as much as a hundred transactions: pools that need each other's connections under
// a shared limit take turns this long. Whoever gives way leaves the other the time to dial.
inline constexpr Instant kHungerMax = kSecond;
inline constexpr Instant kGiveWayPause = 20 * kMillisecond;

// Process-wide; lives as long as any worker.
struct SharedPool {
  SharedPool(std::size_t workers, Limit& database, Limit& user, Limit& all)
      : quota(limit, database, user, all), exchange(workers) {}
  Limit limit;  // pool_size.
  Limit dials;  // server_connect_parallel: logins in flight.
  Quota quota;
  Exchange exchange;
};

struct PoolSettings {
  PoolMode mode = PoolMode::transaction;
  bool round_robin = false;           // Idle servers in turn rather than the warmest first.
  std::int64_t min_size = 0;          // Servers to keep over all workers while clients are there.
  Instant retry_first = kSecond / 5;  // Wait after a failed login; doubles up to retry_max.
  Instant retry_max = 15 * kSecond;   // server_login_retry.
  Instant reserve_wait = kNever;      // Who has waited this long may use the pool's reserve.
};

class Pool {
 public:
  Pool(SharedPool& shared, const PoolSettings& settings, std::size_t worker)
      : shared_(shared), settings_(settings), worker_(worker) {}

  ClientYard clients;
  ServerYard servers;

  // What to do so that those who wait are served. `wake`: workers to nudge in any case.
  struct Growth {
    enum class Kind : std::uint8_t { none, dial, borrow, evict } kind = Kind::none;
    std::size_t lender = 0;       // borrow: ask this worker; say asked() first.
    Limit* refused_by = nullptr;  // evict: another pool's idle server under this limit must go.
    WorkerMask wake = 0;
  };
  // What to do with an idle server. Repeat until `none`.
  struct Match {
    enum class Kind : std::uint8_t { none, grant, hand_over, dismiss } kind = Kind::none;
    ServerSlot* server = nullptr;
    ClientSlot* client = nullptr;  // grant.
    std::size_t worker = 0;        // hand_over.
    Instant look_again = kNever;   // none: a waiter elsewhere may have this server from then on.
  };

  // A request of a ready client: puts it at the end of the line.
  void park(ClientSlot& client, Instant now);
  // A client of another pool comes over as it is. REQUIRES: it has no server. A parked one stands
  // at the end of the line until line_up().
  void come_over(ClientSlot& client);
  // Puts the line in order again: who has waited longest is first.
  void line_up();
  // It was not granted a server at once.
  void press(Instant now) { pressed_at_ = now; }
  // The idle server that goes to the next client, wherever that waits. Moves nothing.
  Match match(Instant now) const;
  // `match` said dismiss, and it has been done.
  void gave_way(Instant now);
  // Whether to dial or borrow for those still parked. `dial` has taken its unit of the quota.
  // `dial_at`: not before then.
  Growth grow(Instant now, Instant dial_at = 0);
  // `grow` said dial: this is the server. `beside`: another one may be dialled for the same client.
  void dial_begun(ServerSlot& server, bool beside);
  // It has logged in, or never will. Workers to wake; none when it had been said before.
  WorkerMask dial_over(ServerSlot& server);
  // `grow` said dial, and there is none. Workers to wake.
  WorkerMask dial_dropped() { return shared_.dials.give_back() | shared_.quota.give_back(); }

  // The client leaves the line or the link; state changes go through these two.
  void grant(ClientSlot& client, ServerSlot& server);
  void unlink(ClientSlot& client, ServerSlot& server);

  // Tells the other workers what changed here. Call after every change, before looking at theirs.
  void publish();

  // A login failed: wait longer before the next, up to `longest`. `jitter` in [0, 1).
  void login_failed(Instant now, double jitter, Instant longest = kNever);
  void login_succeeded() { failures_ = 0, retry_at_ = 0; }
  Instant retry_at() const { return retry_at_; }

  void asked() { ++asked_; }
  void lend_answered() { --asked_; }
  // The lender needs its servers itself for now.
  void lend_refused(Instant now) { --asked_, ask_again_at_ = now + kHandoverSlack; }
  Instant ask_again_at() const { return ask_again_at_; }
  // When the one who has waited longest may use the pool's reserve; kNever: nobody waits for it.
  Instant reserve_at() const { return after(waiting_since(), settings_.reserve_wait); }
  // A server has come (or a promise to us was lost).
  void promise_kept() { shared_.exchange.arrived(worker_); }

  // A server connection beyond the quota or marked for closing must not be used again.
  bool must_close(const ServerSlot& server) const;

  Instant waiting_since() const;  // Of the one who has waited longest; kNever: nobody waits.
  std::size_t waiting() const;    // Parked clients, and one if some wait for their welcome.
  std::size_t coming() const;     // Servers being dialled or lent.
  // No client, no server, and none to come.
  bool empty() const { return clients.empty() && servers.empty() && coming() == 0; }
  bool welcome_known = false;  // Else the clients in `welcoming` wait for a first login.

  SharedPool& shared() { return shared_; }
  const SharedPool& shared() const { return shared_; }
  const PoolSettings& settings() const { return settings_; }
  void set_settings(const PoolSettings& settings) { settings_ = settings; }
  std::size_t worker() const { return worker_; }
  List<ServerSlot>& idle() { return servers.at(ServerState::idle); }
  List<ClientSlot>& parked() { return clients.at(ClientState::parked); }
  // Where a server goes that becomes idle.
  ServerYard::End idle_end() const {
    return settings_.round_robin ? ServerYard::End::back : ServerYard::End::front;
  }

 private:
  std::size_t dials() const;
  bool take_dial();
  bool others_starve() const;
  bool others_hunger(Instant now) const;
  void starve_at(Limit* limit, Instant now);
  void set_hungry(bool hungry, Instant now);

  SharedPool& shared_;
  PoolSettings settings_;
  std::size_t worker_;
  std::size_t asked_ = 0;   // Lend requests without an answer.
  std::size_t beside_ = 0;  // Servers on their way in on which no client counts.
  Instant ask_again_at_ = 0;
  Instant pressed_at_ = -kHandoverSlack;  // When a client last had to wait here.
  Limit* starving_at_ = nullptr;  // The limit of others' making that keeps us from dialling.
  bool hungry_ = false;           // And we have not one server.
  std::uint32_t failures_ = 0;
  Instant retry_at_ = 0;
};

}  // namespace weir::pool
