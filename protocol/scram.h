// scram.h: SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides, one object an exchange.
//
// No channel binding yet: SCRAM-SHA-256-PLUS is not offered, so a client may say "n" or "y" but
// not "p=". Whatever the peer sends has a maximum: nonces, salts, iterations, whole messages.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/crypto.h"
#include "protocol/result.h"

namespace weir::protocol {

inline constexpr std::string_view kScramMechanism = "SCRAM-SHA-256";
inline constexpr std::size_t kScramNonceBytes = 18;  // Of ours, before base64: as PostgreSQL.
inline constexpr std::size_t kScramNonceTextBytesMax = 1'024;  // Of a peer's, as text.
inline constexpr std::size_t kScramSaltBytesMax = 1'024;
inline constexpr std::size_t kScramMessageBytesMax = 8'192;
inline constexpr std::uint32_t kScramIterations = 4'096;  // PostgreSQL's default.
// The number is the server's to choose and is worked off on our loop: a million is about a third
// of a second during which no other client is served. Nobody recommends more (OWASP: 600,000).
inline constexpr std::uint32_t kScramIterationsMax = 1'000'000;

using ScramNonce = std::array<std::uint8_t, kScramNonceBytes>;

// What a server keeps instead of the password.
struct ScramSecret {
  std::uint32_t iterations = kScramIterations;
  Buffer salt;
  Digest stored_key{};
  Digest server_key{};

  // "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>"; nothing when it is not that, or
  // its salt or iterations are above the maxima.
  static std::optional<ScramSecret> parse(std::string_view text);
  // Runs pbkdf2. REQUIRES: 1 <= iterations <= kScramIterationsMax.
  static ScramSecret from_password(std::string_view password, Bytes salt,
                                   std::uint32_t iterations = kScramIterations);
  std::string text() const;
  // Whether this plain password belongs to the secret. Runs pbkdf2.
  bool matches(std::string_view password) const;
};

// A salt that stays the same for a user as long as `key` does (PostgreSQL: mock authentication),
// so that asking twice does not tell a real user from an invented one.
Buffer scram_stable_salt(Bytes key, std::string_view user);
// A secret that no password has. Same salt and iterations as a plain secret of that user gets.
ScramSecret scram_mock_secret(Bytes key, std::string_view user);

// Random bytes as the text that goes into a message.
std::string scram_nonce_text(const ScramNonce& nonce);

// The server's side: proves a client.
class ScramServer {
 public:
  // `nonce`: fresh, as RFC 5802 wants its text; see scram_nonce_text().
  ScramServer(ScramSecret secret, std::string nonce);

  // client-first-message in, server-first-message out. 08P01 when it is malformed.
  Result<std::string> first(std::string_view client_first);
  // client-final-message in, server-final-message out. 28P01 when the proof is wrong, 08P01 when
  // the message is malformed. REQUIRES: first() succeeded.
  Result<std::string> last(std::string_view client_final);

 private:
  ScramSecret secret_;
  std::string nonce_;  // Ours alone, then the client's and ours.
  std::string gs2_;    // "n,," or "y,,": what c= must repeat.
  std::string client_first_bare_;
  std::string server_first_;
};

// The client's side: logs in to a server.
class ScramClient {
 public:
  // `nonce`: as for ScramServer.
  ScramClient(std::string_view password, std::string nonce);
  ~ScramClient();
  ScramClient(const ScramClient&) = delete;
  ScramClient& operator=(const ScramClient&) = delete;

  std::string first() const;
  // server-first-message in, client-final-message out. Runs pbkdf2. 08P01 when malformed.
  Result<std::string> answer(std::string_view server_first);
  // server-final-message in. 28P01 for an `e=`, 08P01 when malformed or the server does not know
  // the password. REQUIRES: answer() succeeded.
  Result<void> verify(std::string_view server_final) const;

 private:
  std::string password_;
  std::string nonce_;
  Digest server_signature_{};
};

}  // namespace weir::protocol
