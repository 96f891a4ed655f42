// config.h: everything the operator said, typed and checked. Built whole by load.h, never changed
// afterwards: threads share one const Config, and a reload builds another.
// Names of fields are the names of the keys; `_us` is microseconds. Passwords live in
// Database::password and Config::secrets and nowhere else: no warning or sentence quotes them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/settings.h"

namespace weir::proxy::config {

constexpr std::size_t kDatabaseNameMax = 63;  // Bytes; PostgreSQL's NAMEDATALEN - 1.
constexpr std::size_t kUserNameMax = 127;     // Bytes; PgBouncer's.

// One line of [databases]. An unset optional means "as the global setting says".
struct Database {
  std::string name;                // What clients ask for; "*" is the fallback entry.
  std::string place;               // Of its line: `file:line`; empty: it has none.
  std::vector<std::string> hosts;  // Name, address, "/dir" or "@abstract". Empty: a unix socket in
                                   // Settings::unix_socket_dir.
  int port = 5432;
  std::optional<std::string> dbname;    // Unset: the name the client asked for.
  std::optional<std::string> user;      // Forced: every client shares this user's one pool.
  std::optional<std::string> password;  // For the forced user.
  // Goes into the startup packet of every server connection, in the wire's spelling:
  // client_encoding, DateStyle, TimeZone, application_name, options.
  std::vector<std::pair<std::string, std::string>> startup_parameters;
  std::string connect_query;  // Run once after each server login; empty: none.
  bool load_balance = true;   // load_balance_hosts: the hosts take turns, or each holds until a
                              // connection to it fails.
  std::optional<PoolMode> pool_mode;
  std::optional<int> pool_size;
  std::optional<int> min_pool_size;
  std::optional<int> max_db_connections;
  std::optional<int> max_db_client_connections;
  std::optional<std::int64_t> server_lifetime_us;
  std::optional<std::int64_t> query_wait_timeout_us;

  // The database to name to the server. `requested` is what the client asked for, which differs
  // from `name` when this is the fallback entry.
  std::string_view server_dbname(std::string_view requested) const {
    return dbname ? std::string_view{*dbname} : requested;
  }
  bool is_fallback() const { return name == "*"; }
  bool operator==(const Database&) const = default;
};

// One line of [users].
struct User {
  std::string name;
  std::optional<PoolMode> pool_mode;
  std::optional<int> pool_size;
  std::optional<int> max_user_connections;
  std::optional<int> max_user_client_connections;
  std::optional<std::int64_t> query_wait_timeout_us;

  bool operator==(const User&) const = default;
};

using Secrets = std::map<std::string, std::string, std::less<>>;  // User name to secret.

struct Config {
  Settings settings;
  std::map<std::string, Database, std::less<>> databases;  // By name; "*" among them.
  std::map<std::string, User, std::less<>> users;
  Secrets secrets;  // auth_file: plain, "md5…" or "SCRAM-SHA-256$…" as written.
  std::vector<std::string> warnings;  // Sentences `file:line: …` for the log.
  // For SHOW CONFIG: the text in force for each row of keys(), in its order; unset is NULL.
  std::vector<std::optional<std::string>> texts;
  // Where each of them was said: `file:line`; empty: nowhere.
  std::vector<std::string> places;

  // `file:line: `, to stand before a complaint about a key of [pgweir]; empty if the key was not
  // set.
  std::string said_at(std::string_view key) const;
  // The entry that serves a client that asked for `name`: the one of that name, else "*", else
  // nullptr. The console's names are not asked here: see is_console().
  const Database* find_database(std::string_view name) const;
  const User* find_user(std::string_view name) const;
  const std::string* find_secret(std::string_view user) const;

  // What is in force for the pool of this database and this user: user over database over global.
  // `user` is the pool's user: the forced one if the database has it, else the client's.
  PoolMode pool_mode(const Database& database, std::string_view user) const;
  int pool_size(const Database& database, std::string_view user) const;
  int min_pool_size(const Database& database) const;
  int max_db_connections(const Database& database) const;
  int max_db_client_connections(const Database& database) const;
  int max_user_connections(std::string_view user) const;
  int max_user_client_connections(std::string_view user) const;
  std::int64_t server_lifetime_us(const Database& database) const;
  std::int64_t query_wait_timeout_us(const Database& database, std::string_view user) const;
};

// The console answers to these names; no entry of [databases] may take one.
constexpr bool is_console(std::string_view database) {
  return database == "pgweir" || database == "pgbouncer";
}

}  // namespace weir::proxy::config
