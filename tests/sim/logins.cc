#include "tests/sim/logins.h"

#include <array>

namespace weir::sim {

using protocol::AuthType;
using protocol::SecretKind;

namespace {

constexpr std::array kTypes{AuthType::trust, AuthType::plain, AuthType::md5,
                            AuthType::scram_sha_256};
constexpr std::uint32_t kIterations = 2;

std::string form(SecretKind kind, const std::string& password, const std::string& user) {
  switch (kind) {
    case SecretKind::plain:
      return password;
    case SecretKind::md5:
      return protocol::md5_secret(password, user).value_or("");
    case SecretKind::scram:
      return protocol::ScramSecret::from_password(password, as_bytes("salt of " + user),
                                                  kIterations)
          .text();
    case SecretKind::none:
    case SecretKind::broken:
      break;
  }
  return {};
}

}  // namespace

std::string Logins::auth_type() const {
  constexpr std::array kNames{"trust", "plain", "md5", "scram-sha-256"};
  return kNames[static_cast<std::size_t>(clients)];
}

std::string Logins::kept_secret(const std::string& user) const {
  return form(kept, password(user), user);
}

std::string Logins::server_secret(const std::string& user) const {
  const SecretKind kind = servers == AuthType::scram_sha_256 ? SecretKind::scram
                          : servers == AuthType::md5         ? SecretKind::md5
                                                             : SecretKind::plain;
  return form(kind, named ? kShared : password(user), user);
}

Logins draw_logins(street::Chance& chance) {
  constexpr std::array kKinds{SecretKind::plain, SecretKind::md5, SecretKind::scram};
  Logins logins;
  logins.clients = kTypes[chance.below(kTypes.size())];
  logins.servers = kTypes[chance.below(kTypes.size())];
  logins.kept = kKinds[chance.below(kKinds.size())];
  // An md5 secret proves nobody by SCRAM, and a plain one costs 4,096 iterations.
  if (logins.clients == AuthType::scram_sha_256) logins.kept = SecretKind::scram;
  const bool answers = logins.servers == AuthType::trust || logins.kept == SecretKind::plain ||
                       (logins.servers == AuthType::md5 && logins.kept == SecretKind::md5);
  logins.named = !answers || chance.one_in(4);
  return logins;
}

protocol::Entropy entropy(street::Chance& chance) {
  protocol::Entropy entropy;
  chance.fill(entropy.nonce);
  chance.fill(entropy.md5_salt);
  chance.fill(entropy.mock_key);
  return entropy;
}

}  // namespace weir::sim
