#include "proxy/io/socket_address.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "protocol/check.h"

namespace weir::proxy::io {

namespace {

// sockaddr_storage is made to be looked at as any of them (POSIX <sys/socket.h>).
sockaddr_in& ip4(sockaddr_storage& storage) { return reinterpret_cast<sockaddr_in&>(storage); }
sockaddr_in6& ip6(sockaddr_storage& storage) { return reinterpret_cast<sockaddr_in6&>(storage); }
const sockaddr_in& ip4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& ip6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

void SocketAddress::set_port(std::uint16_t port) {
  if (family() == AF_INET) ip4(storage).sin_port = htons(port);
  if (family() == AF_INET6) ip6(storage).sin6_port = htons(port);
}

std::uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(ip4(storage).sin_port);
  if (family() == AF_INET6) return ntohs(ip6(storage).sin6_port);
  return 0;
}

Address SocketAddress::for_people() const {
  Address address;
  address.port = port();
  if (family() == AF_INET) {
    address.family = Address::Family::ip4;
    std::memcpy(address.ip.data(), &ip4(storage).sin_addr, 4);
  } else if (family() == AF_INET6) {
    address.family = Address::Family::ip6;
    std::memcpy(address.ip.data(), &ip6(storage).sin6_addr, 16);
  } else if (family() == AF_UNIX) {
    address.family = Address::Family::unix_socket;
  }
  return address;
}

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN + IF_NAMESIZE] = "";
  const int status = getnameinfo(get(), length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  WEIR_CHECK(status == 0);
  return text;
}

SocketAddress SocketAddress::copy(const addrinfo& info) {
  SocketAddress address;
  address.length = std::min<socklen_t>(info.ai_addrlen, sizeof(address.storage));
  std::memcpy(&address.storage, info.ai_addr, address.length);
  return address;
}

bool is_unix_host(const std::string& host) {
  return host.starts_with('/') || host.starts_with('@');
}

std::string unix_socket_path(const std::string& host, std::uint16_t port) {
  return host + "/.s.PGSQL." + std::to_string(port);
}

std::optional<SocketAddress> unix_address(const std::string& path) {
  SocketAddress address;
  auto& to = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof(to.sun_path)) return std::nullopt;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  if (abstract) to.sun_path[0] = '\0';
  // An abstract name is all bytes up to the length; a path ends in a NUL that counts.
  address.length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return address;
}

std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (host.empty() || getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  SocketAddress address = SocketAddress::copy(*found);
  freeaddrinfo(found);
  address.set_port(port);
  return address;
}

}  // namespace weir::proxy::io
