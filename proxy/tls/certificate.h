// certificate.h: what a certificate says: whom it names, what binds a login to it, until when.
#pragma once

#include <string>

#include "protocol/bytes.h"
#include "proxy/codec.h"
#include "proxy/tls/openssl.h"

namespace weir::proxy::tls {

// An IPv4 or IPv6 address in numbers.
bool is_address(const std::string& host);

// verify-full, as libpq has it. A name: a dNSName with a wildcard as the whole left-most label at
// most; the common name only when there is no dNSName. An address: an iPAddress; the common name,
// letter by letter, only when there is neither.
bool certifies(const X509& certificate, const std::string& host);

PeerName peer_name(const X509& certificate);

// tls-server-end-point (RFC 5929 section 4.1). Empty when the signature has no digest of its own,
// as Ed25519's.
Buffer end_point(const X509& certificate);

// "has expired: it was valid until ...", or "is not valid yet: ..."; empty: it is valid now.
std::string out_of_date(const X509& certificate);

}  // namespace weir::proxy::tls
