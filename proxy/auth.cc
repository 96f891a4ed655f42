#include "proxy/auth.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/encode.h"
#include "proxy/client.h"
#include "proxy/ip_of.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientEvent;
using pool::ClientState;
using protocol::Framer;
using protocol::ProxyHeader;
using protocol::Startup;

namespace {

constexpr std::uint16_t kMinorNewest = 2;

constexpr std::uint8_t kTlsHandshake = 0x16;  // The first byte of a TLS connection (RFC 8446, 5.1).

bool listed(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Auth::Auth(Worker& worker, Client& client, std::optional<std::uint32_t> uid)
    : worker_(worker), client_(client), uid_(uid) {
  const auto ip = ip_of(client.address());
  if (ip && worker.config().speaks_proxy_protocol(*ip)) header_.emplace();
}

void Auth::arrive() {
  if (!header_) knock();
}

void Auth::take(Bytes& bytes) {
  while (client_.state == ClientState::greeting && !waits_ && !bytes.empty()) {
    if (header_ && !take_header(bytes)) return;
    if (!knocked_ && !knock()) return;
    if (bytes.empty() || !take_direct(bytes) || !take_startup(bytes)) return;
  }
  if (client_.state == ClientState::proving && !waits_) take_proof(bytes);
}

// Who is behind the balancer that the connection comes from.
bool Auth::take_header(Bytes& bytes) {
  const auto header = header_->next(bytes);
  if (!header) return refuse(header.error().sqlstate, header.error().text, header.error().hint);
  if (!*header) return false;
  header_.reset();
  Address from;
  from.port = (*header)->port;
  from.ip = (*header)->ip;
  switch ((*header)->source) {
    case ProxyHeader::Source::itself:
    case ProxyHeader::Source::unix_socket:
      return true;
    case ProxyHeader::Source::ip4:
      from.family = Address::Family::ip4;
      break;
    case ProxyHeader::Source::ip6:
      from.family = Address::Family::ip6;
      break;
  }
  client_.set_address(from);
  return true;
}

// Before anything is understood: whether its address may have one more connection.
bool Auth::knock() {
  knocked_ = true;
  const auto verdict = worker_.commons.gate.on_connect(client_.address(), worker_.world.now());
  client_.counted_address = verdict.counted;
  if (!verdict.refusal) return true;
  return refuse(verdict.refusal->sqlstate, verdict.refusal->text, verdict.refusal->hint);
}

// TLS at once, without asking (PostgreSQL 17: sslnegotiation=direct).
bool Auth::take_direct(Bytes& bytes) {
  const bool begins =
      !ssl_asked_ && !gssenc_asked_ && client_.stream.codec() == nullptr && reader_.at_boundary();
  if (!begins || bytes[0] != kTlsHandshake) return true;
  if (client_.is_local() || !worker_.commons.tls.for_clients()) {
    return refuse("08P01", "the pooler does not speak TLS here",
                  "client_tls_sslmode is not set, or this is a unix socket.");
  }
  auto codec = worker_.commons.tls.accept(true);
  if (!codec) return refuse("57P03", "the pooler cannot speak TLS now");
  ssl_asked_ = waits_ = true;
  client_.stream.encrypt(std::move(codec), bytes);
  bytes = {};
  return false;
}

void Auth::on_secured() { waits_ = false; }

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

// Nothing may have been sent before we have said what follows.
bool Auth::answer_encryption(Startup::Kind kind, Bytes rest) {
  const bool tls = kind == Startup::Kind::ssl;
  bool& asked = tls ? ssl_asked_ : gssenc_asked_;
  if (asked) return refuse("08P01", "encryption was asked for twice");
  asked = true;
  if (!rest.empty()) {
    return refuse("08P01",
                  tls ? protocol::kUnencryptedAfterSsl : protocol::kUnencryptedAfterGssenc);
  }
  auto codec = tls && !client_.is_local() ? worker_.commons.tls.accept(false) : nullptr;
  const std::uint8_t answer[] = {static_cast<std::uint8_t>(codec ? 'S' : 'N')};
  client_.stream.put_copy(answer);
  if (!codec) return true;
  waits_ = true;
  client_.stream.encrypt(std::move(codec));
  return false;
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
  if (!config::is_console(database_)) {
    auto wish = read_replication(startup);
    if (!wish) return refuse(wish.error().sqlstate, wish.error().text, wish.error().hint);
    replication_ = std::move(*wish);
  }
  if (replication_) {
    negotiate(startup, out);
    return start_login(out);
  }
  return take_parameters(startup, out) && start_login(out);
}

// As PostgreSQL: parameters of their own win over those in `options`, whatever their order.
bool Auth::take_parameters(const Startup& startup, Buffer& out) {
  asked_.tracked.resize(worker_.commons.tracked.size());
  const std::string* const options = startup.find("options");
  if (options != nullptr && !take_options(*options)) return false;
  for (const auto& [name, value] : startup.parameters) {
    if (name == "user" || name == "database" || name == "options") continue;
    if (name == "replication" || name.starts_with("_pq_.")) continue;
    if (!take_parameter(name, value)) return false;
  }
  negotiate(startup, out);
  return true;
}

bool Auth::take_options(const std::string& options) {
  const bool ignored = listed(worker_.config().settings.ignore_startup_parameters, "options");
  const auto settings = protocol::parse_options(options);
  if (!settings) {
    if (ignored) return true;
    return refuse(settings.error().sqlstate, settings.error().text, settings.error().hint);
  }
  for (const auto& [name, value] : *settings) {
    if (ignored && !worker_.commons.tracked.index(name)) continue;
    if (!take_parameter(name, value)) return false;
  }
  return true;
}

bool Auth::take_parameter(const std::string& name, const std::string& value) {
  const auto& ignored = worker_.config().settings.ignore_startup_parameters;
  if (const auto index = worker_.commons.tracked.index(name)) {
    asked_.tracked[*index] = value;
    return true;
  }
  // The console has no session to set anything in.
  if (listed(ignored, name) || config::is_console(database_)) return true;
  if (const auto fault = protocol::bad_setting_name(name)) {
    return refuse(fault->sqlstate, fault->text, fault->hint);
  }
  // Tracked ones that no server tells of may join them.
  if (asked_.extras.size() + worker_.commons.tracked.size() >= protocol::kExtrasMax) {
    return refuse("54000", "too many startup parameters");
  }
  asked_.extras.emplace_back(name, value);
  return true;
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

// Our own user, by unix socket: whatever auth_type says.
bool Auth::enters_by_right() const {
  return config::is_console(database_) && config::is_console(user_) && uid_ == ::geteuid();
}

bool Auth::start_login(Buffer& out) {
  if (enters_by_right()) {
    protocol::put_authentication_ok(out);
    client_.stream.put_copy(out);
    admit();
    return false;
  }
  proof_.emplace(worker_, client_, database_, uid_, replication_ && replication_->physical);
  return follow(proof_->start(out), out);
}

void Auth::take_proof(Bytes& bytes) {
  protocol::Piece piece;
  while (!waits_) {
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
    if (!follow(proof_->on_message(*body, out), out)) return;
  }
}

bool Auth::follow(Proof::Step step, const Buffer& out) {
  client_.stream.put_copy(out);
  switch (step) {
    case Proof::Step::more:
      return true;
    case Proof::Step::waits:
      waits_ = true;
      client_.stream.stop_feeding();
      worker_.arm(client_);
      return false;
    case Proof::Step::proved:
      admit();
      return false;
    case Proof::Step::refused:
      break;
  }
  const Fault fault = proof_->fault();
  if (proof_->counts()) worker_.note_failed_login(client_);
  return refuse(fault.sqlstate, fault.text, fault.hint);
}

void Auth::on_secrets(std::vector<std::string> secrets, bool failed, bool kept) {
  Buffer out;
  const auto step = proof_->on_secrets(std::move(secrets), failed, kept, out);
  go_on(step, out);
}

void Auth::on_time() {
  Buffer out;
  const auto step = proof_->on_time(out);
  go_on(step, out);
}

void Auth::go_on(Proof::Step step, const Buffer& out) {
  waits_ = false;
  if (follow(step, out)) client_.stream.resume_feeding();
}

void Auth::admit() {
  const auto verdict =
      worker_.commons.gate.before_admission(client_.address(), user_, worker_.world.now());
  if (verdict.refusal && !enters_by_right()) {
    refuse(verdict.refusal->sqlstate, verdict.refusal->text, verdict.refusal->hint);
    return;
  }
  const Credential credential = proof_ ? proof_->credential() : Credential{};
  if (replication_) {
    return worker_.replicate(client_, database_, std::move(*replication_), long_key_, credential);
  }
  if (!config::is_console(database_)) {
    if (worker_.config().settings.application_name_add_host) name_host();
    return worker_.admit(client_, database_, std::move(asked_), long_key_, credential);
  }
  const auto& settings = worker_.config().settings;
  const bool any = settings.auth_type == config::AuthType::any;
  if (any || enters_by_right() || listed(settings.admin_users, user_)) {
    return worker_.admit_to_console(client_, true, long_key_);
  }
  if (listed(settings.stats_users, user_)) {
    return worker_.admit_to_console(client_, false, long_key_);
  }
  refuse("42501", "not allowed", "Only users in admin_users and stats_users may use the console.");
}

// So that pg_stat_activity tells where a client comes from, not only the pooler.
void Auth::name_host() {
  const auto index = worker_.commons.tracked.index("application_name");
  if (!index) return;
  auto& name = asked_.tracked[*index];
  name = name.value_or("app") + " - " + client_.address().text();
}

bool Auth::refuse(const char* sqlstate, std::string text, std::string hint) {
  client_.refuse({sqlstate, std::move(text), std::move(hint)});
  return false;
}

}  // namespace weir::proxy
