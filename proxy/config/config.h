// config.h: everything the operator said, typed and checked. Built whole by load.h, never changed
// afterwards: threads share one const Config, and a reload builds another.
// Names of fields are the names of the keys; `_us` is microseconds. Passwords live in
// Database::password, password_alternate and Config::secrets: no warning or sentence quotes them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/hba.h"
#include "proxy/config/ident.h"
#include "proxy/config/network.h"
#include "proxy/config/settings.h"
#include "proxy/config/tls_overrides.h"

namespace weir::proxy::config {

constexpr std::size_t kDatabaseNameMax = 63;  // Bytes; PostgreSQL's NAMEDATALEN - 1.
constexpr std::size_t kUserNameMax = 127;     // Bytes; PgBouncer's.

// What Config::sources has for what the operator has not said.
constexpr const char* kSourceDefault = "default";
constexpr const char* kSourceWithoutFile = "start without a file";

// One line of [databases]. An unset optional means "as the global setting says".
struct Database {
  std::string name;                // What clients ask for; "*" is the fallback entry.
  std::string place;               // Of its line: `file:line`; empty: it has none.
  std::vector<std::string> hosts;  // Name, address, "/dir" or "@abstract". Empty: a unix socket in
                                   // Settings::unix_socket_dir.
  bool host_and_hostaddr = false;  // Both were given: `hosts` are the latter's.
  int port = 5432;
  std::optional<std::string> dbname;  // Unset: the name the client asked for.
  std::optional<std::string> user;    // Forced: every client shares this user's one pool.
  // For the forced user. Its source is one of three: `password`; `password_file`, whose text load()
  // has put into `password`; or what `password_command` prints.
  std::optional<std::string> password;
  std::string password_file;
  bool password_file_hidden = false;  // A variable may have made it of a secret: never quoted.
  std::string password_command;
  std::optional<std::string> password_alternate;  // When a server refuses the other.
  std::optional<std::string> auth_user;
  std::optional<std::string> auth_query;
  std::optional<std::string> auth_dbname;
  TlsOverrides server_tls;
  std::optional<ChannelBinding> channel_binding;
  // Goes into the startup packet of every server connection, in the wire's spelling:
  // client_encoding, DateStyle, TimeZone, application_name, options.
  std::vector<std::pair<std::string, std::string>> startup_parameters;
  std::string connect_query;  // Run once after each server login; empty: none.
  bool load_balance = true;   // load_balance_hosts: the hosts take turns, or each holds until a
                              // connection to it fails.
  std::optional<PoolMode> pool_mode;
  std::optional<int> pool_size;
  std::optional<int> min_pool_size;
  std::optional<int> reserve_pool_size;
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
  std::optional<int> reserve_pool_size;
  std::optional<int> max_user_connections;
  std::optional<int> max_user_client_connections;
  std::optional<std::int64_t> query_wait_timeout_us;
  std::optional<std::int64_t> query_timeout_us;
  std::optional<QueryTimeoutAction> query_timeout_action;
  std::optional<std::int64_t> idle_transaction_timeout_us;
  std::optional<std::int64_t> transaction_timeout_us;
  std::optional<std::int64_t> client_idle_timeout_us;
  std::optional<std::int64_t> client_lifetime_us;

  bool operator==(const User&) const = default;
};

// User name to secrets that are valid, the current one first: never none, rarely two.
using Secrets = std::map<std::string, std::vector<std::string>, std::less<>>;

struct Config {
  Settings settings;
  std::map<std::string, Database, std::less<>> databases;  // By name; "*" among them.
  std::map<std::string, User, std::less<>> users;
  Secrets secrets;               // auth_file: plain, "md5…" or "SCRAM-SHA-256$…" as written.
  Hba hba;                       // auth_hba_file, with auth_type = hba.
  IdentMaps ident_maps;          // auth_ident_file.
  std::vector<Network> proxies;  // proxy_protocol_from.
  std::vector<std::string> warnings;  // Sentences `file:line: …` for the log.
  std::vector<std::string> files;     // The settings' own, and directories of %include's patterns.
  // The text in force for each row of keys(), in its order.
  std::vector<std::optional<std::string>> texts;
  // The same for SHOW CONFIG: unset is NULL, times and sizes are bare numbers, and no secret is in
  // it, nor what a variable has put into a text.
  std::vector<std::optional<std::string>> shown;
  // Where each of them was said: `file:line`, a variable of the environment, or one of the two
  // words below.
  std::vector<std::string> sources;

  // A connection from there begins with a PROXY header.
  bool speaks_proxy_protocol(const Ip& from) const;
  // Of one key of [pgweir].
  std::string_view source(std::string_view key) const;
  // A text of [pgweir] as it stands in the file, before variables were put in.
  std::string written(std::string_view key) const;
  // `file:line: `, to stand before a complaint about a key of [pgweir]; empty if the operator has
  // not set it.
  std::string said_at(std::string_view key) const;
  // The entry that serves a client that asked for `name`: the one of that name, else "*", else
  // nullptr. The console's names are not asked here: see is_console().
  const Database* find_database(std::string_view name) const;
  const User* find_user(std::string_view name) const;
  const std::string* find_secret(std::string_view user) const;  // The current one.
  const std::vector<std::string>* find_secrets(std::string_view user) const;

  // What is in force for the pool of this database and this user: user over database over global.
  // `user` is the pool's user: the forced one if the database has it, else the client's.
  PoolMode pool_mode(const Database& database, std::string_view user) const;
  int pool_size(const Database& database, std::string_view user) const;
  int reserve_pool_size(const Database& database, std::string_view user) const;  // 0: none.
  int min_pool_size(const Database& database) const;
  int max_db_connections(const Database& database) const;
  int max_db_client_connections(const Database& database) const;
  int max_user_connections(std::string_view user) const;
  int max_user_client_connections(std::string_view user) const;
  TlsSettings server_tls(const Database& database) const;
  // Of all databases and of none, each once.
  std::vector<TlsSettings> all_server_tls() const;
  ChannelBinding channel_binding(const Database& database) const;
  // Empty: no query is asked.
  const std::string& auth_user(const Database& database) const;
  const std::string& auth_query(const Database& database) const;
  // Empty: in this database itself.
  const std::string& auth_dbname(const Database& database) const;
  std::int64_t server_lifetime_us(const Database& database) const;
  std::int64_t query_wait_timeout_us(const Database& database, std::string_view user) const;
  // What is in force for a client that has logged in as `user`.
  std::int64_t query_timeout_us(std::string_view user) const;
  QueryTimeoutAction query_timeout_action(std::string_view user) const;
  std::int64_t idle_transaction_timeout_us(std::string_view user) const;
  std::int64_t transaction_timeout_us(std::string_view user) const;
  std::int64_t client_idle_timeout_us(std::string_view user) const;
  std::int64_t client_lifetime_us(std::string_view user) const;
};

// The console answers to these names; no entry of [databases] may take one.
inline constexpr std::string_view kConsoleName = "pgweir";
inline constexpr std::string_view kConsoleAlias = "pgbouncer";
constexpr bool is_console(std::string_view database) {
  return database == kConsoleName || database == kConsoleAlias;
}

}  // namespace weir::proxy::config
