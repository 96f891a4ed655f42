// raw_peer.h: OpenSSL itself as the other end, to do what no codec of ours does.
#pragma once

#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/check.h"
#include "proxy/tls/openssl.h"
#include "tests/unit/proxy/tls/talk.h"

namespace weir::proxy::tls::tests {

class RawPeer {
 public:
  explicit RawPeer(bool dials)
      : context_(SSL_CTX_new(TLS_method())), ssl_(SSL_new(context_.get())) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    if (dials) {
      SSL_set_connect_state(ssl_.get());
    } else {
      SSL_set_accept_state(ssl_.get());
    }
  }

  SSL* ssl() { return ssl_.get(); }
  void show(const TlsSettings& settings) {
    WEIR_CHECK(SSL_use_certificate_file(ssl(), settings.cert_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
               SSL_use_PrivateKey_file(ssl(), settings.key_file.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  // Sends what OpenSSL has to send.
  Buffer sent() {
    char* at = nullptr;
    const long size = BIO_get_mem_data(out_, &at);
    Buffer bytes(at, at + size);
    BIO_reset(out_);
    return bytes;
  }
  void take(Bytes records) {
    WEIR_CHECK(records.empty() ||
               BIO_write(in_, records.data(), static_cast<int>(records.size())) > 0);
  }
  // Shakes hands until neither says more: true when our end is through.
  bool shake(End& end) {
    bool through = false;
    for (int round = 0; round < 10; ++round) {
      through = SSL_do_handshake(ssl_.get()) == 1;
      end.take(sent());
      take(std::exchange(end.sent, {}));
    }
    return through;
  }
  std::string read() {
    std::string text(100, '\0');
    const int size = SSL_read(ssl_.get(), text.data(), static_cast<int>(text.size()));
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  void say(std::string_view text) {
    WEIR_CHECK(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0);
  }

 private:
  ContextPtr context_;
  ConnectionPtr ssl_;
  BIO* in_;  // The connection owns both.
  BIO* out_;
};

}  // namespace weir::proxy::tls::tests
