#include "protocol/client_login.h"

#include <algorithm>
#include <utility>

#include "protocol/check.h"
#include "protocol/crypto.h"
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/secret.h"

namespace weir::protocol {

namespace {

void wipe_all(std::vector<std::string>& secrets) {
  for (std::string& secret : secrets) wipe(secret);
  secrets.clear();
}

// Of digests, because the time to compare texts would tell their lengths.
bool same_text(std::string_view left, std::string_view right) {
  return constant_time_equal(sha256(as_bytes(left)), sha256(as_bytes(right)));
}

bool is_known(std::string_view secret) {
  const SecretKind kind = secret_kind(secret);
  return kind != SecretKind::none && kind != SecretKind::broken;
}

}  // namespace

ClientLogin::ClientLogin(Options options) : options_(std::move(options)) {
  WEIR_CHECK(options_.scram_iterations >= 1 && options_.scram_iterations <= kScramIterationsMax);
  set_secrets(std::move(options_.secrets));
}

ClientLogin::~ClientLogin() {
  wipe_all(options_.secrets);
  wipe(answer_);
  wipe(plain_password_);
}

void ClientLogin::set_secrets(std::vector<std::string> secrets) {
  wipe_all(options_.secrets);
  for (std::size_t i = kSecretsMax; i < secrets.size(); ++i) wipe(secrets[i]);
  secrets.resize(std::min(secrets.size(), kSecretsMax));
  options_.secrets = std::move(secrets);
}

// Behind the last one stand empty ones, which nobody proves, for an unknown user as for others.
std::string_view ClientLogin::secret_tried(std::size_t index) const {
  return index < options_.secrets.size() ? options_.secrets[index] : std::string_view{};
}

std::size_t ClientLogin::tries_count() const {
  return std::max(options_.secrets.size(), kSecretTriesMin);
}

bool ClientLogin::choose_scram() {
  if (options_.type != AuthType::md5) return options_.type == AuthType::scram_sha_256;
  const auto& secrets = options_.secrets;
  const auto first = [&](SecretKind one, SecretKind other) {
    return std::find_if(secrets.begin(), secrets.end(), [&](const std::string& secret) {
      return secret_kind(secret) == one || secret_kind(secret) == other;
    });
  };
  const auto scram = first(SecretKind::scram, SecretKind::broken);
  const auto md5 = first(SecretKind::md5, SecretKind::md5);
  if (scram == secrets.end()) {
    return options_.unknown_by_scram && std::none_of(secrets.begin(), secrets.end(), is_known);
  }
  if (md5 == secrets.end()) return true;
  // Neither question can be answered with both: they take turns.
  const bool current = options_.offer % 2 == 0;
  options_.offer /= 2;
  return (scram < md5) == current;
}

ClientLogin::Step ClientLogin::start(Buffer& out) {
  WEIR_CHECK(state_ == State::fresh);
  if (options_.type == AuthType::trust) return prove(out);
  if (options_.type == AuthType::plain) {
    put_authentication_cleartext(out);
    state_ = State::password;
  } else if (choose_scram()) {
    constexpr std::array kMechanisms{kScramPlusMechanism, kScramMechanism};
    put_authentication_sasl(out,
                            std::span{kMechanisms}.subspan(options_.end_point.empty() ? 1 : 0));
    state_ = State::scram_mechanism;
  } else {
    put_authentication_md5(out, options_.entropy.md5_salt);
    state_ = State::md5;
  }
  return Step::more;
}

ClientLogin::Step ClientLogin::on_message(Bytes body, Buffer& out) {
  if (state_ == State::failed) return Step::failed;
  if (body.size() > kPasswordBytesMax) return refuse({"08P01", "password too long"});
  switch (state_) {
    case State::password:
      return take_answer(Answer::password, body, out);
    case State::md5:
      return take_answer(Answer::md5, body, out);
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
  return refuse({"28P01", "password authentication failed for user \"" + options_.user + "\""});
}

ClientLogin::Step ClientLogin::judge(Buffer& out) {
  switch (answered_) {
    case Answer::password:
      if (!password_fits()) break;
      plain_password_ = answer_;
      return prove(out);
    case Answer::md5:
      if (!md5_answer_fits()) break;
      return prove(out);
    case Answer::scram:
      return end_scram(scram_->last_again(provable_by_scram()), out);
    case Answer::none:
      break;
  }
  return wrong_password();
}

ClientLogin::Step ClientLogin::retry_with(std::vector<std::string> secrets, Buffer& out) {
  WEIR_CHECK(state_ == State::failed);
  set_secrets(std::move(secrets));
  return answered_ == Answer::none ? Step::failed : judge(out);
}

ClientLogin::Step ClientLogin::take_answer(Answer kind, Bytes body, Buffer& out) {
  const auto answer = parse_password(body);
  if (!answer) return refuse({"08P01", "invalid password packet"});
  if (answer->empty()) return refuse({"28P01", "empty password returned by client"});
  answered_ = kind;
  answer_ = *answer;
  return judge(out);
}

bool ClientLogin::password_fits() const {
  for (std::size_t i = 0; i < tries_count(); ++i) {
    const std::string_view secret = secret_tried(i);
    if (secret_kind(secret) == SecretKind::md5) {
      auto form = md5_secret(answer_, options_.user);
      const bool fits = form && constant_time_equal(as_bytes(*form), as_bytes(secret));
      if (form) wipe(*form);
      if (fits) return true;
    } else if (same_text(answer_, secret) && secret_kind(secret) == SecretKind::plain) {
      return true;
    }
  }
  return password_fits_scram();
}

bool ClientLogin::password_fits_scram() const {
  std::optional<ScramSecret> hashed;  // The answer, by the basis that came last.
  for (const std::string& text : options_.secrets) {
    const auto secret = ScramSecret::parse(text);
    if (!secret) continue;
    if (!hashed || hashed->basis() != secret->basis()) {
      hashed = ScramSecret::from_password(answer_, secret->salt, secret->iterations);
    }
    if (constant_time_equal(hashed->stored_key, secret->stored_key)) return true;
  }
  // The work of a SCRAM secret, when most have one: the answer takes as long.
  if (options_.unknown_by_scram &&
      std::none_of(options_.secrets.begin(), options_.secrets.end(), is_known)) {
    (void)scram_mock_secret(options_.entropy.mock_key, options_.user, options_.scram_iterations)
        .matches(answer_);
  }
  return false;
}

bool ClientLogin::md5_answer_fits() const {
  for (std::size_t i = 0; i < tries_count(); ++i) {
    const std::string_view secret = secret_tried(i);
    const SecretKind kind = secret_kind(secret);
    // Without a secret the same work is done on nothing: the answer takes as long.
    const bool known = kind == SecretKind::plain || kind == SecretKind::md5;
    auto form = kind == SecretKind::md5 ? std::optional<std::string>{secret}
                                        : md5_secret(known ? secret : "", options_.user);
    const auto expected = form ? md5_answer(*form, options_.entropy.md5_salt) : std::nullopt;
    if (form) wipe(*form);
    if (expected && constant_time_equal(as_bytes(answer_), as_bytes(*expected)) && known) {
      return true;
    }
  }
  return false;
}

ClientLogin::Step ClientLogin::on_mechanism(Bytes body, Buffer& out) {
  const auto response = parse_sasl_initial_response(body);
  if (!response) return refuse({"08P01", "invalid SASL initial response packet"});
  const bool plus = !options_.end_point.empty() && response->mechanism == kScramPlusMechanism;
  if (!plus && response->mechanism != kScramMechanism) {
    return refuse({"08P01", "client selected an invalid SASL authentication mechanism"});
  }
  auto secrets = provable_by_scram();
  if (secrets.empty()) {
    secrets.push_back(
        scram_mock_secret(options_.entropy.mock_key, options_.user, options_.scram_iterations));
  }
  scram_.emplace(std::move(secrets), scram_nonce_text(options_.entropy.nonce),
                 ScramBinding{options_.end_point, plus});
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
  return end_scram(scram_->last(data), out);
}

ClientLogin::Step ClientLogin::end_scram(Result<std::string> last, Buffer& out) {
  if (last) {
    put_authentication_sasl_final(out, *last);
    return prove(out);
  }
  if (last.error().sqlstate != std::string_view{"28P01"}) return refuse(std::move(last.error()));
  answered_ = Answer::scram;
  return wrong_password();
}

std::vector<ScramSecret> ClientLogin::provable_by_scram() const {
  if (scram_) return scram_secrets(options_.secrets, scram_->basis());
  const ScramBasis basis = scram_basis(
      options_.secrets, options_.offer,
      {scram_stable_salt(options_.entropy.mock_key, options_.user), options_.scram_iterations});
  return scram_secrets(options_.secrets, basis);
}

std::optional<ScramKeys> ClientLogin::scram_keys() const {
  if (state_ != State::proved || !scram_) return std::nullopt;
  return scram_->keys();
}

}  // namespace weir::protocol
