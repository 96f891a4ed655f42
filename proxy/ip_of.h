// ip_of.h: a peer's address as the configuration speaks of addresses.
#pragma once

#include <optional>

#include "proxy/config/network.h"
#include "proxy/world.h"

namespace weir::proxy {

// Nothing: it came by a unix socket.
inline std::optional<config::Ip> ip_of(const Address& address) {
  switch (address.family) {
    case Address::Family::ip4:
      return config::Ip::v4(address.ip.data());
    case Address::Family::ip6:
      return config::Ip::from_v6(address.ip.data());
    case Address::Family::none:
    case Address::Family::unix_socket:
      break;
  }
  return std::nullopt;
}

}  // namespace weir::proxy
