// socket_options_test.cc: what is asked of the kernel for a TCP socket, and what is left to it.
#include "proxy/io/socket_options.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "proxy/io/descriptor.h"

namespace weir::proxy::io {

namespace {

struct TcpSocket {
  Descriptor descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  explicit TcpSocket(const SocketOptions& options) {
    apply_to_all(descriptor.get());
    apply(options, descriptor.get());
  }
  int option(int level, int name) const {
    int value = -1;
    socklen_t length = sizeof(value);
    ::getsockopt(descriptor.get(), level, name, &value, &length);
    return value;
  }
};

}  // namespace

TEST_CASE("options that are zero are left to the operating system") {
  const TcpSocket untouched{{}};
  const Descriptor fresh{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  for (const int name : {SO_SNDBUF, SO_RCVBUF}) {
    int value = -1;
    socklen_t length = sizeof(value);
    ::getsockopt(fresh.get(), SOL_SOCKET, name, &value, &length);
    CHECK(untouched.option(SOL_SOCKET, name) == value);
  }
  CHECK(untouched.option(SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(untouched.option(IPPROTO_TCP, TCP_NODELAY) == 1);
}

TEST_CASE("buffer_bytes is the size of both buffers, which Linux doubles for its own needs") {
  const TcpSocket socket{{.buffer_bytes = 16384}};
  CHECK(socket.option(SOL_SOCKET, SO_SNDBUF) == 2 * 16384);
  CHECK(socket.option(SOL_SOCKET, SO_RCVBUF) == 2 * 16384);
}

TEST_CASE("keepalive's times are whole seconds, rounded up, and count only with keepalive") {
  SocketOptions options{.keepcnt = 3, .keepidle_us = 1'500'000, .keepintvl_us = 2'000'000};
  const TcpSocket probed{options};
  CHECK(probed.option(IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(probed.option(IPPROTO_TCP, TCP_KEEPIDLE) == 2);
  CHECK(probed.option(IPPROTO_TCP, TCP_KEEPINTVL) == 2);
  options.keepalive = false;
  const TcpSocket silent{options};
  CHECK(silent.option(SOL_SOCKET, SO_KEEPALIVE) == 0);
  CHECK(silent.option(IPPROTO_TCP, TCP_KEEPCNT) != 3);
}

TEST_CASE("a buffer larger than the kernel has numbers for breaks nothing") {
  const TcpSocket socket{{.buffer_bytes = std::int64_t{1} << 40}};
  CHECK(socket.option(SOL_SOCKET, SO_SNDBUF) > 0);
}

TEST_CASE("the settings' words become options") {
  config::Settings settings;
  settings.tcp_socket_buffer = 65536;
  settings.tcp_user_timeout_us = 7;
  const auto options = SocketOptions::from(settings);
  CHECK(options ==
        SocketOptions{.user_timeout_us = 7, .buffer_bytes = 65536, .defer_accept = true});
}

TEST_CASE("a limit by address sees who says nothing: each connection is accepted at once") {
  config::Settings settings;
  CHECK(SocketOptions::from(settings).defer_accept);
  settings.max_client_conn_per_ip = 10;
  CHECK_FALSE(SocketOptions::from(settings).defer_accept);
  settings.max_client_conn_per_ip = 0;
  settings.client_conn_rate_per_ip = 10;
  CHECK_FALSE(SocketOptions::from(settings).defer_accept);
  settings.client_conn_rate_per_ip = 0;
  settings.tcp_defer_accept = false;
  CHECK_FALSE(SocketOptions::from(settings).defer_accept);
}

}  // namespace weir::proxy::io
