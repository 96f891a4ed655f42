// crew_world.cc: what can happen to a crew, and what must hold afterwards.
#include <algorithm>

#include "tests/unit/pool/crew.h"

namespace weir::pool::testing {

using Kind = Event::Kind;

namespace {

constexpr int kRoundsOfAsking = 60;

}  // namespace

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
    events.push_back({Kind::reload, limit().max() == 1 ? 2u : 1u});
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
      dial_over(*first(at, ServerState::logging_in));
      at.pool->servers.move(*first(at, ServerState::logging_in), ServerEvent::welcomed,
                            at.pool->idle_end());
      at.pool->publish();
      match(at);
      grow(at);
      break;
    case Kind::login_failed:
      at.pool->login_failed(now_, 0.5);
      dial_over(*first(at, ServerState::logging_in));
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
    const auto next = by_itself();
    if (!next) return;
    run(*next);
    // Whoever is kept out by the limit over all asks for room again and again.
    if (plan_.over_all && round == kRoundsOfAsking) return;
  }
  complain("never comes to rest");
}

std::optional<Event> Crew::by_itself() const {
  std::optional<Event> asking;
  for (const Event& event : possible()) {
    if (event.kind == Kind::time && plan_.over_all) {
      asking = event;
    } else if (event.kind == Kind::mail || event.kind == Kind::time ||
               event.kind == Kind::login_ok || event.kind == Kind::hang_up) {
      return event;
    }
  }
  return asking;
}

void Crew::judge_settled() {
  bool idle = false, parked = false;
  for (Member& at : members_) {
    idle |= !at.pool->idle().empty();
    parked |= !at.pool->parked().empty();
    if (at.pool->coming() != 0) complain("awaits a server that never comes");
  }
  if (parked && idle) complain("a client waits beside an idle server");
  if (parked && alive_ < limit().max()) complain("a client waits beside room for a server");
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
  if (shared_.limit.taken() != alive_ || all_.taken() != alive_)
    complain("counts servers that are not there");
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
    add(now_ < at.evict_asked_at + 20 * kMillisecond ? 1 : 0);
    gap(now_, at.pool->ask_again_at());
    for (const Letter& letter : at.mail) {
      add(static_cast<std::size_t>(letter.kind) * 4 + (letter.answers_lend ? 1 : 0) +
          (letter.pool_size == 2 ? 2 : 0));
    }
  }
  print += '/';
  add(refused_);
  add(static_cast<std::size_t>(limit().max()));
  add(static_cast<std::size_t>(plan_.reloads));
  return print;
}

}  // namespace weir::pool::testing
