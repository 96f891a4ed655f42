// client_login.h: proves a client, from AuthenticationXxx to AuthenticationOk (manual: 54.2.1).
//
// An unknown user goes through the same exchange as a known one and gets the same error as a wrong
// password. Whatever goes wrong, the step is `failed` for good, but for retry_with().
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

  // What a type accepts, of all the secrets that a user has:
  //   trust          everybody, at once; whether the user must exist is the caller's decision
  //   plain          the password in clear text, against plain, md5 and SCRAM secrets
  //   md5            AuthenticationMD5Password against plain and md5 secrets; SCRAM instead when
  //                  a secret is SCRAM, as PgBouncer
  //   scram_sha_256  SCRAM against plain and SCRAM secrets; an md5 secret proves nobody
  // One exchange can only be held against SCRAM secrets of one basis, and only against md5 or SCRAM
  // secrets: where a user has several, `offer` says which are asked for.
  // SCRAM against a plain secret runs pbkdf2 at every login, which takes a millisecond and shows
  // that the user exists. A caller with plain secrets keeps what
  // ScramSecret::from_password(secret, basis.salt, basis.iterations).text() gave it, where `basis`
  // is scram_basis(secrets, offer, {scram_stable_salt(mock_key, user), scram_iterations}).
  struct Options {
    AuthType type = AuthType::scram_sha_256;
    std::string user = {};
    // Current one first, at most kSecretsMax; none for a user nobody knows.
    std::vector<std::string> secrets = {};
    Entropy entropy = {};
    // Under md5, ask unknown users by SCRAM; under plain, hash their passwords, once: two SCRAM
    // secrets of different bases take longer. For a caller whose secrets are mostly SCRAM:
    // otherwise the question, or the time that the answer takes, tells which users exist.
    bool unknown_by_scram = false;
    // tls-server-end-point of the client's connection; empty: none, PLUS is not offered.
    Buffer end_point = {};
    std::uint32_t scram_iterations = kScramIterations;  // For plain secrets and unknown users.
    std::size_t offer = 0;  // Any number, counted round. What varies it shows that a user exists.
  };

  // REQUIRES: 1 <= scram_iterations <= kScramIterationsMax.
  explicit ClientLogin(Options options);
  ~ClientLogin();
  ClientLogin(const ClientLogin&) = delete;
  ClientLogin& operator=(const ClientLogin&) = delete;

  // Asks. Once, first. On `proved` AuthenticationOk is in `out`.
  Step start(Buffer& out);
  // The body of a 'p' message, whole. On `proved` AuthenticationOk is in `out`; on `failed`
  // nothing is added: fault() is for the caller to send.
  Step on_message(Bytes body, Buffer& out);
  // Holds the answer that was just refused against secrets that have been looked up afresh: the
  // password may have been changed. As on_message(); the fault stays when they do not fit either,
  // which by SCRAM is so for SCRAM secrets of another basis. REQUIRES: failed; worth it for 28P01
  // alone.
  Step retry_with(std::vector<std::string> secrets, Buffer& out);

  // REQUIRES: failed. 28P01 for a wrong password, 28000 for a wrong channel binding, 08P01
  // for a malformed message.
  const Fault& fault() const { return fault_; }
  // The password as the client proved it in clear text (type plain only); empty otherwise. Lives
  // and is wiped with this object.
  const std::string& plain_password() const { return plain_password_; }
  // What the client proved by SCRAM, to log in to a server with; nothing before, or when it proved
  // itself in another way.
  std::optional<ScramKeys> scram_keys() const;

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

  // What was answered last, and is or was held against the secrets.
  enum class Answer { none, password, md5, scram };

  void set_secrets(std::vector<std::string> secrets);
  std::string_view secret_tried(std::size_t index) const;
  std::size_t tries_count() const;
  bool choose_scram();
  Step prove(Buffer& out);
  Step refuse(Fault fault);
  Step wrong_password();
  Step judge(Buffer& out);
  bool password_fits() const;
  bool password_fits_scram() const;
  bool md5_answer_fits() const;
  Step take_answer(Answer kind, Bytes body, Buffer& out);
  Step on_mechanism(Bytes body, Buffer& out);
  Step on_scram_first(std::string_view data, Buffer& out);
  Step on_scram_last(std::string_view data, Buffer& out);
  Step end_scram(Result<std::string> last, Buffer& out);
  std::vector<ScramSecret> provable_by_scram() const;

  Options options_;
  State state_ = State::fresh;
  std::optional<ScramServer> scram_;
  Answer answered_ = Answer::none;
  std::string answer_;  // By password or md5.
  std::string plain_password_;
  Fault fault_{};
};

}  // namespace weir::protocol
