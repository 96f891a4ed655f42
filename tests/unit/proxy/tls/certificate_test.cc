#include "proxy/tls/certificate.h"

#include <doctest/doctest.h>

#include <string>

#include "protocol/check.h"
#include "tests/certs/certs.h"

using namespace weir;
using namespace weir::proxy;
using certs::Wanted;

namespace {

tls::CertificatePtr parsed(const certs::Certificate& certificate) {
  const tls::BioPtr bio{BIO_new_mem_buf(certificate.text.data(), -1)};
  tls::CertificatePtr paper{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
  WEIR_CHECK(paper != nullptr);
  return paper;
}

tls::CertificatePtr made(const Wanted& wanted) { return parsed(certs::make_self_signed(wanted)); }

bool certifies(const Wanted& wanted, const std::string& host) {
  return tls::certifies(*made(wanted), host);
}

Buffer digest_by(const tls::CertificatePtr& paper, const EVP_MD* algorithm) {
  Buffer hash(static_cast<std::size_t>(EVP_MD_get_size(algorithm)));
  WEIR_CHECK(X509_digest(paper.get(), algorithm, hash.data(), nullptr) == 1);
  return hash;
}

}  // namespace

TEST_CASE("a name is certified by any of the alternative names") {
  const Wanted wanted{.names = {"a.example.com", "b.example.com"}};
  CHECK(certifies(wanted, "a.example.com"));
  CHECK(certifies(wanted, "B.Example.Com"));
  CHECK_FALSE(certifies(wanted, "c.example.com"));
  CHECK_FALSE(certifies(wanted, "example.com"));
  CHECK_FALSE(certifies(wanted, ""));
}

TEST_CASE("a wildcard stands for one whole label, the left-most") {
  const Wanted wanted{.names = {"*.example.com"}};
  CHECK(certifies(wanted, "db.example.com"));
  CHECK_FALSE(certifies(wanted, "a.db.example.com"));
  CHECK_FALSE(certifies(wanted, "example.com"));
  CHECK_FALSE(certifies(wanted, ".example.com"));
  CHECK_FALSE(certifies({.names = {"db*.example.com"}}, "db1.example.com"));
  CHECK_FALSE(certifies({.names = {"*b.example.com"}}, "db.example.com"));
  CHECK_FALSE(certifies({.names = {"db.*.com"}}, "db.example.com"));
  CHECK_FALSE(certifies({.names = {"*"}}, "localhost"));
}

TEST_CASE("the common name counts only without a dNSName") {
  CHECK(certifies({.common_name = "db.example.com"}, "db.example.com"));
  CHECK(certifies({.common_name = "*.example.com"}, "db.example.com"));
  CHECK(certifies({.common_name = "db.example.com", .addresses = {"10.0.0.1"}}, "db.example.com"));
  CHECK_FALSE(certifies({.common_name = "db.example.com", .names = {"other"}}, "db.example.com"));
}

TEST_CASE("a name with a NUL byte certifies neither what is before it nor the whole") {
  const Wanted wanted{.common_name = std::string("db.example.com\0.evil.com", 24)};
  CHECK_FALSE(certifies(wanted, "db.example.com"));
  CHECK_FALSE(certifies(wanted, wanted.common_name));
}

TEST_CASE("an address is certified by itself, however it is written") {
  const Wanted wanted{.addresses = {"10.0.0.1", "fe80::1"}};
  CHECK(certifies(wanted, "10.0.0.1"));
  CHECK(certifies(wanted, "fe80:0:0:0:0:0:0:1"));
  CHECK_FALSE(certifies(wanted, "10.0.0.2"));
  CHECK_FALSE(certifies({.names = {"10.0.0.1"}}, "10.0.0.1"));
}

TEST_CASE("an address as the common name counts only without alternative names") {
  CHECK(certifies({.common_name = "10.0.0.1"}, "10.0.0.1"));
  CHECK_FALSE(certifies({.common_name = "*.0.0.1"}, "10.0.0.1"));
  CHECK_FALSE(certifies({.common_name = "10.0.0.1", .names = {"db"}}, "10.0.0.1"));
  CHECK_FALSE(certifies({.common_name = "10.0.0.1", .addresses = {"10.0.0.2"}}, "10.0.0.1"));
}

TEST_CASE("the peer's name is the common name and the subject by RFC 2253") {
  const auto name = tls::peer_name(*made({.common_name = "alice, \"the\" user"}));
  CHECK(name.common_name == "alice, \"the\" user");
  CHECK(name.subject == "CN=alice\\, \\\"the\\\" user");
  CHECK(tls::peer_name(*made({.names = {"x"}})).common_name.empty());
  CHECK(tls::peer_name(*made({.common_name = "jürgen"})).common_name == "jürgen");
}

TEST_CASE("a common name with a NUL byte is none") {
  CHECK(tls::peer_name(*made({.common_name = std::string("al\0ice", 6)})).common_name.empty());
}

TEST_CASE("the end point has the digest of the signature, SHA-256 for those that are broken") {
  const auto by = [](const char* name) {
    return made({.common_name = "a", .kind = certs::Kind::rsa2048, .digest = name});
  };
  const auto sha256 = by("SHA256"), sha384 = by("SHA384"), sha1 = by("SHA1"), md5 = by("MD5");
  CHECK(tls::end_point(*sha256) == digest_by(sha256, EVP_sha256()));
  CHECK(tls::end_point(*sha384) == digest_by(sha384, EVP_sha384()));
  CHECK(tls::end_point(*sha1) == digest_by(sha1, EVP_sha256()));
  CHECK(tls::end_point(*md5) == digest_by(md5, EVP_sha256()));
}

TEST_CASE("no end point is defined for a signature without a digest of its own") {
  CHECK(tls::end_point(*made({.common_name = "a", .kind = certs::Kind::ed25519})).empty());
}

TEST_CASE("a date outside of the certificate's is told") {
  CHECK(tls::out_of_date(*made({})).empty());
  CHECK(tls::out_of_date(*made({.dates = certs::Dates::expired})) ==
        "has expired: it was valid until Dec 31 23:59:59 2001 GMT");
  CHECK(tls::out_of_date(*made({.dates = certs::Dates::not_yet})) ==
        "is not valid yet: it is from Jan  1 00:00:00 2098 GMT on");
}
