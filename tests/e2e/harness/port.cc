// port.cc: a port is claimed by the name of an abstract socket, which is gone with its process.
#include "tests/e2e/harness/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cstddef>
#include <string>

namespace weir::e2e {

namespace {

constexpr int kFirst = 10'000;
constexpr int kCount = 20'000;

// A descriptor that holds the claim, or a negative one: another test has it.
int claim(int port) {
  const std::string name = '\0' + std::string("weir-e2e-port-") + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  ::close(fd);
  return -1;
}

bool is_free(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  return bound == 0;
}

}  // namespace

Port::Port() {
  static int next = static_cast<int>(::getpid()) * 37 % kCount;
  for (int tries = 0; tries < kCount; ++tries) {
    next = (next + 1) % kCount;
    number_ = kFirst + next;
    claim_ = claim(number_);
    if (claim_ >= 0 && is_free(number_)) return;
    if (claim_ >= 0) ::close(std::exchange(claim_, kNoClaim));
  }
  FAIL("no free port");
}

Port::~Port() {
  if (claim_ >= 0) ::close(claim_);
}

Port& Port::operator=(Port&& other) noexcept {
  std::swap(number_, other.number_);
  std::swap(claim_, other.claim_);
  return *this;
}

}  // namespace weir::e2e
