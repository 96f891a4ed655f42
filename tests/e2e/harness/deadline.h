// deadline.h: until when a test waits. Tests wait on conditions, never for a length of time;
// the deadline is generous and only there so that a broken program fails a test, not hangs it.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::e2e {

using namespace std::chrono_literals;

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline in(std::chrono::milliseconds span) { return Deadline(Clock::now() + span); }
  static Deadline generous() { return in(60s); }

  bool passed() const { return Clock::now() >= at_; }
  int left_ms() const {  // As poll(2) takes it; never negative.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, 600'000));
  }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

// True when `condition` came true before the deadline. Looks again every few milliseconds.
template <typename Condition>
bool eventually(Condition condition, Deadline deadline = Deadline::generous()) {
  while (!condition()) {
    if (deadline.passed()) return condition();
    ::poll(nullptr, 0, std::min(5, deadline.left_ms()));
  }
  return true;
}

}  // namespace weir::e2e
