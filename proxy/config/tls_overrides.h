// tls_overrides.h: what one database says of TLS to its own servers, over what server_tls_* says
// for all.
#pragma once

#include <optional>
#include <string>

#include "proxy/config/tls_settings.h"

namespace weir::proxy::config {

// TlsSettings towards servers, each field unset where the line of the database does not name it.
struct TlsOverrides {
  std::optional<SslMode> mode = {};
  std::optional<std::string> ca_file = {};
  std::optional<std::string> cert_file = {};
  std::optional<std::string> key_file = {};
  std::optional<std::string> protocols = {};
  std::optional<std::string> ciphers = {};
  std::optional<std::string> tls13_ciphers = {};
  std::optional<bool> direct = {};

  TlsSettings over(TlsSettings settings) const;
  bool operator==(const TlsOverrides&) const = default;
};

}  // namespace weir::proxy::config
