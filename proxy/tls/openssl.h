// openssl.h: OpenSSL's objects, each with one owner. Private to this room.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace weir::proxy::tls {

template <auto Free>
struct FreedBy {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};

using ContextPtr = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using ConnectionPtr = std::unique_ptr<SSL, FreedBy<SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, FreedBy<SSL_SESSION_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreedBy<X509_STORE_free>>;
using CertificatePtr = std::unique_ptr<X509, FreedBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, FreedBy<BIO_meth_free>>;

struct FreesNames {
  void operator()(STACK_OF(X509_NAME) * names) const {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
  }
};
using NamesPtr = std::unique_ptr<STACK_OF(X509_NAME), FreesNames>;

struct FreesAlternativeNames {
  void operator()(STACK_OF(GENERAL_NAME) * names) const { GENERAL_NAMES_free(names); }
};
using AlternativeNamesPtr = std::unique_ptr<STACK_OF(GENERAL_NAME), FreesAlternativeNames>;

}  // namespace weir::proxy::tls
