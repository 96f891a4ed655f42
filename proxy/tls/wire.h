// wire.h: OpenSSL's view of a connection's bytes: it reads from a borrowed span and appends to the
// caller's buffer, so that a connection without traffic keeps no buffer of its own.
#pragma once

#include "protocol/bytes.h"
#include "proxy/tls/openssl.h"

namespace weir::proxy::tls {

// Both are set for the length of one call into OpenSSL.
struct Wire {
  Bytes in;
  Buffer* out = nullptr;
};

// REQUIRES: the wire outlives the connection and does not move.
bool attach(SSL& connection, Wire& wire);

}  // namespace weir::proxy::tls
