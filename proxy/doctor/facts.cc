#include "proxy/doctor/facts.h"

#include "proxy/io/socket_address.h"

namespace weir::proxy::doctor {

std::string Visit::where() const {
  if (io::is_unix_host(host)) {
    return io::unix_socket_path(host, static_cast<std::uint16_t>(port));
  }
  const bool ip6 = host.find(':') != std::string::npos;
  return (ip6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace weir::proxy::doctor
