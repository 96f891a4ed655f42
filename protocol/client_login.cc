#include "protocol/client_login.h"

#include <utility>

#include "protocol/check.h"
#include "protocol/crypto.h"
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/secret.h"

namespace weir::protocol {

ClientLogin::ClientLogin(AuthType type, std::string user, std::optional<std::string> secret,
                         const Entropy& entropy, bool unknown_by_scram)
    : type_(type),
      user_(std::move(user)),
      secret_(std::move(secret).value_or(std::string{})),
      entropy_(entropy),
      unknown_by_scram_(unknown_by_scram) {}

ClientLogin::~ClientLogin() {
  wipe(secret_);
  wipe(plain_password_);
}

bool ClientLogin::asks_scram() const {
  if (type_ == AuthType::scram_sha_256) return true;
  if (type_ != AuthType::md5) return false;
  switch (secret_kind(secret_)) {
    case SecretKind::scram:
    case SecretKind::broken:
      return true;
    case SecretKind::none:
      return unknown_by_scram_;
    case SecretKind::plain:
    case SecretKind::md5:
      return false;
  }
  return false;
}

ClientLogin::Step ClientLogin::start(Buffer& out) {
  WEIR_CHECK(state_ == State::fresh);
  if (type_ == AuthType::trust) return prove(out);
  if (type_ == AuthType::plain) {
    put_authentication_cleartext(out);
    state_ = State::password;
  } else if (asks_scram()) {
    put_authentication_sasl(out, std::array{kScramMechanism});
    state_ = State::scram_mechanism;
  } else {
    put_authentication_md5(out, entropy_.md5_salt);
    state_ = State::md5;
  }
  return Step::more;
}

ClientLogin::Step ClientLogin::on_message(Bytes body, Buffer& out) {
  if (state_ == State::failed) return Step::failed;
  if (body.size() > kPasswordBytesMax) return refuse({"08P01", "password too long"});
  switch (state_) {
    case State::password:
      return on_password(body, out);
    case State::md5:
      return on_md5(body, out);
    case State::scram_mechanism:
      return on_mechanism(body, out);
    case State::scram_first:
      return on_scram_first(as_text(body), out);
    case State::scram_last:
      return on_scram_last(as_text(body), out);
    case State::fresh:
    case State::proved:
    case State::failed:
      break;
  }
  return refuse({"08P01", "unexpected password message"});
}

ClientLogin::Step ClientLogin::prove(Buffer& out) {
  put_authentication_ok(out);
  state_ = State::proved;
  return Step::proved;
}

ClientLogin::Step ClientLogin::refuse(Fault fault) {
  fault_ = std::move(fault);
  state_ = State::failed;
  return Step::failed;
}

ClientLogin::Step ClientLogin::wrong_password() {
  return refuse({"28P01", "password authentication failed for user \"" + user_ + "\""});
}

ClientLogin::Step ClientLogin::on_password(Bytes body, Buffer& out) {
  const auto password = parse_password(body);
  if (!password) return refuse({"08P01", "invalid password packet"});
  if (password->empty()) return refuse({"28P01", "empty password returned by client"});

  bool matches = false;
  switch (secret_kind(secret_)) {
    case SecretKind::none:
    case SecretKind::broken:
      // The work of a SCRAM secret, when most have one: the answer takes as long.
      if (unknown_by_scram_) (void)scram_mock_secret(entropy_.mock_key, user_).matches(*password);
      break;
    case SecretKind::plain:
      // Digests, because the time to compare texts would tell their lengths.
      matches = constant_time_equal(sha256(as_bytes(*password)), sha256(as_bytes(secret_)));
      break;
    case SecretKind::md5: {
      const auto form = md5_secret(*password, user_);
      matches = form && constant_time_equal(as_bytes(*form), as_bytes(secret_));
      break;
    }
    case SecretKind::scram:
      matches = ScramSecret::parse(secret_)->matches(*password);
      break;
  }
  if (!matches) return wrong_password();
  plain_password_ = *password;
  return prove(out);
}

ClientLogin::Step ClientLogin::on_md5(Bytes body, Buffer& out) {
  const auto answer = parse_password(body);
  if (!answer) return refuse({"08P01", "invalid password packet"});
  if (answer->empty()) return refuse({"28P01", "empty password returned by client"});

  const SecretKind kind = secret_kind(secret_);
  // Without a secret the same work is done on nothing: the answer takes as long.
  const bool known = kind == SecretKind::plain || kind == SecretKind::md5;
  const auto form = kind == SecretKind::md5 ? std::optional{secret_} : md5_secret(secret_, user_);
  const auto expected = form ? md5_answer(*form, entropy_.md5_salt) : std::nullopt;
  const bool matches = expected && constant_time_equal(as_bytes(*answer), as_bytes(*expected));
  return known && matches ? prove(out) : wrong_password();
}

ClientLogin::Step ClientLogin::on_mechanism(Bytes body, Buffer& out) {
  const auto response = parse_sasl_initial_response(body);
  if (!response) return refuse({"08P01", "invalid SASL initial response packet"});
  if (response->mechanism != kScramMechanism) {
    return refuse({"08P01", "client selected an invalid SASL authentication mechanism"});
  }
  scram_.emplace(scram_secret(), scram_nonce_text(entropy_.nonce));
  if (response->data) return on_scram_first(*response->data, out);
  put_authentication_sasl_continue(out, {});  // RFC 4422: an empty challenge asks for the data.
  state_ = State::scram_first;
  return Step::more;
}

ClientLogin::Step ClientLogin::on_scram_first(std::string_view data, Buffer& out) {
  auto answer = scram_->first(data);
  if (!answer) return refuse(std::move(answer.error()));
  put_authentication_sasl_continue(out, *answer);
  state_ = State::scram_last;
  return Step::more;
}

ClientLogin::Step ClientLogin::on_scram_last(std::string_view data, Buffer& out) {
  auto answer = scram_->last(data);
  if (!answer && answer.error().sqlstate == std::string_view{"28P01"}) return wrong_password();
  if (!answer) return refuse(std::move(answer.error()));
  put_authentication_sasl_final(out, *answer);
  return prove(out);
}

ScramSecret ClientLogin::scram_secret() const {
  switch (secret_kind(secret_)) {
    case SecretKind::scram:
      return *ScramSecret::parse(secret_);
    case SecretKind::plain:
      return ScramSecret::from_password(secret_, scram_stable_salt(entropy_.mock_key, user_));
    case SecretKind::none:
    case SecretKind::md5:
    case SecretKind::broken:
      break;
  }
  return scram_mock_secret(entropy_.mock_key, user_);
}

}  // namespace weir::protocol
