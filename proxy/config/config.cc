#include "proxy/config/config.h"

#include <algorithm>

#include "proxy/config/keys.h"

namespace weir::proxy::config {
namespace {

template <typename Map>
auto* find_in(Map& map, std::string_view name) {
  const auto at = map.find(name);
  return at == map.end() ? nullptr : &at->second;
}

// User over database over global.
template <typename T>
T first_set(const std::optional<T>& user, const std::optional<T>& database, T global) {
  return user ? *user : database.value_or(global);
}

const User kNobody{};

const User& or_nobody(const User* user) { return user != nullptr ? *user : kNobody; }

}  // namespace

bool Config::speaks_proxy_protocol(const Ip& from) const {
  return std::any_of(proxies.begin(), proxies.end(),
                     [&](const Network& network) { return network.contains(from); });
}

std::string_view Config::source(std::string_view key) const {
  const Key* const row = find_key(key, kGlobal);
  if (row == nullptr || sources.empty()) return kSourceDefault;
  return sources[static_cast<std::size_t>(row - keys().data())];
}

std::string Config::written(std::string_view key) const {
  const Key* const row = find_key(key, kGlobal);
  if (row == nullptr || shown.empty()) return {};
  return shown[static_cast<std::size_t>(row - keys().data())].value_or("");
}

std::string Config::said_at(std::string_view key) const {
  const std::string_view at = source(key);
  if (at == kSourceDefault || at == kSourceWithoutFile) return {};
  return std::string(at) + ": ";
}

const Database* Config::find_database(std::string_view name) const {
  const Database* exact = find_in(databases, name);
  return exact != nullptr ? exact : find_in(databases, "*");
}

const User* Config::find_user(std::string_view name) const { return find_in(users, name); }

const std::string* Config::find_secret(std::string_view user) const {
  const auto* const all = find_secrets(user);
  return all == nullptr || all->empty() ? nullptr : &all->front();
}

const std::vector<std::string>* Config::find_secrets(std::string_view user) const {
  return find_in(secrets, user);
}

PoolMode Config::pool_mode(const Database& database, std::string_view user) const {
  return first_set(or_nobody(find_user(user)).pool_mode, database.pool_mode, settings.pool_mode);
}

int Config::pool_size(const Database& database, std::string_view user) const {
  return first_set(or_nobody(find_user(user)).pool_size, database.pool_size,
                   settings.default_pool_size);
}

int Config::reserve_pool_size(const Database& database, std::string_view user) const {
  if (settings.reserve_pool_timeout_us == 0) return 0;
  return first_set(or_nobody(find_user(user)).reserve_pool_size, database.reserve_pool_size,
                   settings.reserve_pool_size);
}

int Config::min_pool_size(const Database& database) const {
  return database.min_pool_size.value_or(settings.min_pool_size);
}

int Config::max_db_connections(const Database& database) const {
  return database.max_db_connections.value_or(settings.max_db_connections);
}

int Config::max_db_client_connections(const Database& database) const {
  return database.max_db_client_connections.value_or(settings.max_db_client_connections);
}

int Config::max_user_connections(std::string_view user) const {
  return or_nobody(find_user(user)).max_user_connections.value_or(settings.max_user_connections);
}

int Config::max_user_client_connections(std::string_view user) const {
  return or_nobody(find_user(user))
      .max_user_client_connections.value_or(settings.max_user_client_connections);
}

TlsSettings Config::server_tls(const Database& database) const {
  return database.server_tls.over(settings.server_tls);
}

std::vector<TlsSettings> Config::all_server_tls() const {
  std::vector<TlsSettings> all{settings.server_tls};
  for (const auto& [name, database] : databases) {
    TlsSettings one = server_tls(database);
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(std::move(one));
  }
  return all;
}

ChannelBinding Config::channel_binding(const Database& database) const {
  return database.channel_binding.value_or(settings.server_channel_binding);
}

const std::string& Config::auth_user(const Database& database) const {
  return database.auth_user ? *database.auth_user : settings.auth_user;
}

const std::string& Config::auth_query(const Database& database) const {
  return database.auth_query ? *database.auth_query : settings.auth_query;
}

const std::string& Config::auth_dbname(const Database& database) const {
  return database.auth_dbname ? *database.auth_dbname : settings.auth_dbname;
}

std::int64_t Config::server_lifetime_us(const Database& database) const {
  return database.server_lifetime_us.value_or(settings.server_lifetime_us);
}

std::int64_t Config::query_wait_timeout_us(const Database& database, std::string_view user) const {
  return first_set(or_nobody(find_user(user)).query_wait_timeout_us, database.query_wait_timeout_us,
                   settings.query_wait_timeout_us);
}

std::int64_t Config::query_timeout_us(std::string_view user) const {
  return or_nobody(find_user(user)).query_timeout_us.value_or(settings.query_timeout_us);
}

QueryTimeoutAction Config::query_timeout_action(std::string_view user) const {
  return or_nobody(find_user(user)).query_timeout_action.value_or(settings.query_timeout_action);
}

std::int64_t Config::idle_transaction_timeout_us(std::string_view user) const {
  return or_nobody(find_user(user))
      .idle_transaction_timeout_us.value_or(settings.idle_transaction_timeout_us);
}

std::int64_t Config::transaction_timeout_us(std::string_view user) const {
  return or_nobody(find_user(user))
      .transaction_timeout_us.value_or(settings.transaction_timeout_us);
}

std::int64_t Config::client_idle_timeout_us(std::string_view user) const {
  return or_nobody(find_user(user))
      .client_idle_timeout_us.value_or(settings.client_idle_timeout_us);
}

std::int64_t Config::client_lifetime_us(std::string_view user) const {
  return or_nobody(find_user(user)).client_lifetime_us.value_or(settings.client_lifetime_us);
}

}  // namespace weir::proxy::config
