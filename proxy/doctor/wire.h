// wire.h: a socket of the doctor's, which waits for what it does, but never beyond its deadline.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "proxy/io/socket_address.h"

namespace weir::proxy::doctor {

using Clock = std::chrono::steady_clock;

inline constexpr std::chrono::seconds kConnectTimeMax{10};
inline constexpr std::chrono::seconds kAnswerTimeMax{10};

// poll(2) for these events. False: the deadline has passed.
bool wait_for(int descriptor, short events, Clock::time_point deadline);

class Wire {
 public:
  Wire() = default;
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // To the first of them that answers; an errno otherwise, ETIMEDOUT among them.
  int connect(const std::vector<io::SocketAddress>& addresses, Clock::time_point deadline);
  bool send(Bytes bytes, Clock::time_point deadline);
  // What there is, at the end of `to`. False: the end, or the deadline.
  bool receive(Buffer& to, Clock::time_point deadline);

 private:
  int connect_one(const io::SocketAddress& address, Clock::time_point deadline);
  void close();

  int descriptor_ = -1;
};

}  // namespace weir::proxy::doctor
