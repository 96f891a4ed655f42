#include "tests/unit/pool/crew.h"

#include <algorithm>
#include <bit>

namespace weir::pool::testing {

using Kind = Event::Kind;
using Growth = Pool::Growth;
using Match = Pool::Match;

Crew::Crew(const Plan& plan) : plan_(plan) {
  shared_.limit.set_max(plan.pool_size);
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

// --- What proxy/worker_servers.cc and worker_clients.cc do.

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
    if (wanted && !lendable && alive_ >= shared_.limit.max()) refused_ |= WorkerMask{1} << worker;
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
        return complain("evicts without a limit");
    }
  }
}

void Crew::dial(Member& at) {
  ++alive_;
  if (alive_ > shared_.limit.max()) complain("dials beyond the limit");
  ServerSlot& server = servers_.emplace_back();
  server.pool = at.pool.get();
  at.pool->servers.enter(server);
  at.pool->servers.move(server, ServerEvent::connected);
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
    case Letter::Kind::reload:
      shared_.limit.set_max(letter.pool_size);
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

// --- The world.

std::vector<Event> Crew::possible() const {
  std::vector<Event> events;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const ClientState state = clients_[i].state;
    if (state == ClientState::ready) events.push_back({Kind::request, i});
    if (state == ClientState::linked) events.push_back({Kind::release, i});
    if (state != ClientState::ready) events.push_back({Kind::leave, i});
  }
  for (std::size_t i = 0; i < kWorkers; ++i) {
    const Member& at = members_[i];
    const bool live = first(at, ServerState::idle) || first(at, ServerState::linked);
    if (live) events.push_back({Kind::crash, i});
    if (first(at, ServerState::logging_in) != nullptr) {
      events.push_back({Kind::login_ok, i});
      events.push_back({Kind::login_failed, i});
    }
    if (!at.mail.empty()) events.push_back({Kind::mail, i});
    if (at.alarm != kNever) events.push_back({Kind::time, i});
    if (first(at, ServerState::leaving) != nullptr) events.push_back({Kind::hang_up, i});
  }
  // The next file is read when all workers have taken the one before.
  const bool reloading = std::any_of(members_.begin(), members_.end(), [](const Member& at) {
    return std::any_of(at.mail.begin(), at.mail.end(),
                       [](const Letter& letter) { return letter.kind == Letter::Kind::reload; });
  });
  if (plan_.reloads > 0 && !reloading) {
    events.push_back({Kind::reload, shared_.limit.max() == 1 ? 2u : 1u});
  }
  return events;
}

void Crew::run(const Event& event) {
  now_ += 6 * kMillisecond;  // Two such steps, but not one, are more than kHandoverSlack.
  switch (event.kind) {
    case Kind::request:
      request(clients_[event.of]);
      return count();
    case Kind::release:
      release(clients_[event.of]);
      return count();
    case Kind::leave:
      leave(clients_[event.of]);
      return count();
    case Kind::reload:
      --plan_.reloads;
      for (Member& each : members_) {
        each.mail.push_back(
            {Letter::Kind::reload, 0, nullptr, false, static_cast<std::int64_t>(event.of)});
      }
      return;
    default:
      break;
  }
  Member& at = members_[event.of];
  switch (event.kind) {
    case Kind::crash:
      crash(at);
      break;
    case Kind::login_ok:
      at.pool->login_succeeded();
      at.pool->servers.move(*first(at, ServerState::logging_in), ServerEvent::welcomed,
                            at.pool->idle_end());
      at.pool->publish();
      match(at);
      grow(at);
      break;
    case Kind::login_failed:
      at.pool->login_failed(now_, 0.5);
      bury(*first(at, ServerState::logging_in));
      grow(at);
      break;
    case Kind::mail: {
      const Letter letter = at.mail.front();
      at.mail.pop_front();
      take(at, letter);
      break;
    }
    case Kind::time:
      now_ = std::max(now_, at.alarm);
      at.alarm = kNever;
      match(at);
      grow(at);
      break;
    default:
      bury(*first(at, ServerState::leaving));
  }
  count();
}

void Crew::settle() {
  for (int round = 0; round < 1'000; ++round) {
    bool moved = false;
    for (const Event& event : possible()) {
      const bool by_itself = event.kind == Kind::mail || event.kind == Kind::time ||
                             event.kind == Kind::login_ok || event.kind == Kind::hang_up;
      if (!by_itself) continue;
      run(event);
      moved = true;
      break;
    }
    if (!moved) return;
  }
  complain("never comes to rest");
}

void Crew::judge_settled() {
  bool idle = false, parked = false;
  for (Member& at : members_) {
    idle |= !at.pool->idle().empty();
    parked |= !at.pool->parked().empty();
    if (at.pool->coming() != 0) complain("awaits a server that never comes");
  }
  if (parked && idle) complain("a client waits beside an idle server");
  if (parked && alive_ < shared_.limit.max()) complain("a client waits beside room for a server");
}

void Crew::judge_served() {
  for (std::size_t round = 0; round <= 2 * clients_.size(); ++round) {
    for (ClientSlot& client : clients_) {
      if (client.state != ClientState::linked) continue;
      release(client);
      settle();
    }
  }
  for (const Member& at : members_) {
    if (!at.line.empty()) complain("a client is never served");
  }
}

void Crew::count() {
  if (shared_.limit.taken() != alive_) complain("counts servers that are not there");
  std::size_t there = 0;
  for (const Member& at : members_) {
    for (std::size_t s = 0; s < static_cast<std::size_t>(ServerState::count); ++s) {
      there += at.pool->servers.at(static_cast<ServerState>(s)).size();
    }
    for (const Letter& letter : at.mail) there += letter.kind == Letter::Kind::hand_over ? 1 : 0;
  }
  if (static_cast<std::int64_t>(there) != alive_) complain("loses a server");
}

void Crew::complain(const char* what) {
  if (complaint.empty()) complaint = what;
}

std::string Crew::fingerprint() const {
  std::string print;
  const auto add = [&](std::size_t number) { print += static_cast<char>('0' + number); };
  std::vector<const ClientSlot*> line;
  for (const ClientSlot& client : clients_) {
    add(static_cast<std::size_t>(client.state));
    if (client.state == ClientState::parked) line.push_back(&client);
  }
  std::stable_sort(line.begin(), line.end(),
                   [](const auto* a, const auto* b) { return a->parked_since < b->parked_since; });
  const auto gap = [&](Instant from, Instant to) {
    add(static_cast<std::size_t>(
        std::clamp<Instant>((to - from) / kMillisecond, 0, kHandoverSlack / kMillisecond + 1)));
  };
  for (std::size_t at = 0; at < line.size(); ++at) {
    const ClientSlot* const client = line[at];
    gap(client->parked_since, at + 1 < line.size() ? line[at + 1]->parked_since : now_);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if (&clients_[i] == client) add(i);
    }
  }
  for (const Member& at : members_) {
    print += '/';
    for (const auto state : {ServerState::logging_in, ServerState::idle, ServerState::leaving}) {
      add(at.pool->servers.at(state).size());
    }
    const std::size_t worker = at.pool->worker();
    add(at.pool->coming());
    add(shared_.exchange.promised(worker));
    add(shared_.exchange.idle_elsewhere(worker) ? 1 : 0);
    add(shared_.exchange.oldest_elsewhere(worker) ? 1 : 0);
    add((at.alarm != kNever ? 1u : 0u) + (now_ < at.pool->retry_at() ? 2u : 0u));
    if (at.alarm != kNever) gap(now_, at.alarm);
    gap(at.pressed_at, now_);
    gap(now_, at.pool->ask_again_at());
    for (const Letter& letter : at.mail) {
      add(static_cast<std::size_t>(letter.kind) * 4 + (letter.answers_lend ? 1 : 0) +
          (letter.pool_size == 2 ? 2 : 0));
    }
  }
  print += '/';
  add(refused_);
  add(static_cast<std::size_t>(shared_.limit.max()));
  add(static_cast<std::size_t>(plan_.reloads));
  return print;
}

}  // namespace weir::pool::testing
