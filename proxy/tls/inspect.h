// inspect.h: what can be said of certificates before any connection needs them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::proxy::tls {

// In seconds since 1970.
struct Validity {
  std::int64_t from_s = 0;
  std::int64_t until_s = 0;

  bool operator==(const Validity&) const = default;
};

// Of the first certificate in a file; nothing: it cannot be read.
std::optional<Validity> validity_of_file(const std::string& path);

// Of the certificate that the peer has shown. `connection`: OpenSSL's SSL, as libpq lends it, or
// nullptr.
std::optional<Validity> validity_of_peer(void* connection);

// The file with the authorities that this system trusts; empty: it has none that is known.
std::string system_store_file();

}  // namespace weir::proxy::tls
