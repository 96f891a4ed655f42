#include "protocol/scram.h"

#include <algorithm>
#include <utility>

#include "protocol/check.h"

namespace weir::protocol {

namespace {

constexpr std::string_view kEndPoint = "tls-server-end-point";  // RFC 5929 section 4.
constexpr std::size_t kBindingNameBytesMax = 64;

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

// What c= must be: the header that client-first opened with, and what the exchange is bound to.
std::string binding_text(std::string_view gs2, const ScramBinding& binding) {
  Buffer all(gs2.begin(), gs2.end());
  if (binding.plus) all.insert(all.end(), binding.end_point.begin(), binding.end_point.end());
  return base64_encode(all);
}

// RFC 5802 section 7: cb-name.
bool is_binding_name(std::string_view text) {
  return !text.empty() && text.size() <= kBindingNameBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-';
         });
}

Result<void> check_binding_name(std::string_view name) {
  if (!is_binding_name(name)) return malformed("expected the name of a channel-binding type");
  if (name == kEndPoint) return {};
  return fail("08P01", "unsupported SCRAM channel-binding type \"" + std::string{name} + "\"",
              std::string{kEndPoint} + " is supported.");
}

// The flag of client-first-message: whether the client binds, could have, or cannot.
Result<void> check_flag(std::string_view flag, const ScramBinding& binding) {
  if (flag.starts_with("p=")) {
    if (binding.plus) return check_binding_name(flag.substr(2));
    return malformed(binding.end_point.empty()
                         ? "channel binding was not offered"
                         : "SCRAM-SHA-256 was selected, but the message asks for channel binding");
  }
  if (flag != "n" && flag != "y") return malformed("unexpected channel-binding flag");
  if (binding.plus) {
    return malformed("SCRAM-SHA-256-PLUS was selected, but the message lacks channel binding");
  }
  if (flag == "y" && !binding.end_point.empty()) {
    return fail("28000",
                "SCRAM channel binding negotiation error: the client supports channel binding and "
                "thinks that the server does not, but it does",
                "Somebody between the client and the server may have changed what was offered.");
  }
  return {};
}

}  // namespace

std::string scram_nonce_text(const ScramNonce& nonce) { return base64_encode(nonce); }

ScramServer::ScramServer(std::vector<ScramSecret> secrets, std::string nonce, ScramBinding binding)
    : secrets_(std::move(secrets)), nonce_(std::move(nonce)), binding_(std::move(binding)) {
  WEIR_CHECK(!secrets_.empty());
  WEIR_CHECK(!binding_.plus || !binding_.end_point.empty());
}

ScramServer::~ScramServer() { wipe(proof_); }

// The flag and authzid that open a client-first-message: "n,,", "y,," or
// "p=tls-server-end-point,,".
Result<std::string_view> ScramServer::take_gs2(std::string_view client_first) const {
  const std::size_t comma = client_first.find(',');
  if (comma == client_first.npos) return malformed("expected a channel-binding flag");
  if (const auto checked = check_flag(client_first.substr(0, comma), binding_); !checked) {
    return tl::unexpected(checked.error());
  }
  const std::string_view behind = client_first.substr(comma + 1);
  if (behind.starts_with("a=")) {
    return fail("0A000", "client uses authorization identity, but it is not supported");
  }
  if (!behind.starts_with(",")) {
    return malformed("expected a comma or an authorization identity");
  }
  return client_first.substr(0, comma + 2);
}

Result<std::string> ScramServer::first(std::string_view client_first) {
  if (client_first.size() > kScramMessageBytesMax) return malformed("too long");
  const auto gs2 = take_gs2(client_first);
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
  server_first_ = "r=" + nonce_ + ",s=" + base64_encode(secrets_.front().salt) +
                  ",i=" + std::to_string(secrets_.front().iterations);
  return server_first_;
}

Result<void> ScramServer::check_binding(std::string_view text) const {
  if (constant_time_equal(as_bytes(text), as_bytes(binding_text(gs2_, binding_)))) return {};
  if (!binding_.plus) return malformed("channel binding does not repeat the first message");
  return fail("28000", "SCRAM channel binding check failed",
              "The client sees another server certificate than the one that is in use here.");
}

Result<std::string> ScramServer::last(std::string_view client_final) {
  WEIR_CHECK(!server_first_.empty());
  if (client_final.size() > kScramMessageBytesMax) return malformed("too long");
  const std::size_t proof_at = client_final.rfind(",p=");
  if (proof_at == client_final.npos) return malformed("expected a proof");
  const std::string_view without_proof = client_final.substr(0, proof_at);
  const auto proof = parse_scram_digest(client_final.substr(proof_at + 3));
  if (!proof) return malformed("expected a proof of 32 bytes");

  Attributes attributes(without_proof);
  const auto binding = attributes.next('c');
  if (!binding) return malformed("expected channel binding");
  if (const auto checked = check_binding(*binding); !checked) {
    return tl::unexpected(checked.error());
  }
  const auto nonce = attributes.next('r');
  if (!nonce || !constant_time_equal(as_bytes(*nonce), as_bytes(nonce_))) {
    return malformed("nonce does not match");
  }
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");

  auth_ = auth_message(client_first_bare_, server_first_, without_proof);
  proof_ = *proof;
  return prove();
}

Result<std::string> ScramServer::last_again(std::vector<ScramSecret> secrets) {
  WEIR_CHECK(!auth_.empty() && !keys_);
  const ScramBasis named = basis();
  std::erase_if(secrets, [&](const ScramSecret& one) { return one.basis() != named; });
  // None: what has failed before fails again, which takes as long.
  if (!secrets.empty()) secrets_ = std::move(secrets);
  return prove();
}

Result<std::string> ScramServer::prove() {
  const std::size_t tries = std::max(secrets_.size(), kSecretTriesMin);
  for (std::size_t i = 0; i < tries; ++i) {
    if (!proves(secrets_[i % secrets_.size()])) continue;
    return "v=" + base64_encode(hmac_sha256(keys_->server_key, as_bytes(auth_)));
  }
  return fail("28P01", "SASL authentication failed");
}

bool ScramServer::proves(const ScramSecret& secret) {
  Digest client_key = proof_ ^ hmac_sha256(secret.stored_key, as_bytes(auth_));
  const bool proved = constant_time_equal(sha256(client_key), secret.stored_key);
  if (proved) keys_ = ScramKeys{client_key, secret.server_key, secret.text()};
  wipe(client_key);
  return proved;
}

ScramClient::ScramClient(std::string_view password, std::string nonce, ScramBinding binding)
    : password_(password), nonce_(std::move(nonce)), binding_(std::move(binding)) {
  WEIR_CHECK(!binding_.plus || !binding_.end_point.empty());
}

ScramClient::ScramClient(const ScramKeys& keys, std::string nonce, ScramBinding binding)
    : ScramClient(std::string_view{}, std::move(nonce), std::move(binding)) {
  keys_ = keys;
}

ScramClient::~ScramClient() { wipe(password_); }

std::string_view ScramClient::mechanism() const {
  return binding_.plus ? kScramPlusMechanism : kScramMechanism;
}

// "y": we could bind, and the server does not offer it. One that did offer it then knows that
// somebody has taken the offer away.
std::string ScramClient::gs2() const {
  if (binding_.plus) return "p=" + std::string{kEndPoint} + ",,";
  return binding_.end_point.empty() ? "n,," : "y,,";
}

std::string ScramClient::first() const { return gs2() + "n=,r=" + nonce_; }

Result<void> ScramClient::find_keys(const ScramBasis& basis) {
  if (!keys_) {
    keys_ = ScramKeys::from_password(password_, basis);
    return {};
  }
  const auto secret = ScramSecret::parse(keys_->secret);
  if (secret && secret->basis() == basis) return {};
  return fail("28P01",
              "the server's SCRAM secret differs from the one the client proved: it has another "
              "salt or number of iterations",
              "auth_file or auth_query must hold the very secret of the server's pg_authid.");
}

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
  auto salt = salt_text ? parse_scram_salt(*salt_text) : std::nullopt;
  if (!salt) return malformed("expected a salt of 1 to 1024 bytes");
  const auto iterations_text = attributes.next('i');
  const auto iterations = iterations_text ? parse_scram_iterations(*iterations_text) : std::nullopt;
  if (!iterations) return malformed("expected 1 to 1000000 iterations");
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");
  if (const auto found = find_keys({std::move(*salt), *iterations}); !found) {
    return tl::unexpected(found.error());
  }

  std::string client_final = "c=" + binding_text(gs2(), binding_) + ",r=" + std::string{*nonce};
  const std::string auth = auth_message("n=,r=" + nonce_, server_first, client_final);
  const Digest stored_key = sha256(keys_->client_key);
  const Digest proof = keys_->client_key ^ hmac_sha256(stored_key, as_bytes(auth));
  server_signature_ = hmac_sha256(keys_->server_key, as_bytes(auth));
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
  const auto signature = text ? parse_scram_digest(*text) : std::nullopt;
  if (!signature) return malformed("expected a server signature");
  if (!are_extensions(attributes.left())) return malformed("unknown attribute");
  if (!constant_time_equal(*signature, server_signature_)) {
    return fail("08P01", "server does not know the password: its SCRAM signature is wrong");
  }
  return {};
}

}  // namespace weir::protocol
