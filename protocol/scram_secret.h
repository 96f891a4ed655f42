// scram_secret.h: what is kept of a password for SCRAM (RFC 5802 section 3), and the keys to it.
//
// A secret proves a client and cannot log in anywhere; the keys that a client proves in doing so
// can.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/crypto.h"

namespace weir::protocol {

inline constexpr std::string_view kScramMechanism = "SCRAM-SHA-256";
inline constexpr std::size_t kScramSaltBytesMax = 1'024;
inline constexpr std::uint32_t kScramIterations = 4'096;  // PostgreSQL's default.
// The number is the server's to choose and is worked off on our loop: a million is about a third
// of a second during which no other client is served. Nobody recommends more (OWASP: 600,000).
inline constexpr std::uint32_t kScramIterationsMax = 1'000'000;

// What a password is hashed with. One exchange names one basis, and proves secrets of that alone.
struct ScramBasis {
  Buffer salt = {};
  std::uint32_t iterations = kScramIterations;

  bool operator==(const ScramBasis&) const = default;
};

// What a server keeps instead of the password.
struct ScramSecret {
  std::uint32_t iterations = kScramIterations;
  Buffer salt;
  Digest stored_key{};
  Digest server_key{};
  ~ScramSecret();

  // "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>"; nothing when it is not that, or
  // its salt or iterations are above the maxima.
  static std::optional<ScramSecret> parse(std::string_view text);
  // Runs pbkdf2. REQUIRES: 1 <= iterations <= kScramIterationsMax.
  static ScramSecret from_password(std::string_view password, Bytes salt,
                                   std::uint32_t iterations = kScramIterations);
  std::string text() const;
  // Whether this plain password belongs to the secret. Runs pbkdf2.
  bool matches(std::string_view password) const;
  ScramBasis basis() const { return {salt, iterations}; }
};

// What answers a server in the password's place, as long as the server keeps this very secret.
struct ScramKeys {
  Digest client_key{};
  Digest server_key{};
  std::string secret;  // The ScramSecret's text that they belong to.
  ~ScramKeys();

  // Runs pbkdf2. REQUIRES: as ScramSecret::from_password().
  static ScramKeys from_password(std::string_view password, const ScramBasis& basis);
};

// A salt that stays the same for a user as long as `key` does (PostgreSQL: mock authentication),
// so that asking twice does not tell a real user from an invented one.
Buffer scram_stable_salt(Bytes key, std::string_view user);
// A secret that no password has. Same salt and iterations as a plain secret of that user gets.
ScramSecret scram_mock_secret(Bytes key, std::string_view user,
                              std::uint32_t iterations = kScramIterations);

// The fields of secrets and of messages alike; nothing when they are malformed or above the maxima.
std::optional<std::uint32_t> parse_scram_iterations(std::string_view text);
std::optional<Buffer> parse_scram_salt(std::string_view text);
std::optional<Digest> parse_scram_digest(std::string_view text);

}  // namespace weir::protocol
