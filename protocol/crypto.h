// crypto.h: the digests and the base64 that logins need; the one door to OpenSSL's EVP digests.
//
// Everything here is pure: the same input gives the same output, and no randomness is drawn.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"

namespace weir::protocol {

inline constexpr std::size_t kDigestBytes = 32;  // SHA-256.
using Digest = std::array<std::uint8_t, kDigestBytes>;

// 32 lower-case hexadecimal digits. Nothing when OpenSSL refuses MD5 (a FIPS provider): the caller
// must then fail the login, never compare with an empty string.
std::optional<std::string> md5_hex(Bytes text);

Digest sha256(Bytes text, Bytes more = {});  // Of one behind the other.
Digest hmac_sha256(Bytes key, Bytes text);

// SCRAM's Hi() (RFC 5802 section 2.2): PBKDF2 with HMAC-SHA-256, one block. Blocks the caller for
// about `iterations` / 3 microseconds. REQUIRES: iterations from 1 to 2^31 - 1.
Digest pbkdf2(Bytes password, Bytes salt, std::uint32_t iterations);

std::string base64_encode(Bytes bytes);

// Strict (RFC 4648 section 4): only the alphabet, whole groups of four, padding where it is due,
// the unused bits zero. Nothing otherwise.
std::optional<Buffer> base64_decode(std::string_view text);

// Takes the same time wherever the two differ. Lengths are not secret: unequal ones are false.
bool constant_time_equal(Bytes left, Bytes right);

// Overwrites a secret in a way the compiler keeps, then empties it.
void wipe(std::string& secret);
void wipe(Buffer& secret);
void wipe(Digest& secret);

}  // namespace weir::protocol
