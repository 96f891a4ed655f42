// worker_exchange.cc: what the Worker does with the other workers: servers lent and handed over,
// room made under shared limits, mail that wakes.
#include <bit>

#include "proxy/worker.h"

namespace weir::proxy {

using pool::ServerEvent;
using pool::ServerState;
using Match = pool::Pool::Match;

namespace {

constexpr Instant kMakeRoomPause = 20 * kMillisecond;  // Between two requests to other workers.

}  // namespace

void Worker::hand_over(Server& server, std::size_t to, bool answers_lend) {
  if (!server.between_messages()) return dismiss(server, kHalfMessage);
  if (!server.fit_to_travel()) return dismiss(server, "idle server got dirty");
  Share& of = server.share();
  of.shared().exchange.promise(to);
  log(Level::debug, server, "goes to another worker");
  HandOver letter = server.pack();
  letter.answers_lend = answers_lend;
  move(server, ServerEvent::lent);
  dead_servers_.push_back(take_out(server));
  of.publish();
  world.post(to, {std::move(letter)});
  // Those who wait here counted on this one: they must ask for another.
  if (of.waiting() > 0) deadlines.arm_no_later(of, world.now());
}

void Worker::take(HandOver& letter) {
  Share& of = share(letter.pool);
  of.promise_kept();
  if (letter.answers_lend) of.lend_answered();
  auto made = std::make_unique<Server>(*this, of, letter.id);
  Server& server = *made;
  server.state = ServerState::travelling;
  servers_.emplace(server.id, std::move(made));
  of.servers.enter(server);
  server.arrive(std::move(letter));
  move(server, ServerEvent::arrived);
  watch_name(server);
  if (const auto why = reason_to_close(server); !why.empty()) {
    dismiss(server, why);
  } else {
    arm_idle(server);
    of.publish();
    match(of);
  }
  grow(of);  // It may have gone straight on to an older waiter elsewhere.
}

void Worker::take(Lend& letter) {
  Share* const of = find_share(letter.pool);
  if (of != nullptr) {
    const Match next = of->match(world.now());
    if (next.kind == Match::Kind::hand_over && next.worker == letter.worker) {
      Server& server = static_cast<Server&>(*next.server);
      if (server.fit_to_travel()) return hand_over(server, letter.worker, true);
    }
    match(*of);
  }
  world.post(letter.worker, {LendRefused{letter.pool}});
}

void Worker::take(LendRefused& letter) {
  Share& of = share(letter.pool);
  of.lend_refused(world.now());
  grow(of);
  note_emptied(of);
}

// Another pool's idle server must go before this one may dial.
void Worker::make_room(Share& of, pool::Limit& limit) {
  if (evict(&limit)) return;
  if (world.now() < of.evict_asked_at + kMakeRoomPause) return;
  of.evict_asked_at = world.now();
  ask_to_evict(limit);
  deadlines.arm_no_later(of, world.now() + kMakeRoomPause);
}

void Worker::ask_to_evict(pool::Limit& limit) {
  for (std::size_t other = 0; other < commons.workers; ++other) {
    if (other != index) world.post(other, {Evict{&limit}});
  }
}

bool Worker::evict(const pool::Limit* limit) {
  Server* longest = nullptr;
  for (auto& [id, candidate] : shares_) {
    if (!candidate->shared().quota.counts_against(*limit)) continue;
    if (candidate->waiting() > 0) continue;
    candidate->idle().each([&](pool::ServerSlot& slot) {
      if (longest == nullptr || slot.idle_since < longest->idle_since) {
        longest = static_cast<Server*>(&slot);
      }
    });
  }
  if (longest == nullptr) return false;
  dismiss(*longest, "evicted");
  return true;
}

void Worker::wake_all() {
  for (std::size_t each = 0; each < commons.workers; ++each) world.post(each, {Nudge{}});
}

void Worker::wake(pool::WorkerMask mask) {
  for (; mask != 0; mask &= mask - 1) {
    world.post(static_cast<std::size_t>(std::countr_zero(mask)), {Nudge{}});
  }
}

}  // namespace weir::proxy
