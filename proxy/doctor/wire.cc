#include "proxy/doctor/wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace weir::proxy::doctor {

bool wait_for(int descriptor, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd what{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&what, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Wire::~Wire() { close(); }

void Wire::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

int Wire::connect(const std::vector<io::SocketAddress>& addresses, Clock::time_point deadline) {
  int error = EADDRNOTAVAIL;
  for (const auto& address : addresses) {
    error = connect_one(address, deadline);
    if (error == 0) return 0;
    close();
  }
  return error;
}

int Wire::connect_one(const io::SocketAddress& address, Clock::time_point deadline) {
  descriptor_ = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return errno;
  if (::connect(descriptor_, address.get(), address.length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!wait_for(descriptor_, POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

bool Wire::send(Bytes bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(descriptor_, POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool Wire::receive(Buffer& to, Clock::time_point deadline) {
  std::array<std::uint8_t, 16 * 1024> block{};
  for (;;) {
    if (!wait_for(descriptor_, POLLIN, deadline)) return false;
    const ssize_t got = ::recv(descriptor_, block.data(), block.size(), 0);
    if (got > 0) {
      to.insert(to.end(), block.begin(), block.begin() + got);
      return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return false;
  }
}

}  // namespace weir::proxy::doctor
