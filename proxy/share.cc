#include "proxy/share.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "protocol/secret.h"

namespace weir::proxy {

namespace {

// Even with server_login_retry = 0: a door that is shut must not keep a core busy.
constexpr Instant kLoginRetryMin = 20 * kMillisecond;

Instant or_never(std::int64_t us) { return us == 0 ? kNever : us; }

std::uint32_t digest(const std::vector<std::string>& hosts) {
  std::string all;
  for (const std::string& host : hosts) all.append(host).push_back('\0');
  return static_cast<std::uint32_t>(std::hash<std::string>{}(all));
}

// Of all that a server connection is made with, for the pool of this user.
std::size_t digest(const config::Config& config, const config::Database& of, const PoolId& id,
                   std::size_t tls_stamp) {
  std::string all;
  const auto add = [&all](std::string_view part) {
    all += part;
    all += '\0';
  };
  for (const std::string& host : of.hosts) add(host);
  add(of.hosts.empty() ? config.settings.unix_socket_dir : std::string{});
  add(std::to_string(of.port));
  add(of.server_dbname(id.database));
  add(of.user.value_or(std::string{}));
  add(of.password.value_or(std::string{}));
  add(of.password_command);
  // The current ones alone: to write down a second one for a rotation changes nothing yet.
  if (const auto* secret = of.password ? nullptr : config.find_secret(id.user)) add(*secret);
  for (const auto& [name, value] : of.startup_parameters) {
    add(name);
    add(value);
  }
  add(of.connect_query);
  const config::TlsSettings tls = config.server_tls(of);
  for (const std::string& part :
       {tls.ca_file, tls.cert_file, tls.key_file, tls.protocols, tls.ciphers, tls.tls13_ciphers}) {
    add(part);
  }
  add(std::to_string(static_cast<int>(tls.mode)) + (tls.direct ? "direct" : ""));
  add(std::to_string(static_cast<int>(config.channel_binding(of))));
  add(std::to_string(tls_stamp));
  return std::hash<std::string>{}(all);
}

}  // namespace

bool Share::configure(const config::Config& to, Commons& commons) {
  const config::Database* const found = to.find_database(id.database);
  if (found == nullptr) return false;
  tls = to.server_tls(*found);
  generation = digest(to, *found, id, commons.tls.stamp(tls));
  database = found;
  config = &to;
  const auto& settings = to.settings;
  pool::PoolSettings pool_settings;
  pool_settings.mode = to.pool_mode(*found, id.user);
  pool_settings.round_robin = settings.server_round_robin;
  // A pool of a user that the database does not have any more is kept for its last transactions.
  const bool over = found->user && *found->user != id.user;
  forced_ = found->user && !over;
  pool_settings.min_size = over ? 0 : to.min_pool_size(*found);
  pool_settings.retry_max = std::max(settings.server_login_retry_us, kLoginRetryMin);
  pool_settings.retry_first = std::min(pool_settings.retry_first, pool_settings.retry_max);
  const auto reserve = to.reserve_pool_size(*found, id.user);
  if (reserve > 0) pool_settings.reserve_wait = or_never(settings.reserve_pool_timeout_us);
  set_settings(pool_settings);
  shared().limit.set_reserve(pool_settings.reserve_wait == kNever ? 0 : reserve);
  query_wait = or_never(to.query_wait_timeout_us(*found, id.user));
  server_lifetime = to.server_lifetime_us(*found);
  shared().limit.set_max(to.pool_size(*found, id.user));
  passwords_ = &commons.passwords;
  hosts_ = &commons.hosts;
  shared().dials.set_max(settings.server_connect_parallel);
  hosts_digest_ = digest(found->hosts);
  entry.database.servers.set_max(to.max_db_connections(*found));
  entry.database.clients.set_max(to.max_db_client_connections(*found));
  entry.user.servers.set_max(to.max_user_connections(id.user));
  idle_timeout = or_never(settings.pool_idle_timeout_us);
  if (found->is_fallback()) {
    idle_timeout = std::min(idle_timeout, or_never(settings.autodb_idle_timeout_us));
  }
  return true;
}

Target Share::host_at(std::uint32_t turn) const {
  const auto& hosts = database->hosts;
  return {hosts.empty() ? config->settings.unix_socket_dir : hosts[turn % hosts.size()],
          static_cast<std::uint16_t>(database->port)};
}

Instant Share::dial_at() const {
  Instant first = kNever;
  for (std::uint32_t i = 0; i < host_count() && first > 0; ++i) {
    first = std::min(first, hosts_->ready_at(host_at(i)));
  }
  return first;
}

std::optional<std::uint32_t> Share::healthy_host(std::uint32_t from) const {
  for (std::uint32_t turn = from; turn < from + host_count(); ++turn) {
    if (!hosts_->in_trouble(host_at(turn))) return turn;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Share::try_host(std::uint32_t from, Instant now) {
  for (std::uint32_t turn = from; turn < from + host_count(); ++turn) {
    if (hosts_->in_trouble(host_at(turn)) &&
        hosts_->begin(host_at(turn), now) != Hosts::Leave::no) {
      return turn;
    }
  }
  return std::nullopt;
}

std::optional<Share::Aim> Share::next_target(Instant now) {
  const std::uint32_t turn =
      database->load_balance ? host_index_++ : entry.database.host_turn.now(hosts_digest_);
  const auto healthy = healthy_host(turn);
  // A trial that hangs must not have the place of a server that a client could have.
  if (!healthy || (database->load_balance && !shared().quota.full())) {
    if (const auto tried = try_host(turn, now)) {
      return Aim{host_at(*tried), *tried, true, healthy.has_value()};
    }
  }
  if (!healthy) return std::nullopt;
  for (std::uint32_t skipped = turn; skipped != *healthy; ++skipped) host_failed(skipped);
  return Aim{host_at(*healthy), *healthy};
}

std::optional<Fault> Share::login_fault() const {
  for (std::uint32_t i = 0; database != nullptr && i < host_count(); ++i) {
    if (auto fault = hosts_->fault(host_at(i))) return fault;
  }
  return entry.login_fault();
}

void Share::host_failed(std::uint32_t turn) {
  if (!database->load_balance) entry.database.host_turn.failed(hosts_digest_, turn);
}

bool Share::below_minimum() const {
  using pool::ClientState;
  if (database == nullptr || settings().min_size <= shared().limit.taken()) return false;
  const auto here = clients.at(ClientState::ready).size() + clients.at(ClientState::linked).size() +
                    clients.at(ClientState::parked).size();
  return forced_ || here > 0;
}

const std::string& Share::password_command() const {
  static const std::string kNone;
  const bool its_user = database != nullptr && (!database->user || *database->user == id.user);
  return its_user ? database->password_command : kNone;
}

bool Share::awaits_password(Instant now) const {
  const std::string& command = password_command();
  return !command.empty() && !passwords_->find(command, now);
}

void Share::drop_password() {
  if (const std::string& command = password_command(); !command.empty()) {
    passwords_->drop(command);
  }
}

std::vector<std::string> Share::passwords(const std::string& printed, Instant now) const {
  std::vector<std::string> all;
  const auto add = [&all](const std::string& one) {
    if (!one.empty()) all.push_back(one);
  };
  const bool its_user = !database->user || *database->user == id.user;
  if (const std::string& command = password_command(); !command.empty()) {
    add(printed.empty() ? passwords_->find(command, now).value_or("") : printed);
  }
  if (its_user && database->password) add(*database->password);
  if (its_user && database->password_alternate) add(*database->password_alternate);
  if (!all.empty()) return all;
  if (const auto* secrets = config->find_secrets(id.user)) all = *secrets;
  if (all.empty()) add(entry.credential().secret);
  return all;
}

protocol::ServerLogin::Request Share::login_request(std::uint32_t password_turn,
                                                    const std::string& printed, Instant now) const {
  protocol::ServerLogin::Request request;
  request.user = id.user;
  request.database = database->server_dbname(id.database);
  request.parameters = database->startup_parameters;
  request.channel_binding = config->channel_binding(*database);
  auto all = passwords(printed, now);
  if (!all.empty()) request.secret = std::move(all[password_turn % all.size()]);
  const bool hashed =
      request.secret && protocol::secret_kind(*request.secret) == protocol::SecretKind::scram;
  if (!hashed) return request;
  // A hash logs in nowhere by itself: what a client has proved does.
  const Credential proved = entry.credential();
  if (!proved.password.empty()) {
    request.secret = proved.password;
  } else if (proved.keys && proved.keys->secret == *request.secret) {
    request.keys = proved.keys;
  }
  return request;
}

}  // namespace weir::proxy
