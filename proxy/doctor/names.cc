#include "proxy/doctor/names.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weir::proxy::doctor {

namespace {

std::string words_for(int status) {
  return status == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(status);
}

Addresses at_socket(const std::string& host, std::uint16_t port) {
  Addresses found;
  const auto address = io::unix_address(io::unix_socket_path(host, port));
  if (address) found.all.push_back(*address);
  if (!address) found.complaint = "the path is too long for a unix socket";
  return found;
}

}  // namespace

bool is_loopback(const io::SocketAddress& address) {
  if (address.family() == AF_INET6) {
    const auto& ip6 = reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&ip6) ||
           (IN6_IS_ADDR_V4MAPPED(&ip6) && ip6.s6_addr[12] == IN_LOOPBACKNET);
  }
  if (address.family() != AF_INET) return false;
  const auto& ip4 = reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr;
  return ntohl(ip4.s_addr) >> 24 == IN_LOOPBACKNET;
}

Addresses resolve(const std::string& host, std::uint16_t port) {
  if (io::is_unix_host(host)) return at_socket(host, port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  Addresses found;
  if (status != 0) {
    found.complaint = words_for(status);
    return found;
  }
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    found.all.push_back(io::SocketAddress::copy(*at));
    found.all.back().set_port(port);
  }
  freeaddrinfo(list);
  found.network = std::none_of(found.all.begin(), found.all.end(), is_loopback);
  return found;
}

}  // namespace weir::proxy::doctor
