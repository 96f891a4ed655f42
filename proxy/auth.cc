#include "proxy/auth.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/encode.h"
#include "proxy/client.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientEvent;
using pool::ClientState;
using protocol::ClientLogin;
using protocol::Framer;
using protocol::Startup;

namespace {

constexpr std::uint16_t kMinorNewest = 2;

protocol::AuthType auth_type(config::AuthType type) {
  switch (type) {
    case config::AuthType::trust:
      return protocol::AuthType::trust;
    case config::AuthType::plain:
      return protocol::AuthType::plain;
    case config::AuthType::md5:
      return protocol::AuthType::md5;
    case config::AuthType::scram_sha_256:
      break;
  }
  return protocol::AuthType::scram_sha_256;
}

bool listed(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Auth::Auth(Worker& worker, Client& client, bool own_uid)
    : worker_(worker), client_(client), own_uid_(own_uid) {}

void Auth::take(Bytes& bytes) {
  while (client_.state == ClientState::greeting && !bytes.empty()) {
    if (!take_startup(bytes)) return;
  }
  if (client_.state == ClientState::proving) take_proof(bytes);
}

bool Auth::take_startup(Bytes& bytes) {
  const auto packet = reader_.next(bytes);
  if (!packet) return refuse(packet.error().sqlstate, packet.error().text, packet.error().hint);
  if (!*packet) return true;
  const Startup& startup = **packet;
  switch (startup.kind) {
    case Startup::Kind::ssl:
    case Startup::Kind::gssenc:
      return answer_encryption(startup.kind, bytes);
    case Startup::Kind::cancel:
      worker_.cancel(startup.cancel_pid, startup.cancel_key);
      worker_.part_from(client_, Parting::terminated, {});
      return false;
    case Startup::Kind::startup:
      break;
  }
  return begin(startup);
}

// Plain text only, for now; and nothing may have been sent before we have said so.
bool Auth::answer_encryption(Startup::Kind kind, Bytes rest) {
  bool& asked = kind == Startup::Kind::ssl ? ssl_asked_ : gssenc_asked_;
  if (asked) return refuse("08P01", "encryption was asked for twice");
  asked = true;
  if (!rest.empty()) {
    return refuse("08P01", kind == Startup::Kind::ssl ? protocol::kUnencryptedAfterSsl
                                                      : protocol::kUnencryptedAfterGssenc);
  }
  const std::uint8_t no[] = {'N'};
  client_.stream.put_copy(no);
  return true;
}

bool Auth::begin(const Startup& startup) {
  worker_.set_state(client_, ClientEvent::startup);
  const std::string* const user = startup.find("user");
  const std::string* const database = startup.find("database");
  if (user == nullptr || user->empty()) return refuse("28000", "no username supplied");
  if (user->size() > config::kUserNameMax) return refuse("28000", "username too long");
  user_ = *user;
  database_ = database != nullptr && !database->empty() ? *database : user_;
  if (database_.size() > config::kDatabaseNameMax) {
    return refuse("3D000", "database name too long");
  }
  client_.set_identity(user_, false);
  Buffer out;
  return take_parameters(startup, out) && start_login(out);
}

bool Auth::take_parameters(const Startup& startup, Buffer& out) {
  values_.resize(worker_.commons.tracked.size());
  for (const auto& [name, value] : startup.parameters) {
    if (name == "user" || name == "database" || name.starts_with("_pq_.")) continue;
    if (name == "replication") {
      if (value == "false" || value == "off" || value == "no" || value == "0") continue;
      return refuse("0A000", "replication connections are not supported",
                    "Connect straight to PostgreSQL for replication.");
    }
    if (name == "options") {
      const auto options = protocol::parse_options(value);
      const bool ignored = listed(worker_.config().settings.ignore_startup_parameters, "options");
      if (!options && ignored) continue;
      if (!options) {
        return refuse(options.error().sqlstate, options.error().text, options.error().hint);
      }
      for (const auto& [key, setting] : *options) {
        if (ignored && !worker_.commons.tracked.index(key)) continue;
        if (!take_parameter(key, setting, "unsupported startup parameter in options: ")) {
          return false;
        }
      }
      continue;
    }
    if (!take_parameter(name, value, "unsupported startup parameter: ")) return false;
  }
  negotiate(startup, out);
  return true;
}

bool Auth::take_parameter(const std::string& name, const std::string& value,
                          const char* complaint) {
  const auto& ignored = worker_.config().settings.ignore_startup_parameters;
  if (const auto index = worker_.commons.tracked.index(name)) {
    values_[*index] = value;
    return true;
  }
  // The console has no session to set anything in.
  if (listed(ignored, name) || config::is_console(database_)) return true;
  return refuse("0A000", complaint + name,
                "Add it to ignore_startup_parameters in pgweir.ini to have it ignored.");
}

// manual: 54.2.1, NegotiateProtocolVersion. What we do not know is named, not refused.
void Auth::negotiate(const Startup& startup, Buffer& out) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : startup.parameters) {
    if (name.starts_with("_pq_.")) unknown.push_back(name);
  }
  // There was never a 3.1: who asks for it means 3.0.
  const std::uint16_t minor = startup.minor >= kMinorNewest ? kMinorNewest : std::uint16_t{0};
  long_key_ = minor >= 2;
  if (minor != startup.minor || !unknown.empty()) {
    protocol::put_negotiate_protocol_version(out, minor, unknown);
  }
}

bool Auth::start_login(Buffer& out) {
  const auto& settings = worker_.config().settings;
  const bool to_console = config::is_console(database_);
  if (to_console && own_uid_ && config::is_console(user_)) {
    protocol::put_authentication_ok(out);
    client_.stream.put_copy(out);
    admit();
    return false;
  }
  const std::string* const secret = worker_.config().find_secret(user_);
  if (settings.auth_type == config::AuthType::trust && secret == nullptr) {
    return refuse("28000", "\"trust\" authentication failed",
                  "The user must be listed in auth_file even when it needs no password.");
  }
  protocol::Entropy entropy;
  worker_.world.random(entropy.nonce);
  worker_.world.random(entropy.md5_salt);
  entropy.mock_key = worker_.commons.secret;
  login_ =
      std::make_unique<ClientLogin>(auth_type(settings.auth_type), user_,
                                    worker_.login_secret(user_), entropy, worker_.mostly_scram());
  return step(login_->start(out), out);
}

void Auth::take_proof(Bytes& bytes) {
  protocol::Piece piece;
  for (;;) {
    const auto cut = framer_.next(bytes, piece);
    if (cut == Framer::Cut::need_more) return;
    if (cut == Framer::Cut::bad_length) {
      refuse("08P01", "invalid password message length");
      return;
    }
    if (piece.begins && piece.tag == 'X' && piece.body_bytes == 0) {
      worker_.part_from(client_, Parting::terminated, "client close request");
      return;
    }
    if (piece.begins && piece.tag != 'p') {
      refuse("08P01", "expected a password message");
      return;
    }
    const auto body = collector_.add(piece);
    if (!body) continue;
    Buffer out;
    if (!step(login_->on_message(*body, out), out)) return;
  }
}

bool Auth::step(ClientLogin::Step step, const Buffer& out) {
  client_.stream.put_copy(out);
  switch (step) {
    case ClientLogin::Step::more:
      return true;
    case ClientLogin::Step::proved:
      admit();
      return false;
    case ClientLogin::Step::failed:
      break;
  }
  const Fault fault = login_->fault();
  return refuse(fault.sqlstate, fault.text, fault.hint);
}

void Auth::admit() {
  if (!config::is_console(database_)) {
    return worker_.admit(client_, database_, std::move(values_), long_key_);
  }
  const auto& settings = worker_.config().settings;
  const bool own = own_uid_ && config::is_console(user_);
  if (own || listed(settings.admin_users, user_)) {
    return worker_.admit_to_console(client_, true, long_key_);
  }
  if (listed(settings.stats_users, user_)) {
    return worker_.admit_to_console(client_, false, long_key_);
  }
  refuse("42501", "not allowed", "Only users in admin_users and stats_users may use the console.");
}

bool Auth::refuse(const char* sqlstate, std::string text, std::string hint) {
  client_.refuse({sqlstate, std::move(text), std::move(hint)});
  return false;
}

}  // namespace weir::proxy
