#include "proxy/tls/context.h"

#include <utility>

#include "proxy/tls/codec.h"
#include "proxy/tls/rules.h"
#include "proxy/tls/sessions.h"

namespace weir::proxy::tls {

namespace {

using config::SslMode;

bool demands(const config::TlsSettings& settings) {
  return settings.mode == SslMode::verify_ca || settings.mode == SslMode::verify_full;
}

// The names of the authorities, so that a client can choose among its certificates.
NamesPtr names_in(X509_STORE& store) {
  NamesPtr names{sk_X509_NAME_new_null()};
  const auto* objects = X509_STORE_get0_objects(&store);
  for (int i = 0; names && i < sk_X509_OBJECT_num(objects); ++i) {
    const X509* authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    X509_NAME* name =
        authority == nullptr ? nullptr : X509_NAME_dup(X509_get_subject_name(authority));
    if (name != nullptr && sk_X509_NAME_push(names.get(), name) == 0) X509_NAME_free(name);
  }
  return names;
}

std::string verify_by(SSL_CTX& context, const config::TlsSettings& settings, Peer peer,
                      Files& files, Stores& stores) {
  if (!verifies(settings, peer)) {
    SSL_CTX_set_verify(&context, SSL_VERIFY_NONE, nullptr);
    return {};
  }
  const auto store = stores.find(settings.ca_file, peer, files);
  if (!store) return store.error();
  SSL_CTX_set1_cert_store(&context, *store);
  const int demanded = demands(settings) ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | demanded, nullptr);
  if (peer == Peer::client) SSL_CTX_set_client_CA_list(&context, names_in(**store).release());
  return {};
}

// Towards clients by tickets alone: nothing is kept here. A ticket is worth nothing under another
// certificate or authority, since a context of other material has other keys and another id.
bool resume(SSL_CTX& context, Peer peer, const protocol::Digest& material) {
  if (peer == Peer::server) {
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    return Sessions::hang_on(context);
  }
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_num_tickets(&context, 1) == 1 &&
         SSL_CTX_set_session_id_context(&context, material.data(),
                                        static_cast<unsigned>(material.size())) == 1;
}

}  // namespace

config::TlsSettings plain_settings(config::TlsSettings settings, Peer peer) {
  if (settings.mode == SslMode::allow) settings.mode = SslMode::prefer;
  if (peer == Peer::client && settings.mode == SslMode::verify_full) {
    settings.mode = SslMode::verify_ca;
  }
  if (peer == Peer::server && demands(settings) && settings.ca_file.empty()) {
    settings.ca_file = kSystemStore;
  }
  return settings;
}

bool verifies(const config::TlsSettings& settings, Peer peer) {
  return demands(settings) || (peer == Peer::client && !settings.ca_file.empty());
}

std::string incomplete(const config::TlsSettings& settings, Peer peer) {
  const auto missing = [&](std::string_view key, std::string_view why) {
    return key_name(peer, key) + " is not set: " + std::string{why};
  };
  if (peer == Peer::client && settings.cert_file.empty()) {
    return missing("cert_file", "TLS with clients needs a certificate");
  }
  if (settings.cert_file.empty() != settings.key_file.empty()) {
    return settings.key_file.empty()
               ? missing("key_file", "a certificate is of no use without its key")
               : missing("cert_file", "a key is of no use without its certificate");
  }
  if (peer == Peer::client && demands(settings) && settings.ca_file.empty()) {
    return missing("ca_file",
                   "it says whose certificates clients may show (system: any that this "
                   "machine trusts)");
  }
  return {};
}

Said<ContextPtr> make_context(const config::TlsSettings& settings, Peer peer,
                              const protocol::Digest& material, Files& files, Stores& stores) {
  forget_complaints();
  ContextPtr context{SSL_CTX_new(peer == Peer::client ? TLS_server_method() : TLS_client_method())};
  if (!context) return config::no("OpenSSL cannot begin: " + complaint());
  std::string sentence = lay_down(*context, settings, peer);
  if (sentence.empty()) sentence = show_certificate(*context, settings, peer, files);
  if (sentence.empty()) sentence = verify_by(*context, settings, peer, files, stores);
  if (sentence.empty() && !resume(*context, peer, material)) sentence = complaint();
  forget_complaints();
  if (!sentence.empty()) return config::no(std::move(sentence));
  TlsCodec::prepare(*context, peer);
  return context;
}

}  // namespace weir::proxy::tls
