#include "proxy/world.h"

#include <arpa/inet.h>

namespace weir::proxy {

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  switch (family) {
    case Family::none:
      return "none";
    case Family::unix_socket:
      return "unix";
    case Family::ip4:
      inet_ntop(AF_INET, ip.data(), buffer, sizeof(buffer));
      return std::string{buffer} + ":" + std::to_string(port);
    case Family::ip6:
      inet_ntop(AF_INET6, ip.data(), buffer, sizeof(buffer));
      return "[" + std::string{buffer} + "]:" + std::to_string(port);
  }
  return "none";
}

}  // namespace weir::proxy
