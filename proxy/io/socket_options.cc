#include "proxy/io/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace weir::proxy::io {

namespace {

void set(int descriptor, int level, int name, std::int64_t value) {
  const int number =
      static_cast<int>(std::min<std::int64_t>(value, std::numeric_limits<int>::max()));
  setsockopt(descriptor, level, name, &number, sizeof(number));
}

std::int64_t whole_seconds(std::int64_t us) { return (us + 999'999) / 1'000'000; }

}  // namespace

SocketOptions SocketOptions::from(const config::Settings& settings) {
  const bool counted = settings.max_client_conn_per_ip > 0 || settings.client_conn_rate_per_ip > 0;
  return {.keepalive = settings.tcp_keepalive,
          .keepcnt = settings.tcp_keepcnt,
          .keepidle_us = settings.tcp_keepidle_us,
          .keepintvl_us = settings.tcp_keepintvl_us,
          .user_timeout_us = settings.tcp_user_timeout_us,
          .buffer_bytes = settings.tcp_socket_buffer,
          .defer_accept = settings.tcp_defer_accept && !counted};
}

void apply_to_all(int descriptor) {
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void defer_accept(int descriptor, bool on) {
  constexpr int kSilentMaxSeconds = 45;
  set(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, on ? kSilentMaxSeconds : 0);
}

void apply(const SocketOptions& options, int descriptor) {
  if (!options.keepalive) set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 0);
  if (options.user_timeout_us > 0) {
    set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, (options.user_timeout_us + 999) / 1000);
  }
  if (options.buffer_bytes > 0) {
    set(descriptor, SOL_SOCKET, SO_SNDBUF, options.buffer_bytes);
    set(descriptor, SOL_SOCKET, SO_RCVBUF, options.buffer_bytes);
  }
  if (!options.keepalive) return;
  if (options.keepcnt > 0) set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, options.keepcnt);
  if (options.keepidle_us > 0) {
    set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(options.keepidle_us));
  }
  if (options.keepintvl_us > 0) {
    set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(options.keepintvl_us));
  }
}

}  // namespace weir::proxy::io
