#include "proxy/config/entries.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "proxy/config/connstring.h"
#include "proxy/config/fields.h"

namespace weir::proxy::config {
namespace {

using DatabaseField = Bound<Database, std::string, std::optional<int>, std::optional<std::int64_t>,
                            std::optional<PoolMode>>;
constexpr auto kDatabaseFields = std::to_array<DatabaseField>({
    {"connect_query", &Database::connect_query},
    {"pool_mode", &Database::pool_mode},
    {"pool_size", &Database::pool_size},
    {"min_pool_size", &Database::min_pool_size},
    {"max_db_connections", &Database::max_db_connections},
    {"max_db_client_connections", &Database::max_db_client_connections},
    {"server_lifetime", &Database::server_lifetime_us},
    {"query_wait_timeout", &Database::query_wait_timeout_us},
});

using UserField =
    Bound<User, std::optional<int>, std::optional<std::int64_t>, std::optional<PoolMode>>;
constexpr auto kUserFields = std::to_array<UserField>({
    {"pool_mode", &User::pool_mode},
    {"pool_size", &User::pool_size},
    {"max_user_connections", &User::max_user_connections},
    {"max_user_client_connections", &User::max_user_client_connections},
    {"query_wait_timeout", &User::query_wait_timeout_us},
});

// A timeout or a limit on connections of 0 on a line inherits the global one, as in PgBouncer.
template <typename T>
void inherit_if_zero(std::optional<T>& setting) {
  if (setting == T{0}) setting.reset();
}

// Whether the value is a password, or has one in it by a slip: dbname=x;password=y, or a URI whose
// @ stands in a word behind it.
bool holds_password(const std::vector<Word>& words, std::size_t index) {
  const Word& word = words[index];
  if (word.key == "password" || word.value.find("password") != std::string::npos) return true;
  const auto has_at = [](const Word& one) { return one.value.find('@') != std::string::npos; };
  return word.key.empty() && !has_at(word) &&
         std::any_of(words.begin() + static_cast<std::ptrdiff_t>(index), words.end(), has_at);
}

// A password with a space in it and no quotes leaves its second half standing as a key.
Said<const Key*> key_of(const std::vector<Word>& words, std::size_t index, Scopes scope) {
  if (const Key* key = find_key(words[index].key, scope)) return key;
  if (index > 0 && holds_password(words, index - 1)) {
    return no("the word after the password is no setting; a password with spaces needs quotes");
  }
  return no(unknown_setting(words[index].key, scope));
}

// "5432", or one for each host as a URI has them: an empty one is the default. All must be equal.
Said<int> read_ports(std::string_view text, bool from_uri) {
  const Key& key = *find_key("port", kDatabase);
  std::optional<int> port;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    const std::string_view each = trim(text.substr(start, end - start));
    const auto value = parse_value(key, each.empty() ? key.fallback : each);
    if (!value && !from_uri) return tl::unexpected(value.error());
    const auto number = value ? static_cast<int>(std::get<std::int64_t>(*value)) : 0;
    if (number == 0) return no("the port is no number from 1 to 65535");
    if (port && *port != number) return no("all hosts of a database share one port");
    port = number;
    start = end + 1;
  }
  return *port;
}

void add_startup_parameter(Database& database, const char* wire_name, const std::string& value) {
  auto& all = database.startup_parameters;
  std::erase_if(all, [&](const auto& each) { return each.first == wire_name; });
  all.emplace_back(wire_name, value);
}

// One option that libpq has taken apart.
Said<void> take_option(Database& database, const Word& option, bool from_uri, Remarks& remarks) {
  const auto& [key, value] = option;
  if (key == "host" || key == "hostaddr") {
    database.hosts = split_list(value);
  } else if (key == "port") {
    const auto port = read_ports(value, from_uri);
    if (!port) return tl::unexpected(port.error());
    database.port = *port;
  } else if (key == "dbname") {
    database.dbname = value;
  } else if (key == "password") {
    database.password = value;
  } else if (key == "user") {
    if (value.size() > kUserNameMax) return no("user is longer than 127 bytes");
    database.user = value;
  } else if (key == "load_balance_hosts") {
    database.load_balance = value != "disable";
  } else if (key == "client_encoding" && value == "auto") {
    remarks.warnings.emplace_back("client_encoding=auto is libpq's own and is left out");
  } else {
    add_startup_parameter(database, option.key.c_str(), value);
  }
  return {};
}

Said<void> take_connection(Database& database, const Said<Connection>& connection, bool from_uri,
                           Remarks& remarks) {
  if (!connection) return tl::unexpected(connection.error());
  for (const std::string& warning : connection->warnings) remarks.warnings.push_back(warning);
  for (const Word& option : connection->options) {
    if (auto taken = take_option(database, option, from_uri, remarks); !taken) return taken;
  }
  return {};
}

// One key that is not libpq's.
Said<void> take_key(Database& database, const Key& key, const std::string& text, Remarks& remarks) {
  const auto value = parse_value(key, text);
  if (!value) return tl::unexpected(value.error());
  if (!key.built) {
    remarks.unbuilt.push_back(&key);
  } else if (key.name == "datestyle") {
    add_startup_parameter(database, "DateStyle", text);
  } else if (key.name == "timezone") {
    add_startup_parameter(database, "TimeZone", text);
  } else if (key.name == "load_balance_hosts") {
    database.load_balance = std::get<std::string>(*value) == "round-robin";
  } else {
    set_field<Database, DatabaseField>(database, kDatabaseFields, key.name, *value);
  }
  return {};
}

bool is_for_libpq(const std::string& name) {
  static constexpr std::array kOurs{"load_balance_hosts"};  // libpq 16 knows it too, otherwise.
  return is_libpq_option(name) && std::find(kOurs.begin(), kOurs.end(), name) == kOurs.end();
}

}  // namespace

Said<Database> read_database(const std::string& name, std::string_view text, Remarks& remarks) {
  if (name.empty()) return no("a database without a name");
  if (name.size() > kDatabaseNameMax) return no("the database's name is longer than 63 bytes");
  if (is_console(name)) return no("the name " + quoted(name) + " is the console's");
  const auto words = split_words(text);
  if (!words) return tl::unexpected(words.error());
  Database database;
  database.name = name;
  std::vector<Word> options;
  for (std::size_t i = 0; i < words->size(); ++i) {
    const Word& word = (*words)[i];
    Said<void> taken;
    if (word.key.empty()) {
      taken = take_connection(database, read_uri(word.value), true, remarks);
    } else if (is_for_libpq(word.key)) {
      options.push_back(word);
    } else if (const auto key = key_of(*words, i, kDatabase)) {
      taken = take_key(database, **key, word.value, remarks);
    } else {
      return tl::unexpected(key.error());
    }
    if (!taken) return tl::unexpected(taken.error());
  }
  auto taken = take_connection(database, read_options(options), false, remarks);
  if (!taken) return tl::unexpected(taken.error());
  inherit_if_zero(database.max_db_connections);
  inherit_if_zero(database.max_db_client_connections);
  inherit_if_zero(database.server_lifetime_us);
  inherit_if_zero(database.query_wait_timeout_us);
  return database;
}

Said<User> read_user(const std::string& name, std::string_view text, Remarks& remarks) {
  if (name.empty()) return no("a user without a name");
  if (name.size() > kUserNameMax) return no("the user's name is longer than 127 bytes");
  const auto words = split_words(text);
  if (!words) return tl::unexpected(words.error());
  User user;
  user.name = name;
  for (std::size_t i = 0; i < words->size(); ++i) {
    const auto key = key_of(*words, i, kUser);
    if (!key) return tl::unexpected(key.error());
    const auto value = parse_value(**key, (*words)[i].value);
    if (!value) return tl::unexpected(value.error());
    if (!(*key)->built) remarks.unbuilt.push_back(*key);
    set_field<User, UserField>(user, kUserFields, (*key)->name, *value);
  }
  inherit_if_zero(user.max_user_connections);
  inherit_if_zero(user.max_user_client_connections);
  inherit_if_zero(user.query_wait_timeout_us);
  return user;
}

Said<void> check_peer(std::string_view name, std::string_view text) {
  constexpr Key kPeerId{
      "a peer's number", Type::integer, Unit::peer, nullptr, kPeer, true, false, {}};
  if (const auto id = parse_value(kPeerId, name); !id) return tl::unexpected(id.error());
  const auto words = split_words(text);
  if (!words) return tl::unexpected(words.error());
  for (std::size_t i = 0; i < words->size(); ++i) {
    const auto key = key_of(*words, i, kPeer);
    if (!key) return tl::unexpected(key.error());
    const auto value = parse_value(**key, (*words)[i].value);
    if (!value) return tl::unexpected(value.error());
  }
  return {};
}

}  // namespace weir::proxy::config
