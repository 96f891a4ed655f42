// codec.h: TLS between a transport and the framer, by OpenSSL. An idle connection keeps OpenSSL's
// state and no buffers; only a record that came in part waits inside.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/codec.h"
#include "proxy/tls/wire.h"
#include "proxy/tls/words.h"

namespace weir::proxy::tls {

// Messages of TLS itself (new keys, tickets, a renegotiation that we decline) that a peer may send
// once the handshake is over: so many, and one more for each so many bytes of data. Each costs as
// much as several queries, most are answered, and no client or server needs any.
inline constexpr std::uint64_t kChatterMax = 32;
inline constexpr std::uint64_t kDataPerChatterBytes = 16 * 1024;

// What one connection asks of its peer.
struct Terms {
  Peer peer = Peer::client;
  bool direct = false;      // Nothing in plaintext came before: ALPN has to agree on postgresql.
  bool check_host = false;  // The server's certificate has to name `host`.
  std::string host = {};    // Towards servers: as it was dialled.
};

class TlsCodec final : public Codec {
 public:
  // Takes a fresh connection; make() does the rest as well.
  TlsCodec(ConnectionPtr ssl, Terms terms);
  // REQUIRES: the context went through prepare(). Fails when OpenSSL has no memory, or takes no
  // such host.
  static Result<std::unique_ptr<Codec>> make(SSL_CTX& context, Terms terms);
  // Whose connection this is, for the callbacks of a context.
  static TlsCodec& of(const SSL& connection);
  // Makes the connections of a context call back to their codecs.
  static void prepare(SSL_CTX& context, Peer peer);

  Result<void> begin(Buffer& reply) override;
  Result<void> open(Bytes records, Buffer& plain, Buffer& reply) override;
  Result<void> seal(Bytes plain, Buffer& records) override;
  void finish(Buffer& records) override;

  bool established() const override { return established_; }
  bool peer_finished() const override { return peer_finished_; }
  bool quiet() const override;

  std::optional<PeerName> verified_peer() const override;
  Buffer end_point() const override;
  std::string description() const override;
  // The handshake was shortened by what both sides knew of an earlier one.
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

 private:
  static int verify(X509_STORE_CTX* chain, void*);
  static int on_client_hello(SSL* ssl, int* alert, void*);
  static int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_bytes,
                     const unsigned char* offered, unsigned offered_bytes, void*);
  static int on_session(SSL* ssl, SSL_SESSION* session);
  static void on_message(int ours, int version, int type, const void* bytes, std::size_t size,
                         SSL* ssl, void*);

  class Call;
  Result<void> offer();
  Result<void> shake_hands();
  Result<void> take_plain(Buffer& plain);
  Result<void> check_alpn();
  bool chatters() const { return chatter_ > kChatterMax + received_ / kDataPerChatterBytes; }
  Result<void> stop();
  tl::unexpected<Fault> broken(Fault fault);

  Wire wire_;
  ConnectionPtr ssl_;
  Terms terms_;
  bool offered_session_ = false;
  bool begun_ = false;  // The peer has sent its first byte.
  bool established_ = false;
  bool peer_finished_ = false;
  bool finished_ = false;
  bool broken_ = false;
  bool no_alpn_ = false;  // A direct ClientHello came without.
  std::uint64_t chatter_ = 0;
  std::uint64_t received_ = 0;  // Bytes of data.
};

}  // namespace weir::proxy::tls
