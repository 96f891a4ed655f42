#include "tests/certs/certs.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "protocol/check.h"

namespace weir::certs {

namespace {

template <auto Free>
struct FreedBy {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using Paper = std::unique_ptr<X509, FreedBy<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, FreedBy<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, FreedBy<BIO_free>>;

Key make_key(Kind kind) {
  switch (kind) {
    case Kind::p256:
      return Key{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
    case Kind::rsa2048:
      return Key{EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})};
    case Kind::ed25519:
      return Key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  }
  return nullptr;
}

template <typename Write>
std::string pem(Write write) {
  const Bio bio{BIO_new(BIO_s_mem())};
  WEIR_CHECK(write(bio.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string certificate_text(X509* paper) {
  return pem([&](BIO* bio) { return PEM_write_bio_X509(bio, paper); });
}

std::string key_text(EVP_PKEY* key) {
  return pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void extend(X509* paper, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, paper, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
  WEIR_CHECK(extension && X509_add_ext(paper, extension.get(), -1) == 1);
}

void date(X509* paper, Dates dates) {
  const char* from = dates == Dates::not_yet ? "20980101000000Z" : "20000101000000Z";
  const char* until = dates == Dates::expired ? "20011231235959Z" : "20991231235959Z";
  WEIR_CHECK(ASN1_TIME_set_string_X509(X509_getm_notBefore(paper), from) == 1);
  WEIR_CHECK(ASN1_TIME_set_string_X509(X509_getm_notAfter(paper), until) == 1);
}

void name(X509* paper, const std::string& common_name) {
  if (common_name.empty()) return;
  const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data());
  WEIR_CHECK(X509_NAME_add_entry_by_NID(X509_get_subject_name(paper), NID_commonName,
                                        V_ASN1_UTF8STRING, bytes,
                                        static_cast<int>(common_name.size()), -1, 0) == 1);
}

Paper blank(const std::string& common_name, Dates dates, EVP_PKEY* key) {
  static std::atomic<long> serial{1};
  Paper paper{X509_new()};
  WEIR_CHECK(paper && X509_set_version(paper.get(), X509_VERSION_3) == 1);
  WEIR_CHECK(ASN1_INTEGER_set(X509_get_serialNumber(paper.get()), serial++) == 1);
  date(paper.get(), dates);
  name(paper.get(), common_name);
  WEIR_CHECK(X509_set_pubkey(paper.get(), key) == 1);
  return paper;
}

void sign(X509* paper, X509* issuer, EVP_PKEY* issuer_key, const std::string& digest) {
  WEIR_CHECK(X509_set_issuer_name(paper, X509_get_subject_name(issuer)) == 1);
  const bool own_digest = EVP_PKEY_is_a(issuer_key, "ED25519") == 1;
  const EVP_MD* algorithm = own_digest ? nullptr : EVP_get_digestbyname(digest.c_str());
  WEIR_CHECK(X509_sign(paper, issuer_key, algorithm) > 0);
}

std::string alternatives(const Wanted& wanted) {
  std::string list;
  for (const auto& each : wanted.names) list += (list.empty() ? "DNS:" : ",DNS:") + each;
  for (const auto& each : wanted.addresses) list += (list.empty() ? "IP:" : ",IP:") + each;
  return list;
}

Paper leaf(const Wanted& wanted, EVP_PKEY* key) {
  Paper paper = blank(wanted.common_name, wanted.dates, key);
  const std::string list = alternatives(wanted);
  if (!list.empty()) extend(paper.get(), paper.get(), NID_subject_alt_name, list);
  return paper;
}

Paper authority_paper(const std::string& common_name, EVP_PKEY* key) {
  Paper paper = blank(common_name, Dates::valid, key);
  extend(paper.get(), paper.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(paper.get(), paper.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  return paper;
}

}  // namespace

struct Authority::Inside {
  Key key;
  Paper paper;
};

Authority::Authority(std::unique_ptr<Inside> inside, std::string text, std::string chain)
    : inside_(std::move(inside)), text_(std::move(text)), chain_(std::move(chain)) {}
Authority::~Authority() = default;
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;

Certificate Authority::make_certificate(const Wanted& wanted) const {
  const Key key = make_key(wanted.kind);
  const Paper paper = leaf(wanted, key.get());
  sign(paper.get(), inside_->paper.get(), inside_->key.get(), wanted.digest);
  return {certificate_text(paper.get()) + chain_, key_text(key.get())};
}

Authority Authority::make_authority(const std::string& name) const {
  Key key = make_key(Kind::p256);
  Paper paper = authority_paper(name, key.get());
  sign(paper.get(), inside_->paper.get(), inside_->key.get(), "SHA256");
  const std::string text = certificate_text(paper.get());
  return {std::make_unique<Inside>(Inside{std::move(key), std::move(paper)}), text, text + chain_};
}

Authority make_authority(const std::string& name, Kind kind) {
  Key key = make_key(kind);
  Paper paper = authority_paper(name, key.get());
  sign(paper.get(), paper.get(), key.get(), "SHA256");
  const std::string text = certificate_text(paper.get());
  auto inside =
      std::make_unique<Authority::Inside>(Authority::Inside{std::move(key), std::move(paper)});
  return {std::move(inside), text, {}};
}

Certificate make_self_signed(const Wanted& wanted) {
  const Key key = make_key(wanted.kind);
  const Paper paper = leaf(wanted, key.get());
  sign(paper.get(), paper.get(), key.get(), wanted.digest);
  return {certificate_text(paper.get()), key_text(key.get())};
}

std::string encrypted_key(const Certificate& certificate, const std::string& password) {
  const Bio bio{BIO_new_mem_buf(certificate.key.data(), static_cast<int>(certificate.key.size()))};
  const Key key{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)};
  const auto* bytes = reinterpret_cast<const unsigned char*>(password.data());
  return pem([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key.get(), EVP_aes_256_cbc(), bytes,
                                    static_cast<int>(password.size()), nullptr, nullptr);
  });
}

Folder::Folder() : path_(std::filesystem::temp_directory_path() / "weir_certs_XXXXXX") {
  WEIR_CHECK(::mkdtemp(path_.data()) != nullptr);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(std::string_view name, std::string_view text) const {
  const std::string to = path(name);
  const int file = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  WEIR_CHECK(file >= 0);
  const auto written = ::write(file, text.data(), text.size());
  WEIR_CHECK(written == static_cast<ssize_t>(text.size()) && ::close(file) == 0);
  return to;
}

}  // namespace weir::certs
