// crew.cc: what the worker_*.cc of proxy/ do around a pool, line by line, without sockets.
#include "tests/unit/pool/crew.h"

#include <bit>

namespace weir::pool::testing {

using Growth = Pool::Growth;
using Match = Pool::Match;

Crew::Crew(const Plan& plan) : plan_(plan) {
  limit().set_max(plan.pool_size);
  shared_.dials.set_max(plan.dials);
  for (std::size_t worker = 0; worker < kWorkers; ++worker) {
    Member& at = members_[worker];
    at.pool = std::make_unique<Pool>(shared_, PoolSettings{}, worker);
    at.pool->welcome_known = true;
    for (std::size_t i = 0; i < plan.clients[worker]; ++i) {
      ClientSlot& client = clients_.emplace_back();
      client.state = ClientState::ready;
      client.pool = at.pool.get();
      at.pool->clients.enter(client);
    }
  }
}

Crew::~Crew() {
  for (ClientSlot& client : clients_) client.pool->clients.leave(client);
  for (ServerSlot& server : servers_) {
    if (server.pool != nullptr) server.pool->servers.leave(server);
  }
}

void Crew::match(Member& at) {
  for (;;) {
    const Match next = at.pool->match(now_);
    switch (next.kind) {
      case Match::Kind::none:
        if (next.look_again != kNever) arm(at, next.look_again);
        return at.pool->publish();
      case Match::Kind::grant:
        grant(at, *next.client, *next.server);
        break;
      case Match::Kind::hand_over:
        hand_over(at, *next.server, next.worker, false);
        break;
      case Match::Kind::dismiss:
        dismiss(*next.server);
        break;
    }
  }
}

void Crew::grow(Member& at) {
  for (;;) {
    const std::size_t worker = at.pool->worker();
    const bool wanted = at.pool->waiting() > at.pool->coming() && now_ >= at.pool->retry_at();
    const bool lendable =
        now_ >= at.pool->ask_again_at() && shared_.exchange.idle_elsewhere(worker).has_value();
    if (wanted && !lendable && alive_ >= limit().max()) refused_ |= WorkerMask{1} << worker;
    const Growth growth = at.pool->grow(now_);
    wake(growth.wake);
    switch (growth.kind) {
      case Growth::Kind::none:
        if (at.pool->waiting() == 0) return;
        for (const Instant when : {at.pool->retry_at(), at.pool->ask_again_at()}) {
          if (when > now_) arm(at, when);
        }
        return;
      case Growth::Kind::dial:
        dial(at);
        break;
      case Growth::Kind::borrow:
        at.pool->asked();
        members_[growth.lender].mail.push_back({Letter::Kind::lend, worker});
        break;
      case Growth::Kind::evict:
        if (growth.refused_by != &all_) return complain("evicts without a limit");
        return make_room(at);
    }
  }
}

// The pool is alone under the limit: what idles and counts against it is the other worker's.
void Crew::make_room(Member& at) {
  constexpr Instant kMakeRoomPause = 20 * kMillisecond;
  if (now_ < at.evict_asked_at + kMakeRoomPause) return;
  at.evict_asked_at = now_;
  members_[1 - at.pool->worker()].mail.push_back({Letter::Kind::evict});
  arm(at, now_ + kMakeRoomPause);
}

void Crew::dial(Member& at) {
  ++alive_;
  if (alive_ > limit().max()) complain("dials beyond the limit");
  ServerSlot& server = servers_.emplace_back();
  server.pool = at.pool.get();
  at.pool->servers.enter(server);
  at.pool->servers.move(server, ServerEvent::connected);
  at.pool->dial_begun(server, false);
}

void Crew::dial_over(ServerSlot& server) {
  const WorkerMask mask = server.pool->dial_over(server);
  if (plan_.fault != Fault::dial_over_unheard) wake(mask);
}

void Crew::request(ClientSlot& client) {
  Member& at = member(client.pool);
  at.pool->park(client, now_);
  at.line.push_back(&client);
  if (!at.pool->idle().empty()) match(at);
  if (client.state == ClientState::linked) return;
  at.pool->press(now_);
  at.pressed_at = now_;
  if (plan_.fault != Fault::park_unpublished) at.pool->publish();
  grow(at);
}

void Crew::grant(Member& at, ClientSlot& client, ServerSlot& server) {
  if (at.line.empty() || at.line.front() != &client) complain("grants out of order");
  if (client.server != nullptr || server.client != nullptr) complain("grants twice");
  std::erase(at.line, &client);
  at.pool->grant(client, server);
}

void Crew::release(ClientSlot& client) {
  Member& at = member(client.pool);
  ServerSlot& server = *client.server;
  at.pool->unlink(client, server);
  at.pool->clients.move(client, ClientEvent::transaction_over);
  if (at.pool->must_close(server)) return dismiss(server);
  at.pool->servers.move(server, ServerEvent::released, at.pool->idle_end());
  at.pool->publish();
  match(at);
}

// The next client of this name comes at once.
void Crew::leave(ClientSlot& client) {
  Member& at = member(client.pool);
  if (ServerSlot* const server = client.server) {
    at.pool->unlink(client, *server);
    dismiss(*server);
  }
  std::erase(at.line, &client);
  at.pool->clients.move(client, ClientEvent::gone);
  at.pool->clients.leave(client);
  at.pool->publish();
  client.state = ClientState::ready;
  at.pool->clients.enter(client);
}

// An idle server dies; without one, a linked one.
void Crew::crash(Member& at) {
  if (ServerSlot* const idle = first(at, ServerState::idle)) {
    bury(*idle);
    return grow(at);
  }
  ServerSlot& server = *first(at, ServerState::linked);
  ClientSlot& client = *server.client;
  at.pool->unlink(client, server);
  bury(server);
  at.pool->clients.move(client, ClientEvent::transaction_over);
  leave(client);
}

void Crew::hand_over(Member& at, ServerSlot& server, std::size_t to, bool answers_lend) {
  shared_.exchange.promise(to);
  at.pool->servers.move(server, ServerEvent::lent);
  at.pool->servers.leave(server);
  server.pool = nullptr;
  at.pool->publish();
  members_[to].mail.push_back({Letter::Kind::hand_over, at.pool->worker(), &server, answers_lend});
}

void Crew::take(Member& at, const Letter& letter) {
  Pool& pool = *at.pool;
  switch (letter.kind) {
    case Letter::Kind::hand_over: {
      if (plan_.fault != Fault::promise_forgotten) pool.promise_kept();
      if (letter.answers_lend) pool.lend_answered();
      ServerSlot& server = *letter.server;
      server.pool = &pool;
      pool.servers.enter(server);
      pool.servers.move(server, ServerEvent::arrived, pool.idle_end());
      if (pool.must_close(server)) {
        dismiss(server);
      } else {
        pool.publish();
        match(at);
      }
      // What came was counted as coming: who still waits needs another.
      if (plan_.fault != Fault::arrival_not_followed) grow(at);
      return;
    }
    case Letter::Kind::lend:
      if (const Match next = pool.match(now_); next.kind == Match::Kind::hand_over) {
        return hand_over(at, *next.server, letter.from, true);
      }
      match(at);
      if (plan_.fault == Fault::lend_unanswered) return;
      return members_[letter.from].mail.push_back({Letter::Kind::lend_refused});
    case Letter::Kind::lend_refused:
      pool.lend_refused(now_);
      return grow(at);
    case Letter::Kind::nudge:
      if (pool.waiting() > 0) grow(at);
      return;
    case Letter::Kind::evict:
      if (ServerSlot* const idle = pool.waiting() > 0 ? nullptr : first(at, ServerState::idle)) {
        dismiss(*idle);
      }
      return;
    case Letter::Kind::reload:
      limit().set_max(letter.pool_size);
      pool.idle().each([&](ServerSlot& server) {
        if (pool.must_close(server)) dismiss(server);
      });
      match(at);
      return grow(at);
  }
}

void Crew::dismiss(ServerSlot& server) {
  server.pool->servers.move(server, ServerEvent::dismissed);
  server.pool->publish();
}

void Crew::bury(ServerSlot& server) {
  Member& at = member(server.pool);
  at.pool->servers.move(server, ServerEvent::gone);
  at.pool->servers.leave(server);
  server.pool = nullptr;
  at.pool->publish();
  --alive_;
  const WorkerMask mask = shared_.quota.give_back();
  if ((refused_ & ~mask) != 0) complain("wakes not all who were refused");
  refused_ = 0;
  wake(mask);
  if (at.pool->waiting() > 0) arm(at, now_);
}

void Crew::wake(WorkerMask mask) {
  if (plan_.fault == Fault::nobody_woken) return;
  for (; mask != 0; mask &= mask - 1) {
    members_[static_cast<std::size_t>(std::countr_zero(mask))].mail.push_back(
        {Letter::Kind::nudge});
  }
}

}  // namespace weir::pool::testing
