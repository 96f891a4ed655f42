// client_login.h: proves a client, from AuthenticationXxx to AuthenticationOk (manual: 54.2.1).
//
// An unknown user goes through the same exchange as a known one and gets the same error as a wrong
// password. Whatever goes wrong, the step is `failed` once and for good.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/scram.h"

namespace weir::protocol {

enum class AuthType { trust, plain, md5, scram_sha_256 };

// The largest 'p' body that a client may send before it is proved.
inline constexpr std::uint32_t kPasswordBytesMax = 65'536;

struct Entropy {
  ScramNonce nonce{};                       // Fresh for each login.
  std::array<std::uint8_t, 4> md5_salt{};   // Fresh for each login.
  std::array<std::uint8_t, 32> mock_key{};  // Of the process: the same for all logins.
};

class ClientLogin {
 public:
  enum class Step { more, proved, failed };

  // `secret`: the stored password; nothing for a user nobody knows. What a type accepts:
  //   trust          everybody, at once; whether the user must exist is the caller's decision
  //   plain          the password in clear text, against a plain, md5 or SCRAM secret
  //   md5            AuthenticationMD5Password against a plain or md5 secret; SCRAM instead when
  //                  the secret is SCRAM, as PgBouncer
  //   scram_sha_256  SCRAM against a plain or SCRAM secret; an md5 secret proves nobody
  // SCRAM against a plain secret runs pbkdf2 at every login, which takes a millisecond and shows
  // that the user exists. A caller with plain secrets keeps what
  // ScramSecret::from_password(secret, scram_stable_salt(mock_key, user)).text() gave it.
  // `unknown_by_scram`: under md5, ask unknown users by SCRAM; under plain, hash their passwords.
  // For a caller whose secrets are mostly SCRAM: otherwise the question, or the time that the
  // answer takes, tells which users exist.
  ClientLogin(AuthType type, std::string user, std::optional<std::string> secret,
              const Entropy& entropy, bool unknown_by_scram = false);
  ~ClientLogin();
  ClientLogin(const ClientLogin&) = delete;
  ClientLogin& operator=(const ClientLogin&) = delete;

  // Asks. Once, first. On `proved` AuthenticationOk is in `out`.
  Step start(Buffer& out);
  // The body of a 'p' message, whole. On `proved` AuthenticationOk is in `out`; on `failed`
  // nothing is added: fault() is for the caller to send.
  Step on_message(Bytes body, Buffer& out);

  // REQUIRES: failed. 28P01 for a wrong password, 08P01 for a malformed message.
  const Fault& fault() const { return fault_; }
  // The password as the client proved it in clear text (type plain only); empty otherwise. Lives
  // and is wiped with this object.
  const std::string& plain_password() const { return plain_password_; }

 private:
  enum class State {
    fresh,
    password,
    md5,
    scram_mechanism,
    scram_first,
    scram_last,
    proved,
    failed
  };

  bool asks_scram() const;
  Step prove(Buffer& out);
  Step refuse(Fault fault);
  Step wrong_password();
  Step on_password(Bytes body, Buffer& out);
  Step on_md5(Bytes body, Buffer& out);
  Step on_mechanism(Bytes body, Buffer& out);
  Step on_scram_first(std::string_view data, Buffer& out);
  Step on_scram_last(std::string_view data, Buffer& out);
  ScramSecret scram_secret() const;

  AuthType type_;
  State state_ = State::fresh;
  std::string user_;
  std::string secret_;  // Empty for an unknown user: nobody proves an empty secret.
  Entropy entropy_;
  bool unknown_by_scram_;
  std::optional<ScramServer> scram_;
  std::string plain_password_;
  Fault fault_{};
};

}  // namespace weir::protocol
