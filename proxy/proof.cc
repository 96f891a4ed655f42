#include "proxy/proof.h"

#include <utility>

#include "protocol/crypto.h"
#include "protocol/encode.h"
#include "protocol/secret.h"
#include "proxy/client.h"
#include "proxy/ip_of.h"
#include "proxy/worker.h"

namespace weir::proxy {

using config::AuthType;
using config::HbaMethod;
using config::SslMode;
using protocol::ClientLogin;

Proof::~Proof() { protocol::wipe(found_); }

Proof::Proof(Worker& worker, Client& client, std::string database, std::optional<std::uint32_t> uid,
             bool replication)
    : worker_(worker),
      client_(client),
      database_(std::move(database)),
      uid_(uid),
      replication_(replication) {}

Proof::Step Proof::start(Buffer& out) {
  const auto verdict = worker_.commons.gate.before_login(client_.address(), worker_.world.now());
  if (verdict.refusal) return refuse(*verdict.refusal);
  if (verdict.until) {
    not_before_ = *verdict.until;
    return Step::waits;
  }
  return choose(out);
}

Proof::Step Proof::on_time(Buffer& out) {
  not_before_ = kNever;
  return choose(out);
}

Proof::Step Proof::choose(Buffer& out) {
  const auto& settings = worker_.config().settings;
  const bool encrypted = client_.stream.codec() != nullptr;
  if (!client_.is_local() && !encrypted && settings.client_tls.mode >= SslMode::require) {
    return refuse("28000", "SSL required", "Connect with sslmode=require.");
  }
  // The context demands one; but the last good context may be one of milder settings.
  if (encrypted && settings.client_tls.mode >= SslMode::verify_ca &&
      !client_.stream.codec()->verified_peer()) {
    return refuse("28000", "a client certificate is required");
  }
  if (settings.auth_type != AuthType::hba) {
    choose_by_type(settings.auth_type);
  } else if (const auto fault = choose_by_hba()) {
    fault_ = *fault;
    return Step::refused;
  }
  return find_secrets(out);
}

void Proof::choose_by_type(AuthType type) {
  switch (type) {
    case AuthType::any:
      method_ = Method::any;
      return;
    case AuthType::trust:
      method_ = Method::trust;
      return;
    case AuthType::cert:
      method_ = Method::cert;
      return;
    case AuthType::plain:
      by_ = protocol::AuthType::plain;
      return;
    case AuthType::md5:
      by_ = protocol::AuthType::md5;
      return;
    case AuthType::scram_sha_256:
    case AuthType::hba:
      by_ = protocol::AuthType::scram_sha_256;
      return;
  }
}

std::optional<Fault> Proof::choose_by_hba() {
  config::HbaRequest request;
  request.ip = ip_of(client_.address());
  request.tls = client_.stream.codec() != nullptr;
  request.database = database_;
  request.user = client_.user();
  request.replication = replication_;
  // The console has two names: rules for the one must not be passed by the other.
  if (config::is_console(database_)) {
    request.alias =
        database_ == config::kConsoleName ? config::kConsoleAlias : config::kConsoleName;
  }
  const config::HbaRule* const rule = worker_.config().hba.match(request);
  if (rule == nullptr || rule->method == HbaMethod::reject) {
    worker_.log(
        Level::warning, client_,
        rule == nullptr ? "no line of auth_hba_file lets it in" : "rejected by " + rule->place);
    return Fault{"28000", "login rejected",
                 "The pooler's auth_hba_file does not let this user in from here."};
  }
  map_ = rule->map;
  by_subject_ = rule->client_name == config::ClientName::dn;
  switch (rule->method) {
    case HbaMethod::trust:
      method_ = Method::trust;
      break;
    case HbaMethod::cert:
      method_ = Method::cert;
      break;
    case HbaMethod::peer:
      method_ = Method::peer;
      break;
    case HbaMethod::password:
      by_ = protocol::AuthType::plain;
      break;
    case HbaMethod::md5:
      by_ = protocol::AuthType::md5;
      break;
    case HbaMethod::scram_sha_256:
    case HbaMethod::reject:
      by_ = protocol::AuthType::scram_sha_256;
      break;
  }
  const bool shown = certificate_name().has_value();
  if ((rule->client_cert == config::ClientCert::verify_ca && !shown) ||
      (rule->client_cert == config::ClientCert::verify_full && !certificate_fits())) {
    return Fault{"28000", "certificate authentication failed"};
  }
  return std::nullopt;
}

// --- Secrets.

Proof::Step Proof::find_secrets(Buffer& out) {
  if (method_ == Method::any) return check_presence(true, out);
  if (const auto* secrets = worker_.config().find_secrets(client_.user())) {
    return prove(*secrets, out);
  }
  const auto asked = whom_to_ask();
  if (!asked) return prove({}, out);
  worker_.want_secret(client_, *asked, false);
  return Step::waits;
}

// Who knows this user; nothing: nobody is asked.
std::optional<InquiryId> Proof::whom_to_ask() const {
  const auto& config = worker_.config();
  const config::Database* const own =
      config::is_console(database_) ? nullptr : config.find_database(database_);
  const std::string& user = own ? config.auth_user(*own) : config.settings.auth_user;
  const std::string& named = own ? config.auth_dbname(*own) : config.settings.auth_dbname;
  if (user.empty()) return std::nullopt;
  const std::string& query = own ? config.auth_query(*own) : config.settings.auth_query;
  std::string asked = named.empty() ? database_ : named;
  if (config::is_console(asked) || config.find_database(asked) == nullptr) {
    // Nothing must tell before the login that there is no such database: another one is asked.
    if (config.databases.empty() || !named.empty()) return std::nullopt;
    asked = config.databases.rbegin()->first;
  }
  return InquiryId{std::move(asked), user, query};
}

Proof::Step Proof::on_secrets(std::vector<std::string> secrets, bool failed, bool kept,
                              Buffer& out) {
  if (failed) {
    return refuse("57P03", "the pooler cannot look up users now",
                  "Its log says why auth_query failed.");
  }
  looked_up_ = true;
  kept_ = kept;
  if (!secrets.empty()) {
    found_ = secrets.front();
    const bool scram = protocol::secret_kind(found_) == protocol::SecretKind::scram;
    worker_.commons.scram_lead.fetch_add(scram ? 1 : -1);
  }
  if (!asked_again_) return prove(std::move(secrets), out);
  return follow(login_->retry_with(std::move(secrets), out));
}

Proof::Step Proof::prove(std::vector<std::string> secrets, Buffer& out) {
  if (method_ == Method::password) return ask_password(std::move(secrets), out);
  return check_presence(!secrets.empty(), out);
}

// Without a password: the user must be known, and what the street tells of it must fit.
Proof::Step Proof::check_presence(bool known, Buffer& out) {
  switch (method_) {
    case Method::any: {
      const auto* const database = worker_.config().find_database(database_);
      if (config::is_console(database_) || (database != nullptr && database->user)) break;
      return refuse("28000", "bouncer config error",
                    "auth_type = any needs a database with a forced user (user= in its line).");
    }
    case Method::trust:
      if (known) break;
      return refuse("28000", "\"trust\" authentication failed",
                    "The user must be listed in auth_file even when it needs no password.");
    case Method::cert:
      if (known && certificate_fits()) break;
      return refuse("28000", "certificate authentication failed");
    case Method::peer:
      if (known && peer_fits()) break;
      return refuse("28000", "unix socket login rejected");
    case Method::password:
      break;
  }
  protocol::put_authentication_ok(out);
  return Step::proved;
}

Proof::Step Proof::ask_password(std::vector<std::string> secrets, Buffer& out) {
  ClientLogin::Options options;
  options.type = by_;
  options.user = client_.user();
  worker_.world.random(options.entropy.nonce);
  worker_.world.random(options.entropy.md5_salt);
  options.entropy.mock_key = worker_.commons.secret;
  options.scram_iterations = static_cast<std::uint32_t>(worker_.config().settings.scram_iterations);
  SecretBook& book = worker_.secret_book;
  options.unknown_by_scram = looked_up_ ? worker_.commons.scram_lead >= 0 : book.mostly_scram();
  secrets_count_ = secrets.size();
  if (secrets_count_ > 1) offer_ = worker_.commons.offers.of(offered_to());
  options.offer = offer_;
  if (const Codec* codec = client_.stream.codec()) options.end_point = codec->end_point();
  options.secrets = book.ready_for(by_, client_.user(), std::move(secrets), offer_);
  login_ = std::make_unique<ClientLogin>(std::move(options));
  return follow(login_->start(out));
}

Proof::Step Proof::on_message(Bytes body, Buffer& out) {
  const auto verdict = worker_.commons.gate.before_proof(client_.address(), worker_.world.now());
  if (verdict.refusal) return refuse(*verdict.refusal);
  return follow(login_->on_message(body, out));
}

Proof::Step Proof::follow(ClientLogin::Step step) {
  switch (step) {
    case ClientLogin::Step::more:
      return Step::more;
    case ClientLogin::Step::proved:
      return Step::proved;
    case ClientLogin::Step::failed:
      break;
  }
  const bool wrong = std::string_view{login_->fault().sqlstate} == "28P01";
  if (wrong && kept_ && !std::exchange(asked_again_, true)) {
    if (const auto asked = whom_to_ask()) {
      worker_.want_secret(client_, *asked, true);
      return Step::waits;
    }
  }
  // A valid secret may not have been the one that was asked for.
  counts_ = wrong && (secrets_count_ < 2 || offer_ % secrets_count_ > 0);
  if (wrong && secrets_count_ > 1) worker_.commons.offers.turn(offered_to(), offer_);
  fault_ = login_->fault();
  return Step::refused;
}

// Another address's failures must not move what this one is offered.
std::string Proof::offered_to() const {
  Address from = client_.address();
  from.port = 0;
  return client_.user() + '\0' + from.text();
}

// --- What the street tells.

// Of a certificate that was verified: what the rule says that counts in it.
std::optional<std::string> Proof::certificate_name() const {
  const Codec* const codec = client_.stream.codec();
  const auto peer = codec == nullptr ? std::nullopt : codec->verified_peer();
  if (!peer) return std::nullopt;
  return by_subject_ ? peer->subject : peer->common_name;
}

bool Proof::certificate_fits() const {
  const auto name = certificate_name();
  return name && !name->empty() && worker_.config().ident_maps.allows(map_, *name, client_.user());
}

bool Proof::peer_fits() const {
  const auto name = uid_ ? worker_.world.user_name(*uid_) : std::nullopt;
  return name && worker_.config().ident_maps.allows(map_, *name, client_.user());
}

Proof::Step Proof::refuse(const char* sqlstate, std::string text, std::string hint) {
  return refuse(Fault{sqlstate, std::move(text), std::move(hint)});
}

Proof::Step Proof::refuse(Fault fault) {
  fault_ = std::move(fault);
  return Step::refused;
}

Credential Proof::credential() const {
  Credential out;
  out.secret = found_;
  if (login_) {
    out.password = login_->plain_password();
    out.keys = login_->scram_keys();
  }
  return out;
}

}  // namespace weir::proxy
