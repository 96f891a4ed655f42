// saslprep.h: the normal form of a password (RFC 4013), exactly as forgiving as PostgreSQL's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::protocol {

// Normalising is quadratic in a row of combining marks; what is longer than this and not plain
// ASCII is used as it stands, so that a hostile password costs microseconds.
inline constexpr std::size_t kSaslprepBytesMax = 4'096;

// The password to hash. As PostgreSQL does, one that is plain ASCII, not valid UTF-8, holds a
// prohibited or unassigned character, or is empty once prepared, is used as it stands.
std::string saslprep(std::string_view password);

}  // namespace weir::protocol
