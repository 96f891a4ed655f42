// judge_login.cc: whether a user is let in, and what keeps his secret from doing so.
#include <algorithm>

#include "proxy/doctor/auth_function.h"
#include "proxy/doctor/judges.h"

namespace weir::proxy::doctor {

namespace {

using config::AuthType;
using protocol::SecretKind;

bool has(std::string_view text, std::string_view words) { return text.find(words) != text.npos; }

Finding error(const Visit& visit, const char* code, std::string sentence, std::string cure) {
  return {Level::error, code, visit.entry, std::move(sentence), std::move(cure)};
}

std::string give_a_secret(const config::Config& config, const Visit& visit) {
  return "Write password= or password_file= at " + place_of(config, visit.entry) +
         ", or the password of " + visit.user + " into auth_file.";
}

std::string cure_of(const config::Config& config, const Visit& visit, std::string_view said) {
  if (has(said, "no password supplied")) return give_a_secret(config, visit);
  if (has(said, "password authentication failed")) {
    return visit.source.empty() ? give_a_secret(config, visit)
                                : "PostgreSQL has another password for " + visit.user + " than " +
                                      visit.source + ".";
  }
  if (has(said, "pg_hba.conf")) {
    return "Add a line to PostgreSQL's pg_hba.conf that lets " + visit.user +
           " in from this machine.";
  }
  if (has(said, "database") && has(said, "does not exist")) {
    return "Write dbname= at " + place_of(config, visit.entry) + ".";
  }
  if (has(said, "private key file")) return "chmod 600 is what server_tls_key_file needs.";
  if (has(said, "too many")) return "Raise the limit, or close what others hold open.";
  return {};
}

Finding refused(const config::Config& config, const Visit& visit, const std::string& said) {
  return error(visit, "cannot_log_in",
               visit.user + " cannot log in to " + visit.where() + ": " + cleaned(said),
               cure_of(config, visit, said));
}

// How it went for a secret that was tried.
Findings of_trial(const config::Config& config, const Visit& visit) {
  if (visit.alternate_let_in) {
    return {{Level::warning, "first_password_refused", visit.entry,
             visit.where() + " refuses the first password of " + visit.user +
                 " and takes the other one",
             "When the rotation is over, make the new one the first, and drop the other."}};
  }
  if (!visit.login_error.empty()) return {refused(config, visit, visit.login_error)};
  std::string sentence = visit.user + " logs in to " + visit.where();
  if (visit.server && visit.server->complaint.empty()) {
    sentence += ": PostgreSQL " + visit.server->version +
                (visit.server->tls.empty() ? ", in the clear" : ", " + visit.server->tls);
  }
  return {{Level::ok, "logged_in", visit.entry, std::move(sentence)}};
}

Findings of_md5(const config::Config& config, const Visit& visit) {
  if (visit.knock->asked == Asked::md5) {
    return {{Level::ok, "login_not_tried", visit.entry,
             "the login of " + visit.user + " was not tried: its secret is an md5 hash, and " +
                 visit.where() + " does ask for md5"}};
  }
  return {error(visit, "md5_cannot_log_in",
                visit.user + " has an md5 hash in " + visit.source + ", and " + visit.where() +
                    " asks for something else: pgweir cannot log in with it",
                give_a_secret(config, visit) +
                    "\nOr copy the SCRAM secret from pg_authid into auth_file: it is passed "
                    "through.")};
}

bool can_prove_scram(AuthType type) {
  return type == AuthType::scram_sha_256 || type == AuthType::md5 || type == AuthType::hba;
}

bool is_same(const Visit& visit) {
  const auto& bases = visit.bases;
  return visit.knock->basis &&
         std::find(bases.begin(), bases.end(), *visit.knock->basis) != bases.end();
}

// A secret that logs in only with what a client has proved.
Findings of_scram(const config::Config& config, const Visit& visit) {
  const std::string whose = "the SCRAM secret of " + visit.user + " in " + visit.source;
  if (visit.forced || !visit.asks_auth_query.empty()) {
    return {error(visit, "scram_without_client",
                  whose + " cannot log in to " + visit.where() + ": " +
                      (visit.forced ? "the user is forced" : "it is auth_user's") +
                      ", so no client proves the password",
                  give_a_secret(config, visit))};
  }
  // With auth_type = plain the client's password itself is there to log in with.
  if (config.settings.auth_type == AuthType::plain) return {};
  if (!can_prove_scram(config.settings.auth_type)) {
    return {error(visit, "scram_not_proved",
                  whose + " cannot log in to " + visit.where() +
                      ": with this auth_type no client proves the password",
                  "Write auth_type = scram-sha-256.")};
  }
  if (visit.knock->asked != Asked::scram) {
    return {error(visit, "scram_not_asked",
                  whose + " cannot log in to " + visit.where() +
                      ": that does not ask for SCRAM, and nothing else can be passed through",
                  "In PostgreSQL set password_encryption to scram-sha-256, set the password of " +
                      visit.user + " again, and copy the secret from pg_authid.")};
  }
  if (!visit.knock->basis) return {};
  if (!is_same(visit)) {
    return {error(visit, "scram_differs",
                  whose + " is not the one that " + visit.where() +
                      " has (salt or iterations differ), so it cannot be passed through",
                  "Copy it from the server: SELECT rolpassword FROM pg_authid WHERE rolname = '" +
                      visit.user + "'")};
  }
  return {{Level::ok, "scram_pass_through", visit.entry,
           whose + " is the one that " + visit.where() + " has: clients' logins pass through"}};
}

Findings of_kept_ready(const config::Config& config, const Visit& visit) {
  const int kept = config.min_pool_size(database_of(config, visit.entry));
  if (kept == 0 || visit.forced || visit.kind != SecretKind::scram) return {};
  return {{Level::warning, "scram_min_pool_size", visit.entry,
           "min_pool_size = " + std::to_string(kept) + " waits for a first client of " +
               visit.user + " after each start: a SCRAM secret alone opens no connection",
           give_a_secret(config, visit)}};
}

Findings of_clear_text(const Visit& visit) {
  const bool readable = visit.network && visit.knock->tls.empty();
  if (visit.knock->asked != Asked::clear_text || !readable) return {};
  return {error(visit, "clear_text_password",
                visit.where() + " wants the password of " + visit.user +
                    " in clear text, over a connection that is not encrypted",
                "In PostgreSQL's pg_hba.conf write scram-sha-256 instead of password.")};
}

bool is_hash(SecretKind kind) { return kind == SecretKind::md5 || kind == SecretKind::scram; }

void append(Findings& to, Findings more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// The server has heard the user's name, and nothing else was tried.
Findings of_knock(const config::Config& config, const Visit& visit) {
  if (!visit.knock->refusal.empty()) return {refused(config, visit, visit.knock->refusal)};
  if (visit.knock->asked == Asked::unknown) return {};
  Findings all = visit.kind == SecretKind::md5 ? of_md5(config, visit) : of_scram(config, visit);
  if (visit.kind == SecretKind::scram) append(all, of_kept_ready(config, visit));
  return all;
}

}  // namespace

Findings judge_login(const config::Config& config, const Visit& visit) {
  if (!visit.no_password.empty()) {
    return {error(visit, "password_command_failed",
                  "password_command for " + visit.user + ": " + visit.no_password,
                  "Correct it at " + place_of(config, visit.entry) + ".")};
  }
  if (!visit.knock || visit.user.empty()) return {};
  Findings all = of_clear_text(visit);
  if (visit.tried) append(all, of_trial(config, visit));
  if (!visit.tried && is_hash(visit.kind)) append(all, of_knock(config, visit));
  return all;
}

}  // namespace weir::proxy::doctor
