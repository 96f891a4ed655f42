#include "proxy/config/config.h"

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

std::string Config::said_at(std::string_view key) const {
  const Key* const row = find_key(key, kGlobal);
  if (row == nullptr || places.empty()) return {};
  const std::string& place = places[static_cast<std::size_t>(row - keys().data())];
  return place.empty() ? place : place + ": ";
}

const Database* Config::find_database(std::string_view name) const {
  const Database* exact = find_in(databases, name);
  return exact != nullptr ? exact : find_in(databases, "*");
}

const User* Config::find_user(std::string_view name) const { return find_in(users, name); }

const std::string* Config::find_secret(std::string_view user) const {
  return find_in(secrets, user);
}

PoolMode Config::pool_mode(const Database& database, std::string_view user) const {
  return first_set(or_nobody(find_user(user)).pool_mode, database.pool_mode, settings.pool_mode);
}

int Config::pool_size(const Database& database, std::string_view user) const {
  return first_set(or_nobody(find_user(user)).pool_size, database.pool_size,
                   settings.default_pool_size);
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

std::int64_t Config::server_lifetime_us(const Database& database) const {
  return database.server_lifetime_us.value_or(settings.server_lifetime_us);
}

std::int64_t Config::query_wait_timeout_us(const Database& database, std::string_view user) const {
  return first_set(or_nobody(find_user(user)).query_wait_timeout_us, database.query_wait_timeout_us,
                   settings.query_wait_timeout_us);
}

}  // namespace weir::proxy::config
