// tls_settings.h: how one side of pgweir speaks TLS: with its clients, or with one database's
// servers. Compared whole: equal settings share one context and one store of certificates.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace weir::proxy::config {

// libpq's words. Towards clients allow is prefer, and verify-full is verify-ca.
enum class SslMode : std::uint8_t { disable, allow, prefer, require, verify_ca, verify_full };

struct TlsSettings {
  SslMode mode = SslMode::disable;
  std::string ca_file = {};
  std::string cert_file = {};
  std::string key_file = {};
  std::string protocols = "secure";  // A list of tlsv1.0 to tlsv1.3, or all, secure, legacy.
  std::string ciphers = "default";   // Up to TLS 1.2: OpenSSL words, or a shortcut of PgBouncer.
  std::string tls13_ciphers = {};    // Empty: OpenSSL's.
  std::string ecdhcurve = "auto";    // Towards clients only.
  std::string dheparams = "auto";    // Likewise.
  bool direct = false;               // Towards servers: no SSLRequest first (PostgreSQL 17).

  auto operator<=>(const TlsSettings&) const = default;
};

}  // namespace weir::proxy::config
