#include "proxy/tls/certificate.h"

#include <algorithm>

namespace weir::proxy::tls {

namespace {

struct AddressFrees {
  void operator()(ASN1_OCTET_STRING* address) const { ASN1_OCTET_STRING_free(address); }
};

bool has_alternative(const X509& certificate, int kind) {
  const AlternativeNamesPtr names{static_cast<STACK_OF(GENERAL_NAME)*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr))};
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (sk_GENERAL_NAME_value(names.get(), i)->type == kind) return true;
  }
  return false;
}

struct TextFrees {
  void operator()(unsigned char* text) const { OPENSSL_free(text); }
};

// The first one, as PostgreSQL takes it.
std::string common_name(const X509_NAME& subject) {
  const int at = X509_NAME_get_index_by_NID(&subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(&subject, at)));
  const std::unique_ptr<unsigned char, TextFrees> owned{utf8};
  if (size <= 0) return {};
  const std::string name{reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)};
  return name.find('\0') == name.npos ? name : std::string{};
}

template <typename Print>
std::string printed(Print print) {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  if (!bio || print(bio.get()) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string{text, static_cast<std::size_t>(size)} : std::string{};
}

std::string date(const ASN1_TIME* time) {
  return printed([&](BIO* bio) { return ASN1_TIME_print(bio, time); });
}

}  // namespace

bool is_address(const std::string& host) {
  const std::unique_ptr<ASN1_OCTET_STRING, AddressFrees> address{a2i_IPADDRESS(host.c_str())};
  return address != nullptr;
}

bool certifies(const X509& certificate, const std::string& host) {
  auto& checked = const_cast<X509&>(certificate);  // OpenSSL caches what it parses.
  // To OpenSSL a name that begins with a dot means all below it.
  if (host.empty() || host.front() == '.' || host.find('\0') != host.npos) return false;
  if (!is_address(host)) {
    return X509_check_host(&checked, host.data(), host.size(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                           nullptr) == 1;
  }
  if (X509_check_ip_asc(&checked, host.c_str(), 0) == 1) return true;
  return !has_alternative(certificate, GEN_IPADD) && !has_alternative(certificate, GEN_DNS) &&
         common_name(*X509_get_subject_name(&certificate)) == host;
}

PeerName peer_name(const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  return {.common_name = common_name(*subject),
          .subject = printed(
              [&](BIO* bio) { return X509_NAME_print_ex(bio, subject, 0, XN_FLAG_RFC2253); })};
}

Buffer end_point(const X509& certificate) {
  int digest = NID_undef;
  if (X509_get_signature_info(const_cast<X509*>(&certificate), &digest, nullptr, nullptr,
                              nullptr) != 1) {
    return {};
  }
  if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
  const EVP_MD* algorithm = digest == NID_undef ? nullptr : EVP_get_digestbynid(digest);
  Buffer hash(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (algorithm == nullptr || X509_digest(&certificate, algorithm, hash.data(), &size) != 1) {
    return {};
  }
  hash.resize(size);
  return hash;
}

std::string out_of_date(const X509& certificate) {
  const ASN1_TIME* from = X509_get0_notBefore(&certificate);
  const ASN1_TIME* until = X509_get0_notAfter(&certificate);
  if (X509_cmp_current_time(until) < 0) return "has expired: it was valid until " + date(until);
  if (X509_cmp_current_time(from) > 0) return "is not valid yet: it is from " + date(from) + " on";
  return {};
}

}  // namespace weir::proxy::tls
