// codec.h: what stands between a transport and the framer when a connection is encrypted.
//
// Sans I/O: records in, plaintext out, and the other way round, so that every engine and the
// simulator share it. TLS is the one implementation (proxy/tls). A codec belongs to one connection
// and moves with it from worker to worker.
#pragma once

#include <optional>
#include <string>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace weir::proxy {

// Whom a verified certificate names.
struct PeerName {
  std::string common_name;  // Empty: it has none, or one with a NUL byte in it.
  std::string subject;      // The whole distinguished name (RFC 2253).
};

class Codec {
 public:
  virtual ~Codec() = default;
  // Appends the first words of the side that begins the handshake; nothing for the other side.
  virtual Result<void> begin(Buffer& reply) = 0;
  // Takes all of `records`. Appends the plaintext they complete to `plain`, and what must be sent
  // by itself (a handshake's answer; the alert that belongs to a fault) to `reply`.
  virtual Result<void> open(Bytes records, Buffer& plain, Buffer& reply) = 0;
  // Appends the records that carry `plain`. REQUIRES: established().
  virtual Result<void> seal(Bytes plain, Buffer& records) = 0;
  // Appends the notice that nothing more will be sealed; nothing before it is established.
  virtual void finish(Buffer& records) = 0;

  // The handshake is over: both sides may send.
  virtual bool established() const = 0;
  // The peer has said that nothing more comes. A connection that ends without was cut off.
  virtual bool peer_finished() const = 0;
  // No part of a record is kept here: another thread may have it.
  virtual bool quiet() const = 0;

  // All below REQUIRE: established().
  // The peer's certificate, when it has shown one that was verified.
  virtual std::optional<PeerName> verified_peer() const = 0;
  // tls-server-end-point (RFC 5929): a digest of the server's certificate; empty: none is defined.
  virtual Buffer end_point() const = 0;
  virtual std::string description() const = 0;  // "TLSv1.3/TLS_AES_256_GCM_SHA384".
};

}  // namespace weir::proxy
