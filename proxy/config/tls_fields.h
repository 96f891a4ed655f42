// tls_fields.h: a key about TLS into its field. Inside the config room only.
#pragma once

#include <string_view>

#include "proxy/config/tls_overrides.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {

// `key` without client_tls or server_tls in front: `_sslmode`, `13_ciphers`. False: no such key.
bool set_tls_field(TlsSettings& tls, std::string_view key, const Value& value);
bool set_tls_field(TlsOverrides& tls, std::string_view key, const Value& value);

// The same part of server_tls_… that libpq's `sslmode`, `sslrootcert` and so on stand for, or of a
// key that begins so itself; empty: it is not about TLS.
std::string_view tls_part(std::string_view key);

}  // namespace weir::proxy::config
