// seal.cc: see seal.h.
#include "tests/e2e/harness/seal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace weir::e2e {

namespace {

template <auto Free>
struct FreedBy {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Context = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, FreedBy<SSL_free>>;
using Paper = std::unique_ptr<X509, FreedBy<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using Session = std::unique_ptr<SSL_SESSION, FreedBy<SSL_SESSION_free>>;
using Bio = std::unique_ptr<BIO, FreedBy<BIO_free>>;

Bio reader(const std::string& text) {
  return Bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

void show(SSL_CTX* context, const certs::Certificate& own) {
  const Bio text = reader(own.text);
  const Bio key_text = reader(own.key);
  const Paper paper{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)};
  const Key key{PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr)};
  SSL_CTX_use_certificate(context, paper.get());
  SSL_CTX_use_PrivateKey(context, key.get());
}

void demand(SSL_CTX* context, const std::string& authorities) {
  const Bio text = reader(authorities);
  const Paper paper{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)};
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), paper.get());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

// As ALPN has it on the wire.
std::string listed(const std::string& protocol) {
  return static_cast<char>(protocol.size()) + protocol;
}

int choose(SSL*, const unsigned char** chosen, unsigned char* bytes, const unsigned char*, unsigned,
           void* wanted) {
  const auto& protocol = *static_cast<const std::string*>(wanted);
  *chosen = reinterpret_cast<const unsigned char*>(protocol.data());
  *bytes = static_cast<unsigned char>(protocol.size());
  return SSL_TLSEXT_ERR_OK;
}

void resume(SSL* ssl, const std::string& kept) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(kept.data());
  const Session session{d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(kept.size()))};
  SSL_set_session(ssl, session.get());
}

}  // namespace

struct Seal::Inside {
  SealTerms terms;
  Context context;
  Connection ssl;
};

Seal::Seal(const SealTerms& terms) : inside_(std::make_unique<Inside>()) {
  inside_->terms = terms;
  const bool client = terms.side == SealTerms::Side::client;
  inside_->context.reset(SSL_CTX_new(client ? TLS_client_method() : TLS_server_method()));
  SSL_CTX* const context = inside_->context.get();
  SSL_CTX_set_security_level(context,
                             0);  // What is out of use has to be refused by the other side.
  SSL_CTX_set_min_proto_version(context, terms.version_min);
  SSL_CTX_set_max_proto_version(context, terms.version_max);
  if (!terms.ciphers.empty()) SSL_CTX_set_cipher_list(context, terms.ciphers.c_str());
  if (!terms.groups.empty()) SSL_CTX_set1_groups_list(context, terms.groups.c_str());
  if (terms.own) show(context, *terms.own);
  if (!terms.authorities.empty()) demand(context, terms.authorities);
  if (!client && !terms.alpn.empty()) {
    SSL_CTX_set_alpn_select_cb(context, choose, &inside_->terms.alpn);
  }
  inside_->ssl.reset(SSL_new(context));
  SSL* const ssl = inside_->ssl.get();
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  client ? SSL_set_connect_state(ssl) : SSL_set_accept_state(ssl);
  if (!terms.session.empty()) resume(ssl, terms.session);
  if (client && !terms.alpn.empty()) {
    const std::string list = listed(terms.alpn);
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
  }
}

Seal::~Seal() = default;

Seal::Step Seal::after(int result) {
  if (result == 1) return Step::done;
  const int error = SSL_get_error(inside_->ssl.get(), result);
  if (error == SSL_ERROR_WANT_READ) return Step::more;
  if (error == SSL_ERROR_ZERO_RETURN) return Step::done;
  const unsigned long first = ERR_get_error();
  const char* const words = first == 0 ? nullptr : ERR_reason_error_string(first);
  trouble_ = words == nullptr ? "no reason given" : words;
  ERR_clear_error();
  return Step::failed;
}

Seal::Step Seal::shake() {
  ERR_clear_error();
  return after(SSL_do_handshake(inside_->ssl.get()));
}

void Seal::take(std::string_view raw) {
  BIO_write(SSL_get_rbio(inside_->ssl.get()), raw.data(), static_cast<int>(raw.size()));
}

std::string Seal::records() {
  BIO* const out = SSL_get_wbio(inside_->ssl.get());
  std::string all(BIO_ctrl_pending(out), '\0');
  if (!all.empty()) BIO_read(out, all.data(), static_cast<int>(all.size()));
  return all;
}

Seal::Step Seal::read(char* to, std::size_t room, std::size_t& got) {
  ERR_clear_error();
  got = 0;
  return after(SSL_read_ex(inside_->ssl.get(), to, room, &got));
}

bool Seal::write(std::string_view plain) {
  ERR_clear_error();
  std::size_t written = 0;
  if (plain.empty()) return true;
  return after(SSL_write_ex(inside_->ssl.get(), plain.data(), plain.size(), &written)) ==
         Step::done;
}

void Seal::finish() { SSL_shutdown(inside_->ssl.get()); }

void Seal::ask_for_new_keys() {
  SSL_key_update(inside_->ssl.get(), SSL_KEY_UPDATE_REQUESTED);
  SSL_do_handshake(inside_->ssl.get());
}

std::string Seal::version() const { return SSL_get_version(inside_->ssl.get()); }

std::string Seal::cipher() const { return SSL_get_cipher_name(inside_->ssl.get()); }

std::string Seal::group() const {
  const char* const name =
      OBJ_nid2sn(static_cast<int>(SSL_get_negotiated_group(inside_->ssl.get())));
  return name == nullptr ? "" : name;
}

std::string Seal::alpn() const {
  const unsigned char* name = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(inside_->ssl.get(), &name, &bytes);
  return {reinterpret_cast<const char*>(name), bytes};
}

bool Seal::resumed() const { return SSL_session_reused(inside_->ssl.get()) == 1; }

std::string Seal::session() const {
  const Session session{SSL_get1_session(inside_->ssl.get())};
  std::string kept(static_cast<std::size_t>(i2d_SSL_SESSION(session.get(), nullptr)), '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(kept.data());
  i2d_SSL_SESSION(session.get(), &bytes);
  return kept;
}

std::string Seal::peer_name() const {
  const X509* const paper = SSL_get0_peer_certificate(inside_->ssl.get());
  char name[256] = "";
  if (paper != nullptr) {
    X509_NAME_get_text_by_NID(X509_get_subject_name(paper), NID_commonName, name, sizeof name);
  }
  return name;
}

std::string Seal::asked_name() const {
  const char* const name = SSL_get_servername(inside_->ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

}  // namespace weir::e2e
