// shakes.h: whose turn it is to make a step of a TLS handshake. A step takes a millisecond of
// processor time, as long as a hundred queries: a storm of new clients is served one step a turn,
// so that those who are in wait for one step and never for the storm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

namespace weir::proxy {

class Stream;

inline constexpr std::size_t kShakesPerTurn = 1;

class Shakes {
 public:
  // Takes a step of this turn's; false: none is left, or others have waited for it.
  bool take() { return waiting_.empty() && take_step(); }
  void queue(Stream& stream) { waiting_.push_back(&stream); }
  void forget(Stream& stream) { std::erase(waiting_, &stream); }
  bool anyone() const { return !waiting_.empty(); }
  // The one who has waited longest, when this turn has a step left; else nullptr.
  Stream* next() {
    if (waiting_.empty() || !take_step()) return nullptr;
    Stream* const first = waiting_.front();
    waiting_.pop_front();
    return first;
  }
  void end_turn() { left_ = kShakesPerTurn; }

 private:
  bool take_step() { return left_ > 0 && left_-- > 0; }

  std::deque<Stream*> waiting_;
  std::size_t left_ = kShakesPerTurn;
};

}  // namespace weir::proxy
