// names.h: a host as addresses, by the system's resolver, with what that has to say when it fails.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/io/socket_address.h"

namespace weir::proxy::doctor {

struct Addresses {
  std::vector<io::SocketAddress> all;  // In the system's order.
  std::string complaint;               // Empty: there is one at least.
  // None of them is this machine's own loopback, and none is a unix socket.
  bool network = false;
};

// Blocks for as long as the resolver takes.
Addresses resolve(const std::string& host, std::uint16_t port);

bool is_loopback(const io::SocketAddress& address);

}  // namespace weir::proxy::doctor
