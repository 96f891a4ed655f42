// shakes.h: whose turn it is to make a step of a TLS handshake. A step takes a millisecond of
// processor time, as long as a hundred queries: a storm of new clients is served one step a turn,
// so that those who are in wait for one step and never for the storm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "pool/instant.h"

namespace weir::proxy {

class Stream;

inline constexpr std::size_t kShakesPerTurn = 1;
// More than so many in line are a storm. While others are served its steps have pauses: processors
// are PostgreSQL's and the clients', too, and a step makes work for who comes as well. A lone
// worker pauses half as long, for it leaves the other processors free.
inline constexpr std::size_t kStormMin = 32;
inline constexpr Instant kStormPause = 2 * kMillisecond;
inline constexpr Instant kServedLately = 10 * kMillisecond;

class Shakes {
 public:
  explicit Shakes(std::size_t workers = 1) : pause_(workers > 1 ? kStormPause : kStormPause / 2) {}

  // Takes a step of this turn's; false: none is left, or others have waited for it.
  bool take() { return waiting_.empty() && take_step(); }
  void queue(Stream& stream) { waiting_.push_back(&stream); }
  void forget(Stream& stream) { std::erase(waiting_, &stream); }
  // The one who has waited longest, when this turn has a step left; else nullptr.
  Stream* next(Instant now) {
    if (waiting_.empty() || !take_step()) return nullptr;
    stepped_at_ = now;
    Stream* const first = waiting_.front();
    waiting_.pop_front();
    return first;
  }
  // When next() is to be asked; kNever: nobody waits. `answered` counts the queries of all workers,
  // for whoever is served by another needs the processors as well; it is asked in a storm alone.
  template <typename Answered>
  Instant end_turn(Instant now, const Answered& answered) {
    left_ = kShakesPerTurn;
    if (waiting_.empty()) return kNever;
    if (waiting_.size() <= kStormMin) return now;
    const std::uint64_t count = answered();
    if (std::exchange(answered_, count) != count) served_at_ = now;
    return now < served_at_ + kServedLately ? std::max(now, stepped_at_ + pause_) : now;
  }

 private:
  bool take_step() { return left_ > 0 && left_-- > 0; }

  std::deque<Stream*> waiting_;
  std::size_t left_ = kShakesPerTurn;
  Instant pause_;
  std::uint64_t answered_ = 0;
  Instant served_at_ = -kServedLately;
  Instant stepped_at_ = -kStormPause;
};

}  // namespace weir::proxy
