#include "proxy/secret_book.h"

#include <algorithm>

#include "protocol/crypto.h"
#include "protocol/scram_secret.h"
#include "protocol/secret.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kHashedUsersMax = 10'000;

// What a hashed secret is found by again: not the password itself, which would stay in memory.
std::string name_of(const std::string& secret, const protocol::ScramBasis& basis) {
  std::string text = secret + protocol::base64_encode(basis.salt);
  const auto digest = protocol::sha256(as_bytes(text));
  protocol::wipe(text);
  return protocol::base64_encode(digest);
}

}  // namespace

SecretBook::~SecretBook() {
  for (auto& [user, of_user] : hashed_) {
    for (auto& [plain, hashed] : of_user) protocol::wipe(hashed);
  }
}

void SecretBook::open(const config::Config& config) {
  hashed_.clear();
  iterations_ = static_cast<std::uint32_t>(config.settings.scram_iterations);
  std::size_t scram = 0;
  for (const auto& [user, secrets] : config.secrets) {
    if (protocol::secret_kind(secrets.front()) == protocol::SecretKind::scram) ++scram;
  }
  mostly_scram_ = scram * 2 > config.secrets.size();
}

std::vector<std::string> SecretBook::ready_for(protocol::AuthType type, const std::string& user,
                                               std::vector<std::string> secrets,
                                               std::size_t offer) {
  const auto plain = [](const std::string& secret) {
    return protocol::secret_kind(secret) == protocol::SecretKind::plain;
  };
  if (type != protocol::AuthType::scram_sha_256) return secrets;
  if (std::none_of(secrets.begin(), secrets.end(), plain)) return secrets;
  const auto basis = protocol::scram_basis(
      secrets, offer, {protocol::scram_stable_salt(mock_key_, user), iterations_});
  if (hashed_.size() >= kHashedUsersMax) hashed_.clear();
  for (std::string& secret : secrets) {
    if (!plain(secret)) continue;
    std::string& hashed = hashed_[user][name_of(secret, basis)];
    if (hashed.empty()) {
      hashed = protocol::ScramSecret::from_password(secret, basis.salt, basis.iterations).text();
    }
    protocol::wipe(secret);
    secret = hashed;
  }
  return secrets;
}

}  // namespace weir::proxy
