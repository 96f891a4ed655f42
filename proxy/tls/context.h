// context.h: one TlsSettings and its files made into the context that its connections share.
#pragma once

#include "proxy/config/tls_settings.h"
#include "proxy/tls/material.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/words.h"

namespace weir::proxy::tls {

// Settings as this room means them: the words that say the same are one, and where a store is
// needed and none is named it is the system's.
config::TlsSettings plain_settings(config::TlsSettings settings, Peer peer);

// REQUIRES, for all below: plain_settings().

// A certificate of the peer is looked at.
bool verifies(const config::TlsSettings& settings, Peer peer);

// Empty, or the sentence that says which setting is missing.
std::string incomplete(const config::TlsSettings& settings, Peer peer);

Said<ContextPtr> make_context(const config::TlsSettings& settings, Peer peer,
                              const protocol::Digest& material, Files& files, Stores& stores);

}  // namespace weir::proxy::tls
