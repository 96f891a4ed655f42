// secure_start.h: how a dialled connection becomes encrypted, or is found to need no encryption
// (manual: 54.2.11, SSL Session Encryption). One for each server connection and each cancel request
// while it begins.
#pragma once

#include <string>

#include "protocol/result.h"
#include "proxy/config/tls_settings.h"
#include "proxy/stream.h"
#include "proxy/tls/contexts.h"

namespace weir::proxy {

// How a server is spoken to, and the name that its certificate has to bear.
struct Security {
  config::TlsSettings tls;
  std::string host;  // As configured, before it was looked up.
};

class SecureStart {
 public:
  enum class Step : unsigned char {
    ready,  // Nothing more to do: in plain text.
    more,   // Bytes are due, or Stream's on_secured().
    failed
  };

  // `security` must outlive this.
  SecureStart(Stream& stream, tls::Contexts& contexts, const Security& security)
      : stream_(stream), contexts_(contexts), security_(security) {}

  // The connection is open: asks, or begins a handshake at once.
  Step begin();
  // The answer, before encryption: takes it off the front of `bytes`.
  Step take(Bytes& bytes);
  // REQUIRES: failed.
  const Fault& fault() const { return fault_; }

 private:
  Step start_handshake();
  Step refuse(Fault fault);

  Stream& stream_;
  tls::Contexts& contexts_;
  const Security& security_;
  Fault fault_{};
};

// Whether the path to this host is one that TLS is spoken on: not a unix socket.
bool is_network(const std::string& host);

}  // namespace weir::proxy
