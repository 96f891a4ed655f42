// port.h: a loopback port that no other test is given while we hold it: not before our program
// has bound it, and not while a PostgreSQL of ours is down for a while.
#pragma once

#include <utility>

namespace weir::e2e {

class Port {
 public:
  Port();  // One that nothing listens on now, outside the range of outgoing connections.
  ~Port();
  Port(Port&& other) noexcept
      : number_(other.number_), claim_(std::exchange(other.claim_, kNoClaim)) {}
  Port& operator=(Port&& other) noexcept;

  int number() const { return number_; }

 private:
  static constexpr int kNoClaim = -1;

  int number_ = 0;
  int claim_ = kNoClaim;
};

}  // namespace weir::e2e
