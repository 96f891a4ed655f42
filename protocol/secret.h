// secret.h: what a stored password looks like, as in pg_authid.rolpassword and in an auth_file.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/scram_secret.h"

namespace weir::protocol {

enum class SecretKind {
  none,    // Empty: nobody logs in with it.
  plain,   // The password itself.
  md5,     // "md5" and 32 hexadecimal digits: md5(password || user).
  scram,   // "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>".
  broken,  // Begins as a SCRAM secret and is none. Never taken for a plain password.
};
SecretKind secret_kind(std::string_view secret);

// The md5 form of a plain password. Nothing when MD5 is not to be had (FIPS).
std::optional<std::string> md5_secret(std::string_view password, std::string_view user);

// What a PasswordMessage must hold after AuthenticationMD5Password (manual: 54.2.1):
// "md5" || md5(hex of `md5_form` || salt). REQUIRES: secret_kind(md5_form) == SecretKind::md5.
std::optional<std::string> md5_answer(std::string_view md5_form, Bytes salt);

// A user may have several secrets while one takes the other's place; the first is the current one.
inline constexpr std::size_t kSecretsMax = 8;  // What stands behind these is not looked at.

// The basis that SCRAM is asked with: the `offer`-th, counted round, of those that the SCRAM
// secrets have; `otherwise` when there are none.
ScramBasis scram_basis(std::span<const std::string> secrets, std::size_t offer,
                       ScramBasis otherwise);
// What an exchange of this basis can prove: the SCRAM secrets of the same basis, and the plain
// ones, hashed, which runs pbkdf2.
std::vector<ScramSecret> scram_secrets(std::span<const std::string> secrets,
                                       const ScramBasis& basis);

}  // namespace weir::protocol
