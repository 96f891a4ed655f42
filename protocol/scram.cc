#include "protocol/scram.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocol/check.h"
#include "protocol/saslprep.h"

namespace weir::protocol {

namespace {

constexpr std::size_t kSaltBytes = 16;  // Of ours, as PostgreSQL.

tl::unexpected<Fault> malformed(std::string_view what) {
  return fail("08P01", "malformed SCRAM message: " + std::string{what});
}

// The attributes of a SCRAM message, one after the other: "r=...,s=...,i=...".
class Attributes {
 public:
  explicit Attributes(std::string_view text) : left_(text) {}

  // The value of the next attribute when that is `name`.
  std::optional<std::string_view> next(char name) {
    if (left_.size() < 2 || left_[0] != name || left_[1] != '=') return std::nullopt;
    const std::size_t comma = left_.find(',');
    const std::string_view value = left_.substr(2, comma == left_.npos ? comma : comma - 2);
    left_.remove_prefix(std::min(left_.size(), comma == left_.npos ? comma : comma + 1));
    return value;
  }

  std::string_view left() const { return left_; }

 private:
  std::string_view left_;
};

// RFC 5802: printable ASCII without the comma.
bool is_nonce(std::string_view text) {
  return !text.empty() && text.size() <= kScramNonceTextBytesMax &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 127 && c != ','; });
}

// Extensions behind the known attributes: "x=value[,...]", to be ignored; "m=" never (RFC 5802:
// a mandatory extension that we do not know).
bool are_extensions(std::string_view text) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    const char name = one.empty() ? '\0' : one[0];
    const bool letter = (name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z');
    if (!letter || name == 'm' || one.size() < 2 || one[1] != '=') return false;
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return true;
}

std::optional<std::uint32_t> parse_iterations(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < 1 || value > kScramIterationsMax) return std::nullopt;
  return value;
}

std::optional<Buffer> parse_salt(std::string_view text) {
  if (text.size() > kScramMessageBytesMax) return std::nullopt;
  auto salt = base64_decode(text);
  if (!salt || salt->empty() || salt->size() > kScramSaltBytesMax) return std::nullopt;
  return salt;
}

std::optional<Digest> parse_digest(std::string_view text) {
  if (text.size() > 2 * kDigestBytes) return std::nullopt;
  const auto bytes = base64_decode(text);
  if (!bytes || bytes->size() != kDigestBytes) return std::nullopt;
  Digest digest{};
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

Digest operator^(Digest left, const Digest& right) {
  for (std::size_t i = 0; i < left.size(); ++i) left[i] ^= right[i];
  return left;
}

// RFC 5802 section 3: AuthMessage.
std::string auth_message(std::string_view client_first_bare, std::string_view server_first,
                         std::string_view client_final_without_proof) {
  std::string text{client_first_bare};
  text.append(",").append(server_first).append(",").append(client_final_without_proof);
  return text;
}

Digest salted_password(std::string_view password, Bytes salt, std::uint32_t iterations) {
  std::string prepared = saslprep(password);
  const Digest salted = pbkdf2(as_bytes(prepared), salt, iterations);
  wipe(prepared);
  return salted;
}

Digest labelled(Bytes key, std::string_view label, std::string_view user) {
  std::string text{label};
  text.append(user);
  return hmac_sha256(key, as_bytes(text));
}

// The flag and authzid that open a client-first-message: "n,," or "y,,".
Result<std::string_view> parse_gs2(std::string_view message) {
  if (message.starts_with("p=")) {
    return malformed("channel binding was not offered");
  }
  if (!message.starts_with("n,") && !message.starts_with("y,")) {
    return malformed("unexpected channel-binding flag");
  }
  if (message.substr(2, 1) != "," && message.substr(2, 2) != "a=") {
    return malformed("expected a comma or an authorization identity");
  }
  if (message[2] == 'a') {
    return fail("0A000", "client uses authorization identity, but it is not supported");
  }
  return message.substr(0, 3);
}

}  // namespace

std::optional<ScramSecret> ScramSecret::parse(std::string_view text) {
  if (!text.starts_with(kScramMechanism)) return std::nullopt;
  text.remove_prefix(kScramMechanism.size());
  // What is left: $<iterations>:<salt>$<StoredKey>:<ServerKey>
  const auto field = [&text](char opens) -> std::optional<std::string_view> {
    if (text.empty() || text.front() != opens) return std::nullopt;
    text.remove_prefix(1);
    const std::string_view value = text.substr(0, text.find_first_of("$:"));
    text.remove_prefix(value.size());
    return value;
  };
  const auto iterations_text = field('$');
  const auto salt_text = field(':');
  const auto stored_text = field('$');
  const auto server_text = field(':');
  if (!iterations_text || !salt_text || !stored_text || !server_text || !text.empty()) {
    return std::nullopt;
  }
  const auto iterations = parse_iterations(*iterations_text);
  auto salt = parse_salt(*salt_text);
  const auto stored = parse_digest(*stored_text);
  const auto server = parse_digest(*server_text);
  if (!iterations || !salt || !stored || !server) return std::nullopt;
  return ScramSecret{*iterations, std::move(*salt), *stored, *server};
}

ScramSecret ScramSecret::from_password(std::string_view password, Bytes salt,
                                       std::uint32_t iterations) {
  WEIR_CHECK(iterations >= 1 && iterations <= kScramIterationsMax);
  Digest salted = salted_password(password, salt, iterations);
  Digest client_key = hmac_sha256(salted, as_bytes("Client Key"));
  ScramSecret secret{iterations, Buffer(salt.begin(), salt.end()), sha256(client_key),
                     hmac_sha256(salted, as_bytes("Server Key"))};
  wipe(salted);
  wipe(client_key);
  return secret;
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

ScramSecret scram_mock_secret(Bytes key, std::string_view user) {
  // StoredKey is a hash that nobody knows an origin of; to prove it is to invert SHA-256.
  return {kScramIterations, scram_stable_salt(key, user), labelled(key, "stored:", user),
          labelled(key, "server:", user)};
}

std::string scram_nonce_text(const ScramNonce& nonce) { return base64_encode(nonce); }

ScramServer::ScramServer(ScramSecret secret, std::string nonce)
    : secret_(std::move(secret)), nonce_(std::move(nonce)) {}

Result<std::string> ScramServer::first(std::string_view client_first) {
  if (client_first.size() > kScramMessageBytesMax) return malformed("too long");
  const auto gs2 = parse_gs2(client_first);
  if (!gs2) return tl::unexpected(gs2.error());
  const std::string_view bare = client_first.substr(gs2->size());

  Attributes attributes(bare);
  // The name is not looked at: PostgreSQL takes the user from the startup packet, and libpq sends
  // an empty one here.
  if (!attributes.next('n')) return malformed("expected a user name");
  const auto nonce = attributes.next('r');
  if (!nonce || !is_nonce(*nonce)) return malformed("expected a nonce");
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");

  gs2_ = *gs2;
  client_first_bare_ = bare;
  nonce_.insert(0, *nonce);
  server_first_ = "r=" + nonce_ + ",s=" + base64_encode(secret_.salt) +
                  ",i=" + std::to_string(secret_.iterations);
  return server_first_;
}

Result<std::string> ScramServer::last(std::string_view client_final) {
  WEIR_CHECK(!server_first_.empty());
  if (client_final.size() > kScramMessageBytesMax) return malformed("too long");
  const std::size_t proof_at = client_final.rfind(",p=");
  if (proof_at == client_final.npos) return malformed("expected a proof");
  const std::string_view without_proof = client_final.substr(0, proof_at);
  const auto proof = parse_digest(client_final.substr(proof_at + 3));
  if (!proof) return malformed("expected a proof of 32 bytes");

  Attributes attributes(without_proof);
  const auto binding = attributes.next('c');
  if (!binding || *binding != base64_encode(as_bytes(gs2_))) {
    return malformed("channel binding does not repeat the first message");
  }
  const auto nonce = attributes.next('r');
  if (!nonce || !constant_time_equal(as_bytes(*nonce), as_bytes(nonce_))) {
    return malformed("nonce does not match");
  }
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");

  const std::string auth = auth_message(client_first_bare_, server_first_, without_proof);
  Digest client_key = *proof ^ hmac_sha256(secret_.stored_key, as_bytes(auth));
  const bool proved = constant_time_equal(sha256(client_key), secret_.stored_key);
  wipe(client_key);
  if (!proved) return fail("28P01", "SASL authentication failed");
  return "v=" + base64_encode(hmac_sha256(secret_.server_key, as_bytes(auth)));
}

ScramClient::ScramClient(std::string_view password, std::string nonce)
    : password_(password), nonce_(std::move(nonce)) {}

ScramClient::~ScramClient() { wipe(password_); }

std::string ScramClient::first() const { return "n,,n=,r=" + nonce_; }

Result<std::string> ScramClient::answer(std::string_view server_first) {
  if (server_first.size() > kScramMessageBytesMax) return malformed("too long");
  Attributes attributes(server_first);
  const auto nonce = attributes.next('r');
  if (!nonce || !is_nonce(*nonce)) return malformed("expected a nonce of bounded length");
  // A nonce that is ours alone would let an old exchange be played again.
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) {
    return malformed("nonce does not begin with ours");
  }
  const auto salt_text = attributes.next('s');
  const auto salt = salt_text ? parse_salt(*salt_text) : std::nullopt;
  if (!salt) return malformed("expected a salt of 1 to 1024 bytes");
  const auto iterations_text = attributes.next('i');
  const auto iterations = iterations_text ? parse_iterations(*iterations_text) : std::nullopt;
  if (!iterations) return malformed("expected 1 to 1000000 iterations");
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");

  std::string client_final = "c=biws,r=" + std::string{*nonce};  // biws: base64 of "n,,".
  const std::string auth = auth_message("n=,r=" + nonce_, server_first, client_final);
  Digest salted = salted_password(password_, *salt, *iterations);
  Digest client_key = hmac_sha256(salted, as_bytes("Client Key"));
  const Digest proof = client_key ^ hmac_sha256(sha256(client_key), as_bytes(auth));
  server_signature_ = hmac_sha256(hmac_sha256(salted, as_bytes("Server Key")), as_bytes(auth));
  wipe(salted);
  wipe(client_key);
  return client_final + ",p=" + base64_encode(proof);
}

Result<void> ScramClient::verify(std::string_view server_final) const {
  if (server_final.size() > kScramMessageBytesMax) return malformed("too long");
  Attributes attributes(server_final);
  if (const auto error = attributes.next('e')) {
    return fail("28P01",
                "server refused the SCRAM exchange: " + std::string{error->substr(0, 100)});
  }
  const auto text = attributes.next('v');
  const auto signature = text ? parse_digest(*text) : std::nullopt;
  if (!signature) return malformed("expected a server signature");
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");
  if (!constant_time_equal(*signature, server_signature_)) {
    return fail("08P01", "server does not know the password: its SCRAM signature is wrong");
  }
  return {};
}

}  // namespace weir::protocol
