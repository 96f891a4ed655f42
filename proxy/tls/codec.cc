#include "proxy/tls/codec.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "protocol/check.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/sessions.h"

namespace weir::proxy::tls {

namespace {

constexpr std::string_view kAlpn = "\x0apostgresql";  // As on the wire: length and name.
constexpr std::size_t kRecordBytesMax = SSL3_RT_MAX_PLAIN_LENGTH;

const unsigned char* alpn_bytes() { return reinterpret_cast<const unsigned char*>(kAlpn.data()); }

bool is_name(const std::string& host) {
  return !host.empty() && host.front() != '/' && !is_address(host);
}

}  // namespace

// While it lives OpenSSL reads from `in` and writes to `out`.
class TlsCodec::Call {
 public:
  Call(TlsCodec& codec, Bytes in, Buffer& out) : wire_(codec.wire_) {
    forget_complaints();
    wire_ = {in, &out};
  }
  ~Call() { wire_ = {}; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  Wire& wire_;
};

TlsCodec::TlsCodec(ConnectionPtr ssl, Terms terms)
    : ssl_(std::move(ssl)), terms_(std::move(terms)) {
  SSL_set_app_data(ssl_.get(), this);
}

TlsCodec& TlsCodec::of(const SSL& connection) {
  return *static_cast<TlsCodec*>(SSL_get_app_data(&connection));
}

Result<std::unique_ptr<Codec>> TlsCodec::make(SSL_CTX& context, Terms terms) {
  forget_complaints();
  ConnectionPtr ssl{SSL_new(&context)};
  if (!ssl) return fail("53200", "TLS cannot begin: " + complaint());
  auto codec = std::make_unique<TlsCodec>(std::move(ssl), std::move(terms));
  if (!attach(*codec->ssl_, codec->wire_)) {
    return fail("53200", "TLS cannot begin: " + complaint());
  }
  if (codec->terms_.peer == Peer::client) {
    SSL_set_accept_state(codec->ssl_.get());
  } else if (const auto offered = codec->offer(); !offered) {
    return tl::unexpected(offered.error());
  }
  return codec;
}

void TlsCodec::prepare(SSL_CTX& context, Peer peer) {
  if (peer == Peer::client) {
    SSL_CTX_set_client_hello_cb(&context, on_client_hello, nullptr);
    SSL_CTX_set_alpn_select_cb(&context, on_alpn, nullptr);
  } else {
    SSL_CTX_sess_set_new_cb(&context, on_session);
  }
  SSL_CTX_set_cert_verify_callback(&context, verify, nullptr);
  SSL_CTX_set_msg_callback(&context, on_message);
}

Result<void> TlsCodec::offer() {
  SSL_set_connect_state(ssl_.get());
  const bool alpn = SSL_set_alpn_protos(ssl_.get(), alpn_bytes(), kAlpn.size()) == 0;
  const bool named =
      !is_name(terms_.host) || SSL_set_tlsext_host_name(ssl_.get(), terms_.host.c_str()) == 1;
  if (!alpn || !named) return fail("08001", "TLS cannot begin: " + complaint());
  const SessionPtr session = Sessions::of(*ssl_).copy_for(terms_.host);
  offered_session_ = session && SSL_set_session(ssl_.get(), session.get()) == 1;
  return {};
}

int TlsCodec::on_client_hello(SSL* ssl, int* alert, void*) {
  const unsigned char* extension = nullptr;
  std::size_t extension_bytes = 0;
  TlsCodec& codec = of(*ssl);
  if (!codec.terms_.direct ||
      SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension,
                                &extension_bytes) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  codec.no_alpn_ = true;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int TlsCodec::on_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
                      const unsigned char* offered, unsigned offered_bytes, void*) {
  unsigned char* protocol = nullptr;
  if (SSL_select_next_proto(&protocol, chosen_bytes, alpn_bytes(), kAlpn.size(), offered,
                            offered_bytes) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = protocol;
  return SSL_TLSEXT_ERR_OK;
}

int TlsCodec::verify(X509_STORE_CTX* chain, void*) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) {
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);  // Nobody has looked.
    return 1;
  }
  if (X509_verify_cert(chain) != 1) return 0;
  const Terms& terms = of(*ssl).terms_;
  if (!terms.check_host || certifies(*X509_STORE_CTX_get0_cert(chain), terms.host)) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

int TlsCodec::on_session(SSL* ssl, SSL_SESSION* session) {
  Sessions::of(*ssl).keep(of(*ssl).terms_.host, *session);
  return 0;  // The session stays the connection's.
}

// OpenSSL would go through all that is at hand before it comes back to us.
void TlsCodec::on_message(int ours, int, int type, const void*, std::size_t, SSL* ssl, void*) {
  TlsCodec& codec = of(*ssl);
  const bool counts = ours != 0 ? type == SSL3_RT_ALERT : type == SSL3_RT_HANDSHAKE;
  if (!codec.established_ || !counts) return;
  ++codec.chatter_;
  if (codec.chatters()) codec.wire_.in = {};
}

tl::unexpected<Fault> TlsCodec::broken(Fault fault) {
  broken_ = true;
  if (offered_session_ && !established_) Sessions::of(*ssl_).give_up(terms_.host);
  return tl::unexpected(std::move(fault));
}

// After a call into OpenSSL that did not get through: more bytes are awaited, or it is over.
Result<void> TlsCodec::stop() {
  switch (SSL_get_error(ssl_.get(), -1)) {
    case SSL_ERROR_WANT_READ:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      peer_finished_ = true;
      if (established_) return {};
      forget_complaints();
      return broken(handshake_fault("the % has ended it", terms_.peer));
    default:
      break;
  }
  Fault fault = connection_fault(*ssl_, terms_.peer, established_);
  if (!no_alpn_) return broken(std::move(fault));
  return broken(handshake_fault("the % did not ask for postgresql by ALPN", terms_.peer));
}

Result<void> TlsCodec::check_alpn() {
  if (terms_.peer == Peer::client) return {};
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  const std::string_view chosen{reinterpret_cast<const char*>(protocol), size};
  if (chosen == kAlpn.substr(1) || (chosen.empty() && !terms_.direct)) return {};
  return broken(handshake_fault("the % did not agree to postgresql by ALPN", terms_.peer));
}

Result<void> TlsCodec::shake_hands() {
  if (SSL_do_handshake(ssl_.get()) != 1) return stop();
  if (auto agreed = check_alpn(); !agreed) return agreed;
  established_ = true;
  return {};
}

Result<void> TlsCodec::take_plain(Buffer& plain) {
  std::array<std::uint8_t, kRecordBytesMax> block;
  for (;;) {
    std::size_t size = 0;
    const bool read = SSL_read_ex(ssl_.get(), block.data(), block.size(), &size) == 1;
    if (chatters()) {
      forget_complaints();
      return broken({"08P01", "TLS failed: the peer asks for new keys without end"});
    }
    if (!read) return stop();
    received_ += size;
    plain.insert(plain.end(), block.data(), block.data() + size);
  }
}

Result<void> TlsCodec::begin(Buffer& reply) {
  if (terms_.peer == Peer::client) return {};
  const Call call(*this, {}, reply);
  return shake_hands();
}

Result<void> TlsCodec::open(Bytes records, Buffer& plain, Buffer& reply) {
  if (broken_) return fail("08P01", "TLS has failed before");
  if (records.empty()) return {};
  // OpenSSL would take the ClientHello of SSLv2, too, in records of another shape.
  const bool tls = begun_ || records[0] == SSL3_RT_HANDSHAKE || records[0] == SSL3_RT_ALERT;
  if (!tls) return broken(handshake_fault("the % does not speak TLS", terms_.peer));
  begun_ = true;
  const Call call(*this, records, reply);
  if (!established_) {
    if (auto shaken = shake_hands(); !shaken || !established_) return shaken;
  }
  return take_plain(plain);
}

Result<void> TlsCodec::seal(Bytes plain, Buffer& records) {
  WEIR_CHECK(established_);
  if (broken_ || finished_) return fail("08P01", "TLS is over");
  if (plain.empty()) return {};
  const Call call(*this, {}, records);
  std::size_t size = 0;
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &size) == 1) return {};
  // Only a message of TLS itself that has begun and not ended holds up what is to be sent.
  if (SSL_get_error(ssl_.get(), -1) == SSL_ERROR_WANT_READ) {
    return broken({"08P01", "TLS failed: the peer has left a message of TLS half sent"});
  }
  return broken(connection_fault(*ssl_, terms_.peer, established_));
}

void TlsCodec::finish(Buffer& records) {
  if (!established_ || broken_ || finished_) return;
  finished_ = true;
  const Call call(*this, {}, records);
  SSL_shutdown(ssl_.get());
  forget_complaints();
}

bool TlsCodec::quiet() const {
  // "RH": OpenSSL waits for the head of a record.
  return SSL_has_pending(ssl_.get()) == 0 &&
         std::string_view{SSL_rstate_string(ssl_.get())} == "RH";
}

std::optional<PeerName> TlsCodec::verified_peer() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_mode(ssl_.get()) == SSL_VERIFY_NONE ||
      SSL_get_verify_result(ssl_.get()) != X509_V_OK) {
    return std::nullopt;
  }
  return peer_name(*certificate);
}

Buffer TlsCodec::end_point() const {
  const X509* certificate = terms_.peer == Peer::client ? SSL_get_certificate(ssl_.get())
                                                        : SSL_get0_peer_certificate(ssl_.get());
  return certificate == nullptr ? Buffer{} : tls::end_point(*certificate);
}

std::string TlsCodec::description() const {
  return std::string{SSL_get_version(ssl_.get())} + "/" + SSL_get_cipher_name(ssl_.get());
}

}  // namespace weir::proxy::tls
