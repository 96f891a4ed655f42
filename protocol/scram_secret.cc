#include "protocol/scram_secret.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocol/check.h"
#include "protocol/saslprep.h"

namespace weir::protocol {

namespace {

constexpr std::size_t kSaltBytes = 16;  // Of ours, as PostgreSQL.
constexpr std::size_t kSaltTextBytesMax = (kScramSaltBytesMax + 2) / 3 * 4;

Digest labelled(Bytes key, std::string_view label, std::string_view user) {
  std::string text{label};
  text.append(user);
  return hmac_sha256(key, as_bytes(text));
}

}  // namespace

ScramSecret::~ScramSecret() {
  wipe(stored_key);
  wipe(server_key);
}

ScramKeys::~ScramKeys() {
  wipe(client_key);
  wipe(server_key);
  wipe(secret);
}

std::optional<ScramSecret> ScramSecret::parse(std::string_view text) {
  if (!text.starts_with(kScramMechanism)) return std::nullopt;
  text.remove_prefix(kScramMechanism.size());
  // What is left: $<iterations>:<salt>$<StoredKey>:<ServerKey>. None passes as a number or as
  // base64 with a $ or a : in it.
  const auto field = [&text](char opens, char closes) -> std::optional<std::string_view> {
    if (text.empty() || text.front() != opens) return std::nullopt;
    text.remove_prefix(1);
    const std::string_view value = text.substr(0, text.find(closes));
    text.remove_prefix(value.size());
    return value;
  };
  const auto iterations_text = field('$', ':');
  const auto salt_text = field(':', '$');
  const auto stored_text = field('$', ':');
  const auto server_text = field(':', '\0');
  if (!iterations_text || !salt_text || !stored_text || !server_text || !text.empty()) {
    return std::nullopt;
  }
  const auto iterations = parse_scram_iterations(*iterations_text);
  auto salt = parse_scram_salt(*salt_text);
  const auto stored = parse_scram_digest(*stored_text);
  const auto server = parse_scram_digest(*server_text);
  if (!iterations || !salt || !stored || !server) return std::nullopt;
  return ScramSecret{*iterations, std::move(*salt), *stored, *server};
}

ScramSecret ScramSecret::from_password(std::string_view password, Bytes salt,
                                       std::uint32_t iterations) {
  const auto keys =
      ScramKeys::from_password(password, {Buffer(salt.begin(), salt.end()), iterations});
  return {iterations, Buffer(salt.begin(), salt.end()), sha256(keys.client_key), keys.server_key};
}

ScramKeys ScramKeys::from_password(std::string_view password, const ScramBasis& basis) {
  WEIR_CHECK(basis.iterations >= 1 && basis.iterations <= kScramIterationsMax);
  std::string prepared = saslprep(password);
  Digest salted = pbkdf2(as_bytes(prepared), basis.salt, basis.iterations);
  wipe(prepared);
  ScramKeys keys{
      hmac_sha256(salted, as_bytes("Client Key")), hmac_sha256(salted, as_bytes("Server Key")), {}};
  wipe(salted);
  const ScramSecret secret{basis.iterations, basis.salt, sha256(keys.client_key), keys.server_key};
  keys.secret = secret.text();
  return keys;
}

std::string ScramSecret::text() const {
  std::string text{kScramMechanism};
  text.append("$").append(std::to_string(iterations)).append(":").append(base64_encode(salt));
  text.append("$").append(base64_encode(stored_key)).append(":").append(base64_encode(server_key));
  return text;
}

bool ScramSecret::matches(std::string_view password) const {
  return constant_time_equal(from_password(password, salt, iterations).stored_key, stored_key);
}

Buffer scram_stable_salt(Bytes key, std::string_view user) {
  const Digest digest = labelled(key, "salt:", user);
  return Buffer(digest.begin(), digest.begin() + kSaltBytes);
}

ScramSecret scram_mock_secret(Bytes key, std::string_view user, std::uint32_t iterations) {
  // StoredKey is a hash that nobody knows an origin of; to prove it is to invert SHA-256.
  return {iterations, scram_stable_salt(key, user), labelled(key, "stored:", user),
          labelled(key, "server:", user)};
}

std::optional<std::uint32_t> parse_scram_iterations(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < 1 || value > kScramIterationsMax) return std::nullopt;
  return value;
}

std::optional<Buffer> parse_scram_salt(std::string_view text) {
  if (text.size() > kSaltTextBytesMax) return std::nullopt;
  auto salt = base64_decode(text);
  if (!salt || salt->empty() || salt->size() > kScramSaltBytesMax) return std::nullopt;
  return salt;
}

std::optional<Digest> parse_scram_digest(std::string_view text) {
  if (text.size() > 2 * kDigestBytes) return std::nullopt;
  const auto bytes = base64_decode(text);
  if (!bytes || bytes->size() != kDigestBytes) return std::nullopt;
  Digest digest{};
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

}  // namespace weir::protocol
