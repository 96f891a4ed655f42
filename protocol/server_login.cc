#include "protocol/server_login.h"

#include <algorithm>
#include <array>

#include "protocol/check.h"
#include "protocol/crypto.h"
#include "protocol/encode.h"
#include "protocol/secret.h"

namespace weir::protocol {

namespace {

using State = ServerLogin::State;
using Event = ServerLogin::Event;

// What a server may say, and when. Notices may come at any time and change nothing.
constexpr auto kEdges = [] {
  using enum ServerLogin::State;
  using enum ServerLogin::Event;
  return Machine<State, Event, 20>{{{
      {fresh, begin, asked},        {asked, negotiate, asked},
      {asked, ok, greeting},        {asked, cleartext, answered},
      {asked, md5, answered},       {asked, sasl, scram_first},
      {asked, error, failed},       {answered, ok, greeting},
      {answered, error, failed},    {scram_first, sasl_continue, scram_last},
      {scram_first, error, failed}, {scram_last, sasl_final, scram_done},
      {scram_last, error, failed},  {scram_done, ok, greeting},
      {scram_done, error, failed},  {greeting, parameter, greeting},
      {greeting, key, greeting},    {greeting, negotiate, greeting},
      {greeting, ready, welcomed},  {greeting, error, failed},
  }}};
}();
static_assert(kEdges.deterministic());
static_assert(kEdges.reaches_all<9>(State::fresh));

Event event_of(Authentication::Kind kind) {
  switch (kind) {
    case Authentication::Kind::ok:
      return Event::ok;
    case Authentication::Kind::cleartext:
      return Event::cleartext;
    case Authentication::Kind::md5:
      return Event::md5;
    case Authentication::Kind::sasl:
      return Event::sasl;
    case Authentication::Kind::sasl_continue:
      return Event::sasl_continue;
    case Authentication::Kind::sasl_final:
      return Event::sasl_final;
  }
  return Event::error;
}

std::string name_of(char tag) {
  constexpr std::string_view kHex = "0123456789abcdef";
  if (tag > ' ' && tag < 127) return std::string{"'"} + tag + "'";
  const auto byte = static_cast<std::uint8_t>(tag);
  return std::string{"0x"} + kHex[byte >> 4] + kHex[byte & 15];
}

}  // namespace

ServerLogin::ServerLogin(Request request, const ScramNonce& nonce)
    : request_(request), nonce_(nonce) {
  // Copied, then wiped: a short text that is moved leaves its bytes behind.
  if (request.secret) wipe(*request.secret);
}

ServerLogin::~ServerLogin() {
  if (request_.secret) wipe(*request_.secret);
}

bool ServerLogin::advance(Event event) {
  const auto next = kEdges.next(state_, event);
  if (next) state_ = *next;
  return next.has_value();
}

void ServerLogin::start(Buffer& out) {
  WEIR_CHECK(advance(Event::begin));
  std::vector<std::pair<std::string, std::string>> all{{"user", request_.user},
                                                       {"database", request_.database}};
  all.insert(all.end(), request_.parameters.begin(), request_.parameters.end());
  put_startup(out, kProtocol3_0, all);
}

ServerLogin::Step ServerLogin::on_message(char tag, Bytes body, Buffer& out) {
  if (state_ == State::failed) return Step::failed;
  if (body.size() > kLoginMessageBytesMax) {
    return refuse(
        {"08P01", "server sent a login message of " + std::to_string(body.size()) + " bytes"});
  }
  switch (tag) {
    case 'R':
      return on_authentication(body, out);
    case 'S':
      return on_parameter(body);
    case 'K':
      return on_key(body);
    case 'v':
      return on_negotiate(body);
    case 'Z':
      return on_ready(body);
    case 'E':
      return on_error(body);
    case 'N':
      return on_notice();
    default:
      return refuse_unexpected(tag);
  }
}

bool ServerLogin::certain() const {
  if (!server_error_) return false;
  const std::string& code = server_error_->sqlstate;
  return !code.starts_with("53") && code != "57P01" && code != "57P02" && code != "57P03";
}

ServerLogin::Step ServerLogin::refuse(Fault fault) {
  fault_ = std::move(fault);
  state_ = State::failed;
  return Step::failed;
}

ServerLogin::Step ServerLogin::refuse_unexpected(char tag) {
  return refuse({"08P01", "unexpected message " + name_of(tag) + " from server during login"});
}

ServerLogin::Step ServerLogin::no_password(std::string_view method) {
  std::string text = "server asks for " + std::string{method} + " authentication, but ";
  if (secret_kind(request_.secret.value_or("")) == SecretKind::none && !request_.keys) {
    return refuse({"28P01", text + "no password is known for user \"" + request_.user + "\"",
                   "Set password= in [databases], or add the user to auth_file."});
  }
  return refuse({"28P01",
                 text + "only a hash of the password is known for user \"" + request_.user + "\"",
                 hint_for_hash(method)});
}

std::string ServerLogin::hint_for_hash(std::string_view method) const {
  if (method == kScramMechanism && secret_kind(request_.secret.value_or("")) == SecretKind::scram) {
    return "A client of this user has to log in by SCRAM first, and its secret must be the very "
           "one of the server's pg_authid; or store the plain password.";
  }
  return "Store the plain password: an md5 hash answers md5 only, and a SCRAM secret SCRAM only.";
}

// Why this message would log us in without the channel binding that is required; empty: it is the
// way to a bound login, or says nothing of it.
std::string ServerLogin::why_unbound(const Authentication& authentication) const {
  const auto& offered = authentication.mechanisms;
  switch (authentication.kind) {
    case Authentication::Kind::ok:
      return scram_ ? "" : "the server asks for no proof at all";
    case Authentication::Kind::cleartext:
      return "the server asks for cleartext password authentication";
    case Authentication::Kind::md5:
      return "the server asks for md5 authentication";
    case Authentication::Kind::sasl:
      if (request_.end_point.empty()) return "the connection to the server has nothing to bind to";
      if (std::find(offered.begin(), offered.end(), kScramPlusMechanism) != offered.end())
        return "";
      return "the server does not offer SCRAM-SHA-256-PLUS";
    case Authentication::Kind::sasl_continue:
    case Authentication::Kind::sasl_final:
      break;
  }
  return "";
}

ServerLogin::Step ServerLogin::on_authentication(Bytes body, Buffer& out) {
  auto parsed = parse_authentication(body);
  if (!parsed) return refuse(std::move(parsed.error()));
  // A server that skips its own proof ends here: no edge leads from scram_last to ok.
  if (!advance(event_of(parsed->kind))) return refuse_unexpected('R');
  if (request_.channel_binding == ChannelBinding::require) {
    if (const std::string why = why_unbound(*parsed); !why.empty()) {
      return refuse({"28000", "channel binding is required, but " + why,
                     "It takes TLS, and scram-sha-256 in the server's pg_hba.conf."});
    }
  }
  switch (parsed->kind) {
    case Authentication::Kind::ok:
      return Step::more;
    case Authentication::Kind::cleartext:
      return on_cleartext(out);
    case Authentication::Kind::md5:
      return on_md5(parsed->salt, out);
    case Authentication::Kind::sasl:
      return on_sasl(parsed->mechanisms, out);
    case Authentication::Kind::sasl_continue: {
      auto answer = scram_->answer(parsed->data);
      if (!answer) return refuse(std::move(answer.error()));
      put_sasl_response(out, *answer);
      return Step::more;
    }
    case Authentication::Kind::sasl_final: {
      auto verified = scram_->verify(parsed->data);
      if (!verified) return refuse(std::move(verified.error()));
      return Step::more;
    }
  }
  return refuse_unexpected('R');
}

ServerLogin::Step ServerLogin::on_cleartext(Buffer& out) {
  if (secret_kind(request_.secret.value_or("")) != SecretKind::plain) {
    return no_password("cleartext password");
  }
  put_password(out, *request_.secret);
  return Step::more;
}

ServerLogin::Step ServerLogin::on_md5(Bytes salt, Buffer& out) {
  const SecretKind kind = secret_kind(request_.secret.value_or(""));
  if (kind != SecretKind::plain && kind != SecretKind::md5) return no_password("md5");
  const auto form =
      kind == SecretKind::md5 ? request_.secret : md5_secret(*request_.secret, request_.user);
  const auto answer = form ? md5_answer(*form, salt) : std::nullopt;
  if (!answer) {
    return refuse({"0A000", "server asks for md5 authentication, but MD5 is disabled here (FIPS)"});
  }
  put_password(out, *answer);
  return Step::more;
}

ServerLogin::Step ServerLogin::on_sasl(const std::vector<std::string>& mechanisms, Buffer& out) {
  const auto offers = [&](std::string_view one) {
    return std::find(mechanisms.begin(), mechanisms.end(), one) != mechanisms.end();
  };
  ScramBinding binding;
  if (request_.channel_binding != ChannelBinding::disable) binding.end_point = request_.end_point;
  binding.plus = !binding.end_point.empty() && offers(kScramPlusMechanism);
  if (!binding.plus && !offers(kScramMechanism)) {
    return refuse({"0A000", "server offers no SASL mechanism that is supported",
                   "SCRAM-SHA-256 is, and over TLS SCRAM-SHA-256-PLUS."});
  }
  if (secret_kind(request_.secret.value_or("")) == SecretKind::plain) {
    scram_.emplace(*request_.secret, scram_nonce_text(nonce_), std::move(binding));
  } else if (request_.keys) {
    scram_.emplace(*request_.keys, scram_nonce_text(nonce_), std::move(binding));
  } else {
    return no_password(kScramMechanism);
  }
  put_sasl_initial_response(out, scram_->mechanism(), scram_->first());
  return Step::more;
}

ServerLogin::Step ServerLogin::on_parameter(Bytes body) {
  if (!advance(Event::parameter)) return refuse_unexpected('S');
  auto parsed = parse_parameter_status(body);
  if (!parsed) return refuse(std::move(parsed.error()));
  settings_bytes_ += parsed->name.size() + parsed->value.size();
  const auto known = std::find_if(settings_.begin(), settings_.end(), [&](const auto& setting) {
    return setting.first == parsed->name;
  });
  if (settings_bytes_ > kLoginParameterBytesMax ||
      (known == settings_.end() && settings_.size() == kLoginParametersMax)) {
    return refuse({"08P01", "server reports too many parameters during login"});
  }
  if (known != settings_.end()) {
    known->second = std::move(parsed->value);
  } else {
    settings_.emplace_back(std::move(parsed->name), std::move(parsed->value));
  }
  return Step::more;
}

ServerLogin::Step ServerLogin::on_key(Bytes body) {
  if (!advance(Event::key)) return refuse_unexpected('K');
  auto parsed = parse_backend_key_data(body);
  if (!parsed) return refuse(std::move(parsed.error()));
  if (!key_.key.empty()) return refuse({"08P01", "server sent its BackendKeyData twice"});
  key_ = std::move(*parsed);
  return Step::more;
}

ServerLogin::Step ServerLogin::on_negotiate(Bytes body) {
  if (!advance(Event::negotiate)) return refuse_unexpected('v');
  const auto parsed = parse_negotiate_protocol_version(body);
  if (!parsed) return refuse(parsed.error());
  // We ask for 3.0 and no options: whatever the server counts as its newest, that is below it.
  return Step::more;
}

ServerLogin::Step ServerLogin::on_ready(Bytes body) {
  if (!advance(Event::ready)) return refuse_unexpected('Z');
  if (as_text(body) != "I") return refuse({"08P01", "server is not idle after its login"});
  return Step::welcomed;
}

ServerLogin::Step ServerLogin::on_error(Bytes body) {
  if (!advance(Event::error)) return refuse_unexpected('E');
  server_error_ = parse_error(body);
  return refuse(
      {known_sqlstate(server_error_->sqlstate), server_error_->message, server_error_->hint});
}

ServerLogin::Step ServerLogin::on_notice() {
  if (state_ == State::welcomed) return refuse_unexpected('N');
  if (++notices_count_ <= kLoginNoticesMax) return Step::more;
  return refuse({"08P01", "server sends too many notices during login"});
}

}  // namespace weir::protocol
