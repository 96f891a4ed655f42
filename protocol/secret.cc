#include "protocol/secret.h"

#include <algorithm>
#include <utility>

#include "protocol/crypto.h"

namespace weir::protocol {

namespace {

constexpr std::string_view kMd5Prefix = "md5";
constexpr std::size_t kMd5FormBytes = 3 + 32;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::optional<std::string> md5_of(std::string text) {
  std::optional<std::string> hex = md5_hex(as_bytes(text));
  wipe(text);
  if (hex) hex->insert(0, kMd5Prefix);
  return hex;
}

}  // namespace

SecretKind secret_kind(std::string_view secret) {
  if (secret.empty()) return SecretKind::none;
  if (secret.size() == kMd5FormBytes && secret.starts_with(kMd5Prefix) &&
      std::all_of(secret.begin() + kMd5Prefix.size(), secret.end(), is_hex)) {
    return SecretKind::md5;
  }
  if (secret.starts_with(kScramMechanism) && secret.substr(kScramMechanism.size(), 1) == "$") {
    return ScramSecret::parse(secret) ? SecretKind::scram : SecretKind::broken;
  }
  return SecretKind::plain;
}

std::optional<std::string> md5_secret(std::string_view password, std::string_view user) {
  std::string text;
  text.reserve(password.size() + user.size());  // Grown, it would leave a copy behind unwiped.
  text.append(password).append(user);
  return md5_of(std::move(text));
}

std::optional<std::string> md5_answer(std::string_view md5_form, Bytes salt) {
  std::string text{md5_form.substr(kMd5Prefix.size())};
  text.append(as_text(salt));
  return md5_of(std::move(text));
}

ScramBasis scram_basis(std::span<const std::string> secrets, std::size_t offer,
                       ScramBasis otherwise) {
  std::vector<ScramBasis> found;
  for (const std::string& text : secrets) {
    const auto secret = ScramSecret::parse(text);
    if (!secret) continue;
    if (std::find(found.begin(), found.end(), secret->basis()) != found.end()) continue;
    found.push_back(secret->basis());
  }
  return found.empty() ? std::move(otherwise) : std::move(found[offer % found.size()]);
}

std::vector<ScramSecret> scram_secrets(std::span<const std::string> secrets,
                                       const ScramBasis& basis) {
  std::vector<ScramSecret> found;
  for (const std::string& text : secrets) {
    const auto secret = ScramSecret::parse(text);
    if (secret && secret->basis() == basis) {
      found.push_back(*secret);
    } else if (secret_kind(text) == SecretKind::plain) {
      found.push_back(ScramSecret::from_password(text, basis.salt, basis.iterations));
    }
  }
  return found;
}

}  // namespace weir::protocol
