#include "proxy/share.h"

#include <algorithm>

namespace weir::proxy {

namespace {

Instant or_never(std::int64_t us) { return us == 0 ? kNever : us; }

// What a server connection was made with: when it differs, older connections must go.
bool dials_alike(const config::Database& a, const config::Database& b) {
  return a.hosts == b.hosts && a.port == b.port && a.dbname == b.dbname && a.user == b.user &&
         a.password == b.password && a.startup_parameters == b.startup_parameters &&
         a.connect_query == b.connect_query;
}

}  // namespace

bool Share::configure(const config::Config& to, Commons& commons) {
  const config::Database* const found = to.find_database(id.database);
  if (found == nullptr) return false;
  if (database != nullptr && !dials_alike(*database, *found)) ++generation;
  database = found;
  config = &to;
  const auto& settings = to.settings;
  pool::PoolSettings pool_settings;
  pool_settings.mode = to.pool_mode(*found, id.user);
  pool_settings.round_robin = settings.server_round_robin;
  pool_settings.min_size = to.min_pool_size(*found);
  pool_settings.retry_max = settings.server_login_retry_us;
  pool_settings.retry_first = std::min(pool_settings.retry_first, pool_settings.retry_max);
  set_settings(pool_settings);
  query_wait = or_never(to.query_wait_timeout_us(*found, id.user));
  server_lifetime = to.server_lifetime_us(*found);
  shared().limit.set_max(to.pool_size(*found, id.user));
  NamedLimits& of_database = commons.database(id.database);
  of_database.servers.set_max(to.max_db_connections(*found));
  of_database.clients.set_max(to.max_db_client_connections(*found));
  NamedLimits& of_user = commons.user(id.user);
  of_user.servers.set_max(to.max_user_connections(id.user));
  return true;
}

Target Share::next_target() {
  const auto port = static_cast<std::uint16_t>(database->port);
  if (database->hosts.empty()) return {config->settings.unix_socket_dir, port};
  const std::size_t turn = database->load_balance ? host_index_++ % database->hosts.size() : 0;
  return {database->hosts[turn], port};
}

bool Share::below_minimum() const {
  using pool::ClientState;
  if (settings().min_size <= shared().limit.taken()) return false;
  return clients.at(ClientState::ready).size() + clients.at(ClientState::linked).size() +
             clients.at(ClientState::parked).size() >
         0;
}

protocol::ServerLogin::Request Share::login_request() const {
  protocol::ServerLogin::Request request;
  request.user = id.user;
  request.database = database->server_dbname(id.database);
  request.parameters = database->startup_parameters;
  if (database->password) {
    request.secret = *database->password;
  } else if (const std::string* secret = config->find_secret(id.user)) {
    request.secret = *secret;
  }
  return request;
}

}  // namespace weir::proxy
