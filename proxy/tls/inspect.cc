#include "proxy/tls/inspect.h"

#include <cstdlib>
#include <memory>

#include "proxy/tls/material.h"
#include "proxy/tls/openssl.h"

namespace weir::proxy::tls {

namespace {

constexpr std::int64_t kDaySeconds = 24 * 60 * 60;

struct TimeFrees {
  void operator()(ASN1_TIME* time) const { ASN1_TIME_free(time); }
};

std::optional<std::int64_t> since_1970(const ASN1_TIME* time) {
  const std::unique_ptr<ASN1_TIME, TimeFrees> begin{ASN1_TIME_set(nullptr, 0)};
  int days = 0;
  int seconds = 0;
  if (!begin || ASN1_TIME_diff(&days, &seconds, begin.get(), time) != 1) return std::nullopt;
  return days * kDaySeconds + seconds;
}

std::optional<Validity> validity(const X509* certificate) {
  if (certificate == nullptr) return std::nullopt;
  const auto from = since_1970(X509_get0_notBefore(certificate));
  const auto until = since_1970(X509_get0_notAfter(certificate));
  if (!from || !until) return std::nullopt;
  return Validity{*from, *until};
}

}  // namespace

std::optional<Validity> validity_of_file(const std::string& path) {
  Files files;
  const auto content = files.content(path);
  if (!content || content->empty()) return std::nullopt;
  const BioPtr bio{BIO_new_mem_buf(content->data(), static_cast<int>(content->size()))};
  // Nobody is there to be asked for a password.
  const auto silent = [](char*, int, int, void*) { return -1; };
  const CertificatePtr first{PEM_read_bio_X509_AUX(bio.get(), nullptr, silent, nullptr)};
  forget_complaints();
  return validity(first.get());
}

std::optional<Validity> validity_of_peer(void* connection) {
  if (connection == nullptr) return std::nullopt;
  return validity(SSL_get0_peer_certificate(static_cast<SSL*>(connection)));
}

std::string system_store_file() {
  const char* const named = std::getenv(X509_get_default_cert_file_env());
  for (const char* path : {named, X509_get_default_cert_file(),
                           "/etc/ssl/certs/ca-certificates.crt",   // Debian, Alpine.
                           "/etc/pki/tls/certs/ca-bundle.crt"}) {  // Red Hat.
    if (path != nullptr && validity_of_file(path)) return path;
  }
  return {};
}

}  // namespace weir::proxy::tls
