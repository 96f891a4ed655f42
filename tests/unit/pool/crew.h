// crew.h: some workers' shares of one pool, with mail between them: what proxy/worker_servers.cc
// does around pool/, without sockets. One event at a time, in any order that could really happen.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/pool.h"

namespace weir::pool::testing {

inline constexpr std::size_t kWorkers = 2;

// What the crew does wrong on purpose, to prove that the search would see it.
enum class Fault {
  none,
  lend_unanswered,
  nobody_woken,
  dial_over_unheard,
  park_unpublished,
  promise_forgotten,
  arrival_not_followed
};

struct Event {
  enum class Kind {
    request,
    release,
    leave,
    crash,
    login_ok,
    login_failed,
    mail,
    time,
    hang_up,
    reload
  };
  Kind kind;
  std::size_t of;  // A client for the first three; else a worker; for reload the new maximum.
};

struct Plan {
  std::array<std::size_t, kWorkers> clients;
  std::int64_t pool_size;
  int reloads;
  Fault fault = Fault::none;
  bool over_all = false;   // `pool_size` is the limit over all pools, and the pool has none.
  std::int64_t dials = 0;  // server_connect_parallel.
};

class Crew {
 public:
  explicit Crew(const Plan& plan);
  ~Crew();

  std::vector<Event> possible() const;
  void run(const Event& event);
  // Everything that only the world delays, happens: mail, time, logins, farewells. Links stay.
  void settle();
  // All that makes a difference to what can follow.
  std::string fingerprint() const;

  // Why this must not be; empty when all is well.
  std::string complaint;
  // After settle(): nobody waits beside a server or beside room for one.
  void judge_settled();
  // After settle(): when the linked go on releasing, everyone is served.
  void judge_served();

 private:
  struct Letter {
    enum class Kind { hand_over, lend, lend_refused, nudge, reload, evict } kind;
    std::size_t from = 0;
    ServerSlot* server = nullptr;
    bool answers_lend = false;
    std::int64_t pool_size = 0;
  };
  struct Member {
    std::unique_ptr<Pool> pool;
    std::deque<Letter> mail;
    std::deque<const ClientSlot*> line;  // The model's: who asked first.
    Instant alarm = kNever;              // The share's deadline.
    Instant pressed_at = 0;
    Instant evict_asked_at = 0;
  };

  std::optional<Event> by_itself() const;
  void match(Member& at);
  void grow(Member& at);
  void make_room(Member& at);
  void dial(Member& at);
  void dial_over(ServerSlot& server);
  void request(ClientSlot& client);
  void grant(Member& at, ClientSlot& client, ServerSlot& server);
  void release(ClientSlot& client);
  void leave(ClientSlot& client);
  void crash(Member& at);
  void hand_over(Member& at, ServerSlot& server, std::size_t to, bool answers_lend);
  void take(Member& at, const Letter& letter);
  void dismiss(ServerSlot& server);
  void bury(ServerSlot& server);
  void arm(Member& at, Instant when) { at.alarm = std::min(at.alarm, when); }
  void wake(WorkerMask mask);
  void count();
  void complain(const char* what);
  Limit& limit() { return plan_.over_all ? all_ : shared_.limit; }
  const Limit& limit() const { return plan_.over_all ? all_ : shared_.limit; }
  Member& member(const Pool* pool) { return members_[pool->worker()]; }
  ServerSlot* first(const Member& at, ServerState state) const {
    return at.pool->servers.at(state).front();
  }

  Plan plan_;
  Limit database_, user_, all_;
  SharedPool shared_{kWorkers, database_, user_, all_};
  std::array<Member, kWorkers> members_;
  std::deque<ClientSlot> clients_;
  std::deque<ServerSlot> servers_;
  Instant now_ = kSecond;
  WorkerMask refused_ = 0;  // The model's: who must be woken by the next unit.
  std::int64_t alive_ = 0;  // The model's: units that are taken.
};

}  // namespace weir::pool::testing
