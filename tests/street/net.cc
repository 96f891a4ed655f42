#include "tests/street/net.h"

#include <algorithm>

#include "protocol/check.h"
#include "tests/street/fake_world.h"

namespace weir::street {

FakeNet::~FakeNet() = default;

// --- Who is there.

Peer& FakeNet::accepted() {
  const proxy::Socket number = ++numbers_;
  auto made = std::make_unique<Peer>(*this, number, proxy::Target{"", 0});
  made->connected_ = true;
  return *(peers_[number] = std::move(made));
}

Peer& FakeNet::dialled(const proxy::Target& target) {
  const proxy::Socket number = ++numbers_;
  return *(peers_[number] = std::make_unique<Peer>(*this, number, target));
}

proxy::Target FakeNet::reached(const proxy::Target& target) const {
  proxy::Target at = target;
  const auto named = names_.find(target.host);
  if (named == names_.end()) return at;
  for (const std::string& address : named->second) {
    at.host = address;
    const auto found = doors_.find({at.host, at.port});
    if (found != doors_.end() && found->second.answer != Door::Answer::refuse) break;
  }
  return at;
}

void FakeNet::forget(Peer& peer) {
  WEIR_CHECK(peer.closed_ && peer.transport_ == nullptr);
  std::erase_if(pending_, [&](const Event& event) { return event.peer == &peer; });
  peers_.erase(peer.number);
}

// pgweir closes its end, or the end has failed it.
void FakeNet::leave_pgweir(Peer& peer) {
  peer.transport_ = nullptr;
  peer.closed_ = peer.outward_over_ = true;
  peer.write_wanted_ = false;
  for (const Kind kind : {Kind::open, Kind::inward, Kind::gone, Kind::writable}) {
    unqueue(kind, peer);
  }
  if (!peer.connected_) {
    peer.ended_ = true;
    return;
  }
  if (!peer.target.host.empty()) --door(peer.target.host, peer.target.port).open;
  queue(Kind::outward, peer);
}

// --- What waits to happen.

void FakeNet::queue(Kind kind, Peer& peer, Instant due) {
  const unsigned bit = 1u << static_cast<unsigned>(kind);
  if ((peer.queued_ & bit) != 0) return;
  peer.queued_ |= bit;
  pending_.push_back({.kind = kind, .peer = &peer, .due = due});
}

void FakeNet::unqueue(Kind kind, Peer& peer) {
  peer.queued_ &= ~(1u << static_cast<unsigned>(kind));
  std::erase_if(pending_,
                [&](const Event& event) { return event.peer == &peer && event.kind == kind; });
}

void FakeNet::post(std::size_t from, std::size_t to, proxy::Mail mail) {
  mailboxes_[{from, to}].push_back(std::move(mail));
  pending_.push_back(
      {.kind = Kind::mail, .from = from, .to = to, .due = now_ + policy_.mail_delay()});
}

std::size_t FakeNet::letters_waiting() const {
  std::size_t count = 0;
  for (const auto& [between, letters] : mailboxes_) count += letters.size();
  return count;
}

bool FakeNet::works(std::size_t worker) const {
  return worker < workers_.size() && !workers_[worker]->finished();
}

bool FakeNet::runnable(const Event& event) const {
  if (event.due > now_) return false;
  if (event.kind == Kind::mail || event.kind == Kind::command) return works(event.to);
  const Peer& peer = *event.peer;
  if (event.kind == Kind::outward) return peer.reading_;
  const FakeTransport* const at = peer.transport_;
  if (at == nullptr || !works(at->worker_)) return false;
  switch (event.kind) {
    case Kind::open: {
      const proxy::Target to = reached(peer.target);
      const auto found = doors_.find({to.host, to.port});
      return found == doors_.end() || found->second.answer != Door::Answer::hang;
    }
    case Kind::inward:
      return at->open_ && !at->paused_;
    case Kind::gone:  // Behind the bytes; but who does not read them hears of it at once.
      return at->open_ && (at->paused_ ? !at->deaf_ : peer.in_flight() == 0);
    case Kind::writable:
      return at->open_ && peer.outward_.size() < peer.capacity_;
    default:
      return false;
  }
}

// --- What happens.

bool FakeNet::step() {
  choices_.clear();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (runnable(pending_[i])) choices_.push_back(i);
  }
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (works(worker) && workers_[worker]->next_deadline() <= now_) {
      choices_.push_back(pending_.size() + worker);
    }
  }
  if (choices_.empty()) return false;
  const std::size_t chosen = choices_[policy_.choose(choices_.size())];
  if (chosen < pending_.size()) {
    const Event event = pending_[chosen];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(chosen));
    run(event);
  } else {
    const std::size_t worker = chosen - pending_.size();
    workers_[worker]->on_time();
    end_turn(worker);
  }
  graves_.clear();
  if (after_step) after_step();
  return true;
}

void FakeNet::end_turn(std::size_t worker) {
  if (worker < workers_.size()) workers_[worker]->end_turn();
}

void FakeNet::run(Event event) {
  if (event.kind == Kind::mail) return run_mail(event.from, event.to);
  if (event.kind == Kind::command) return run_command(event.from, event.to);
  Peer& peer = *event.peer;
  peer.queued_ &= ~(1u << static_cast<unsigned>(event.kind));
  if (event.kind == Kind::outward) return run_outward(peer);
  const std::size_t worker = peer.transport_->worker_;
  switch (event.kind) {
    case Kind::open:
      run_open(peer);
      break;
    case Kind::inward:
      run_inward(peer);
      break;
    case Kind::gone:
      run_gone(peer);
      break;
    default:
      peer.write_wanted_ = false;
      peer.transport_->endpoint_.on_writable();
  }
  end_turn(worker);
}

void FakeNet::run_mail(std::size_t from, std::size_t to) {
  auto& letters = mailboxes_[{from, to}];
  proxy::Mail mail = std::move(letters.front());
  letters.pop_front();
  workers_[to]->deliver(std::move(mail));
  end_turn(to);
}

void FakeNet::run_command(std::size_t key, std::size_t worker) {
  const auto found = running_.find(key);
  if (found == running_.end()) return;  // Nobody waits for it any more.
  const Running running = found->second;
  running_.erase(found);
  ++commands_run;
  const auto prints = commands.find(running.command);
  if (prints == commands.end()) {
    running.user->on_output(fail("58000", "no such command"));
  } else {
    running.user->on_output(prints->second);
  }
  end_turn(worker);
}

void FakeNet::run_open(Peer& peer) {
  peer.target = reached(peer.target);
  const auto found = doors_.find({peer.target.host, peer.target.port});
  if (found != doors_.end()) ++found->second.tried;
  FakeTransport& at = *peer.transport_;
  if (found == doors_.end() || found->second.answer == Door::Answer::refuse) {
    const int error = found == doors_.end() ? ECONNREFUSED : found->second.error;
    at.peer_ = nullptr;
    leave_pgweir(peer);
    return at.endpoint_.on_gone(error);
  }
  Door& to = found->second;
  ++to.opened;
  to.open_max = std::max(to.open_max, ++to.open);
  peer.connected_ = at.open_ = true;
  if (to.on_connect) to.on_connect(peer);
  at.endpoint_.on_open(peer.target);
}

void FakeNet::run_inward(Peer& peer) {
  const std::size_t size = policy_.chunk(Toward::pgweir, peer.in_flight());
  const auto from = peer.inward_.begin() + static_cast<std::ptrdiff_t>(peer.inward_begin_);
  const Buffer chunk(from, from + static_cast<std::ptrdiff_t>(size));  // Its end is guarded.
  peer.inward_begin_ += size;
  if (peer.in_flight() == 0) {
    peer.inward_.clear();
    peer.inward_begin_ = 0;
  } else {
    queue(Kind::inward, peer);
  }
  peer.transport_->endpoint_.on_bytes(chunk);
}

void FakeNet::run_gone(Peer& peer) {
  FakeTransport& at = *peer.transport_;
  const int error = peer.error_;
  at.peer_ = nullptr;
  leave_pgweir(peer);
  at.endpoint_.on_gone(error);
}

void FakeNet::run_outward(Peer& peer) {
  auto& bytes = peer.outward_;
  if (!bytes.empty()) {
    const auto size = static_cast<std::ptrdiff_t>(policy_.chunk(Toward::peer, bytes.size()));
    if (!peer.deaf_) {
      peer.received.insert(peer.received.end(), bytes.begin(), bytes.begin() + size);
    }
    bytes.erase(bytes.begin(), bytes.begin() + size);
  }
  if (bytes.empty() && peer.outward_over_) peer.ended_ = true;
  if (!bytes.empty() || (peer.outward_over_ && !peer.ended_)) queue(Kind::outward, peer);
  if (peer.write_wanted_) queue(Kind::writable, peer);
  if (peer.on_event) peer.on_event();
}

// --- Time.

void FakeNet::run_until_quiet(std::size_t steps_max) {
  while (step()) WEIR_CHECK(steps_max-- > 0);
}

Instant FakeNet::next_due() const {
  Instant due = kNever;
  for (const Event& event : pending_) {
    if (event.due > now_) due = std::min(due, event.due);
  }
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (works(worker)) due = std::min(due, workers_[worker]->next_deadline());
  }
  return due;
}

void FakeNet::run_for(Instant span) {
  const Instant until = now_ + span;
  for (;;) {
    run_until_quiet();
    const Instant due = next_due();
    if (due > until) break;
    now_ = std::max(now_, due);
  }
  now_ = until;
}

}  // namespace weir::street
