#include "proxy/secure_start.h"

#include <utility>

#include "protocol/encode.h"

namespace weir::proxy {

using config::SslMode;

bool is_network(const std::string& host) {
  return !host.empty() && host.front() != '/' && host.front() != '@';
}

SecureStart::Step SecureStart::begin() {
  const auto& tls = security_.tls;
  if (tls.mode == SslMode::disable || !is_network(security_.host)) return Step::ready;
  if (tls.direct) return start_handshake();
  Buffer out;
  protocol::put_ssl_request(out);
  stream_.put_copy(out);
  return Step::more;
}

SecureStart::Step SecureStart::take(Bytes& bytes) {
  const char answer = static_cast<char>(bytes[0]);
  // Whatever stands behind the answer was sent by somebody who could not know the keys.
  if (bytes.size() > 1) {
    return refuse({"08P01", "received unencrypted data after SSL response"});
  }
  bytes = {};
  if (answer == 'S') return start_handshake();
  if (answer == 'N' && security_.tls.mode < SslMode::require) return Step::ready;
  if (answer == 'N') {
    return refuse({"08001", "server refused SSL",
                   "server_tls_sslmode asks for encryption: switch ssl on in PostgreSQL."});
  }
  return refuse({"08P01", "the server answered the request for SSL with neither S nor N"});
}

SecureStart::Step SecureStart::start_handshake() {
  auto codec = contexts_.connect(security_.tls, security_.host);
  if (!codec) return refuse(std::move(codec.error()));
  stream_.encrypt(std::move(*codec));
  return Step::more;
}

SecureStart::Step SecureStart::refuse(Fault fault) {
  fault_ = std::move(fault);
  return Step::failed;
}

}  // namespace weir::proxy
