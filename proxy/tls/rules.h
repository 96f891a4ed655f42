// rules.h: protocols, ciphers, curves and DHE of a TlsSettings, and what holds of every connection.
#pragma once

#include <string>

#include "proxy/config/tls_settings.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/words.h"

namespace weir::proxy::tls {

// "client_tls_" or "server_tls_" and the rest of a setting's name.
std::string key_name(Peer peer, std::string_view rest);

// Empty, or the sentence that names the key whose value OpenSSL does not take.
std::string lay_down(SSL_CTX& context, const config::TlsSettings& settings, Peer peer);

}  // namespace weir::proxy::tls
