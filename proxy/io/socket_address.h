// socket_address.h: addresses as the kernel wants them, made without asking any name server.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/world.h"

struct addrinfo;

namespace weir::proxy::io {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  void set_port(std::uint16_t port);  // Nothing for a unix address.
  std::uint16_t port() const;
  Address for_people() const;
  std::string host() const;  // As literal_address() takes it. REQUIRES: not a unix address.

  static SocketAddress copy(const addrinfo& info);
};

// "/dir" and "@name" are unix sockets, everything else is not.
bool is_unix_host(const std::string& host);
// The path libpq would use: "/dir/.s.PGSQL.5432", and "@name/.s.PGSQL.5432" for an abstract one.
std::string unix_socket_path(const std::string& host, std::uint16_t port);
// Nothing if it is longer than the kernel allows. A leading '@' is the abstract namespace.
std::optional<SocketAddress> unix_address(const std::string& path);
// "127.0.0.1", "::1", "fe80::1%eth0". Nothing if it is a name.
std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port);

}  // namespace weir::proxy::io
