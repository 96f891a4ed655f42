#include "pool/pool.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::pool {

void Pool::park(ClientSlot& client, Instant now) {
  client.parked_since = now;
  clients.move(client, ClientEvent::request);
}

void Pool::come_over(ClientSlot& client) {
  WEIR_CHECK(client.pool != this && client.server == nullptr);
  client.pool->clients.leave(client);
  client.pool = this;
  clients.enter(client);
}

void Pool::line_up() {
  std::vector<ClientSlot*> line;
  line.reserve(parked().size());
  parked().each([&](ClientSlot& client) { line.push_back(&client); });
  const auto waited_longer = [](const ClientSlot* one, const ClientSlot* other) {
    return one->parked_since < other->parked_since;
  };
  if (std::is_sorted(line.begin(), line.end(), waited_longer)) return;
  std::stable_sort(line.begin(), line.end(), waited_longer);
  for (ClientSlot* const client : line) {
    parked().remove(*client);
    parked().push_back(*client);
  }
}

Pool::Match Pool::match(Instant now) const {
  ServerSlot* const server = servers.at(ServerState::idle).front();
  if (server == nullptr) return {};
  ClientSlot* const local = clients.at(ClientState::parked).front();
  Match match{Match::Kind::none, server, local, 0, kNever};
  if (others_hunger(now)) {
    match.kind = Match::Kind::dismiss;
    return match;
  }
  if (shared_.exchange.workers() > 1) {
    if (const auto other = shared_.exchange.oldest_elsewhere(worker_)) {
      const Instant due = other->since + kHandoverSlack;
      const bool pressed = local != nullptr || now < pressed_at_ + kHandoverSlack;
      match.worker = other->worker;
      match.kind = Match::Kind::hand_over;
      if (!pressed || (local != nullptr ? due < local->parked_since : due <= now)) return match;
      match.look_again = due;
    }
  }
  match.kind = local != nullptr             ? Match::Kind::grant
               : match.look_again != kNever ? Match::Kind::none
               : others_starve()            ? Match::Kind::dismiss
                                            : Match::Kind::none;
  return match;
}

void Pool::gave_way(Instant now) {
  for (Limit* limit : shared_.quota.shared()) {
    if (limit->hungry() > 0) limit->feed(now);
  }
  retry_at_ = std::max(retry_at_, now + kGiveWayPause);
}

Pool::Growth Pool::grow(Instant now, Instant dial_at) {
  Growth growth;
  const std::size_t wanted = waiting();
  const bool below_minimum = settings_.min_size > shared_.limit.taken();
  const std::size_t coming_now = coming();
  const bool for_clients = wanted > coming_now;
  // A dial may take long or fail: it is no reason to wait beside a server that idles elsewhere.
  if (wanted > coming_now - dials() && shared_.exchange.workers() > 1 && now >= ask_again_at_) {
    if (const auto lender = shared_.exchange.idle_elsewhere(worker_)) {
      growth.kind = Growth::Kind::borrow;
      growth.lender = *lender;
      return growth;
    }
  }
  if (!for_clients && (!below_minimum || coming_now > 0 || others_starve())) return growth;
  if (now < retry_at_ || now < dial_at) return growth;
  // One at a time: whoever comes next in line may not have waited long enough.
  const bool reserve_too = for_clients && dials() == 0 && now >= reserve_at();
  const auto taken = shared_.quota.take(worker_, reserve_too);
  growth.wake = taken.wake;
  if (!for_clients && taken.refused_by != nullptr) return growth;
  if (taken.refused_by == nullptr) {
    if (take_dial()) {
      growth.kind = Growth::Kind::dial;
    } else {
      growth.wake |= shared_.quota.give_back();
    }
  } else if (taken.refused_by != &shared_.limit) {
    growth.kind = Growth::Kind::evict;
    growth.refused_by = taken.refused_by;
  }
  starve_at(growth.refused_by, now);
  return growth;
}

// Of all workers; whoever is refused is woken by the next login that is over.
bool Pool::take_dial() {
  if (shared_.dials.take()) return true;
  shared_.dials.want(worker_);
  return shared_.dials.take();
}

void Pool::dial_begun(ServerSlot& server, bool beside) {
  server.dial_counted = true;
  server.beside = beside;
  if (beside) ++beside_;
}

WorkerMask Pool::dial_over(ServerSlot& server) {
  if (!std::exchange(server.dial_counted, false)) return 0;
  if (std::exchange(server.beside, false)) --beside_;
  return shared_.dials.give_back();
}

void Pool::grant(ClientSlot& client, ServerSlot& server) {
  clients.move(client, ClientEvent::granted);
  servers.move(server, ServerEvent::acquired);
  client.server = &server;
  server.client = &client;
}

void Pool::unlink(ClientSlot& client, ServerSlot& server) {
  WEIR_CHECK(client.server == &server && server.client == &client);
  client.server = nullptr;
  server.client = nullptr;
}

void Pool::publish() {
  if (waiting() == 0) starve_at(nullptr, 0);
  shared_.exchange.publish(worker_, waiting_since(), static_cast<std::uint32_t>(waiting()),
                           static_cast<std::uint32_t>(servers.at(ServerState::idle).size()));
}

void Pool::login_failed(Instant now, double jitter, Instant longest) {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures_++, 16);
  const Instant wait = std::min({settings_.retry_first << doublings, settings_.retry_max, longest});
  const Instant half = wait / 2;
  retry_at_ = now + half + static_cast<Instant>(static_cast<double>(half) * jitter);
}

bool Pool::must_close(const ServerSlot& server) const {
  return server.close_needed || shared_.quota.exceeded();
}

Instant Pool::waiting_since() const {
  if (const ClientSlot* const parked = clients.at(ClientState::parked).front()) {
    return parked->parked_since;
  }
  const ClientSlot* const welcoming = clients.at(ClientState::welcoming).front();
  return welcome_known || welcoming == nullptr ? kNever : welcoming->parked_since;
}

std::size_t Pool::waiting() const {
  const bool welcome_wanted = !welcome_known && !clients.at(ClientState::welcoming).empty();
  return clients.at(ClientState::parked).size() + (welcome_wanted ? 1 : 0);
}

std::size_t Pool::dials() const {
  return servers.at(ServerState::dialing).size() + servers.at(ServerState::logging_in).size() -
         beside_;
}

std::size_t Pool::coming() const {
  return dials() + servers.at(ServerState::resetting).size() +
         servers.at(ServerState::testing).size() + asked_ + shared_.exchange.promised(worker_);
}

bool Pool::others_starve() const {
  for (Limit* limit : shared_.quota.shared()) {
    const int others = limit->starving() - (limit == starving_at_ ? 1 : 0);
    if (others > limit->leaving()) return true;  // Those on their way out will feed some.
  }
  return false;
}

bool Pool::others_hunger(Instant now) const {
  for (const Limit* limit : shared_.quota.shared()) {
    const int others = limit->hungry() - (hungry_ && limit == starving_at_ ? 1 : 0);
    if (others > 0 && now >= limit->unfed_since() + kHungerMax) return true;
  }
  return false;
}

void Pool::starve_at(Limit* limit, Instant now) {
  if (starving_at_ != limit) {
    set_hungry(false, now);
    if (starving_at_ != nullptr) starving_at_->starve(-1);
    if (limit != nullptr) limit->starve(+1);
    starving_at_ = limit;
  }
  set_hungry(limit != nullptr && shared_.limit.taken() == 0, now);
}

// REQUIRES: starving, or not hungry before and after.
void Pool::set_hungry(bool hungry, Instant now) {
  if (hungry == hungry_) return;
  starving_at_->hunger(hungry ? +1 : -1, now);
  hungry_ = hungry;
}

}  // namespace weir::pool
