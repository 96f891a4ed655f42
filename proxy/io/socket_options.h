// socket_options.h: what is asked of the kernel for every TCP connection. 0 leaves a value to the
// operating system.
#pragma once

#include <cstdint>

#include "proxy/config/settings.h"

namespace weir::proxy::io {

struct SocketOptions {
  bool keepalive = true;
  int keepcnt = 0;
  std::int64_t keepidle_us = 0;
  std::int64_t keepintvl_us = 0;
  std::int64_t user_timeout_us = 0;
  std::int64_t buffer_bytes = 0;  // In each direction.
  bool defer_accept = false;      // Of a listening socket alone: see defer_accept().
  bool operator==(const SocketOptions&) const = default;

  static SocketOptions from(const config::Settings& settings);
};

// REQUIRES, of both: a TCP socket. An option that the kernel refuses is left as it is, since the
// connection works without it.

// What every connection has: no delay by Nagle's algorithm, and keepalive until apply() says
// otherwise. Those accepted by a listening socket inherit it, so that none of them costs a call.
void apply_to_all(int descriptor);
// What differs from that.
void apply(const SocketOptions& options, int descriptor);

// A connection is accepted when its first bytes have come, so that the one who accepts is not woken
// twice. A silent one costs no descriptor for 45 seconds (PgBouncer's number); then it is accepted
// as it is. Not with a limit by address: it has to be counted. REQUIRES: a listening socket.
void defer_accept(int descriptor, bool on);

}  // namespace weir::proxy::io
