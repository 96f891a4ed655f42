// words.h: what OpenSSL has against a connection or a file, in plain words.
//
// OpenSSL keeps its complaints in a queue of the thread. Every function here empties it, so that
// an old complaint is never told of another connection; forget_complaints() does so beforehand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"
#include "proxy/tls/openssl.h"

namespace weir::proxy::tls {

enum class Peer : std::uint8_t { client, server };  // Who is at the other end.

void forget_complaints();

// The complaint about a file or a setting: "no start line".
std::string complaint();

// Why the connection has failed, in its handshake or after it was established. Nothing that the
// peer has sent is quoted.
Fault connection_fault(const SSL& connection, Peer peer, bool established);

// The same for what we have found ourselves. "%" in `words` stands for the peer.
Fault handshake_fault(std::string_view words, Peer peer);

}  // namespace weir::proxy::tls
