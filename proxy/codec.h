// codec.h: what stands between a transport and the framer when a connection is encrypted.
//
// Sans I/O: records in, plaintext out, and the other way round, so that every engine and the
// simulator share it. TLS is the one implementation to come (proxy/tls).
#pragma once

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace weir::proxy {

class Codec {
 public:
  virtual ~Codec() = default;
  // Appends the plaintext that `records` complete to `plain`, and what must be sent by itself
  // (a handshake's answer) to `reply`.
  virtual Result<void> open(Bytes records, Buffer& plain, Buffer& reply) = 0;
  // Appends the records that carry `plain`.
  virtual Result<void> seal(Bytes plain, Buffer& records) = 0;
};

}  // namespace weir::proxy
