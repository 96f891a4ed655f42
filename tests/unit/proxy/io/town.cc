#include "unit/proxy/io/town.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

namespace weir::proxy::io::town {

Harbour open_harbour(int backlog) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(descriptor, plain, sizeof(address)) == 0);
  if (backlog > 0) REQUIRE(::listen(descriptor, backlog) == 0);
  socklen_t length = sizeof(address);
  ::getsockname(descriptor, plain, &length);
  return {descriptor, ntohs(address.sin_port)};
}

RefusedPort::~RefusedPort() { ::close(harbour_.descriptor); }

std::string read_from(int descriptor, std::size_t bytes) {
  std::string got;
  while (got.size() < bytes) {
    pollfd wanted{descriptor, POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(kPatience / kMillisecond)) <= 0) break;
    char block[4096];
    const ssize_t count = ::recv(descriptor, block, std::min(sizeof(block), bytes - got.size()), 0);
    if (count <= 0) break;
    got.append(block, static_cast<std::size_t>(count));
  }
  return got;
}

}  // namespace weir::proxy::io::town
