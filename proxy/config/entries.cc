#include "proxy/config/entries.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "proxy/config/check.h"
#include "proxy/config/connstring.h"
#include "proxy/config/fields.h"
#include "proxy/config/tls_fields.h"

namespace weir::proxy::config {
namespace {

using DatabaseField =
    Bound<Database, std::string, std::optional<int>, std::optional<std::int64_t>,
          std::optional<PoolMode>, std::optional<std::string>, std::optional<ChannelBinding>>;
constexpr auto kDatabaseFields = std::to_array<DatabaseField>({
    {"auth_dbname", &Database::auth_dbname},
    {"auth_query", &Database::auth_query},
    {"auth_user", &Database::auth_user},
    {"channel_binding", &Database::channel_binding},
    {"connect_query", &Database::connect_query},
    {"password_alternate", &Database::password_alternate},
    {"password_command", &Database::password_command},
    {"password_file", &Database::password_file},
    {"pool_mode", &Database::pool_mode},
    {"pool_size", &Database::pool_size},
    {"min_pool_size", &Database::min_pool_size},
    {"reserve_pool", &Database::reserve_pool_size},
    {"reserve_pool_size", &Database::reserve_pool_size},
    {"max_db_connections", &Database::max_db_connections},
    {"max_db_client_connections", &Database::max_db_client_connections},
    {"server_lifetime", &Database::server_lifetime_us},
    {"query_wait_timeout", &Database::query_wait_timeout_us},
});

using UserField = Bound<User, std::optional<int>, std::optional<std::int64_t>,
                        std::optional<PoolMode>, std::optional<QueryTimeoutAction>>;
constexpr auto kUserFields = std::to_array<UserField>({
    {"pool_mode", &User::pool_mode},
    {"pool_size", &User::pool_size},
    {"reserve_pool_size", &User::reserve_pool_size},
    {"max_user_connections", &User::max_user_connections},
    {"max_user_client_connections", &User::max_user_client_connections},
    {"query_wait_timeout", &User::query_wait_timeout_us},
    {"query_timeout", &User::query_timeout_us},
    {"query_timeout_action", &User::query_timeout_action},
    {"idle_transaction_timeout", &User::idle_transaction_timeout_us},
    {"transaction_timeout", &User::transaction_timeout_us},
    {"client_idle_timeout", &User::client_idle_timeout_us},
    {"client_lifetime", &User::client_lifetime_us},
});

// A timeout or a limit on connections of 0 on a line inherits the global one, as in PgBouncer.
template <typename T>
void inherit_if_zero(std::optional<T>& setting) {
  if (setting == T{0}) setting.reset();
}

constexpr std::string_view kHidden = "${}";  // No plain word, so no sentence has it.

Text text_of(const Word& word) {
  return {word.value, word.secret ? kHidden : std::string_view{word.value}};
}

// Whether the value is a password, or has one in it by a slip: dbname=x;password=y, or a URI whose
// @ stands in a word behind it.
bool holds_password(const std::vector<Word>& words, std::size_t index) {
  const Word& word = words[index];
  if (word.key.starts_with("password") || word.value.find("password") != std::string::npos)
    return true;
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
Said<int> read_ports(const Word& word, bool from_uri) {
  const std::string_view text = word.value;
  const Key& key = *find_key("port", kDatabase);
  std::optional<int> port;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    const std::string_view each = trim(text.substr(start, end - start));
    const std::string_view number_text = each.empty() ? key.fallback : each;
    const auto value = parse_value(key, {number_text, word.secret ? kHidden : number_text});
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

// One key that is not left to libpq.
Said<void> take_key(Database& database, const Key& key, const Word& word, Remarks& remarks) {
  const Text text = text_of(word);
  const auto value = parse_value(key, text);
  if (!value) return tl::unexpected(value.error());
  if (auto checked = check_value(key, *value, text); !checked) return checked;
  if (!key.built()) {
    if (key.stage == Stage::later && !asks_for_nothing(key, *value))
      remarks.unbuilt.push_back(&key);
  } else if (key.name == "datestyle") {
    add_startup_parameter(database, "DateStyle", word.value);
  } else if (key.name == "timezone") {
    add_startup_parameter(database, "TimeZone", word.value);
  } else if (key.name == "load_balance_hosts") {
    database.load_balance = std::get<std::string>(*value) == "round-robin";
  } else if (const auto part = tls_part(key.name); !part.empty()) {
    set_tls_field(database.server_tls, part, *value);
  } else {
    set_field<Database, DatabaseField>(database, kDatabaseFields, key.name, *value);
    remarks.hides_password_file |= key.name == "password_file" && word.secret;
  }
  return {};
}

// Options of libpq that are read here: their values are checked, and the last of several wins.
bool is_ours(std::string_view option) {
  return option == "load_balance_hosts" || option == "channel_binding" || !tls_part(option).empty();
}

// One option that libpq has taken apart.
Said<void> take_option(Database& database, const Word& option, bool from_uri, Remarks& remarks) {
  const std::string& key = option.key;
  const std::string& value = option.value;
  if (key == "host" || key == "hostaddr") {
    (key == "host" ? remarks.has_host : remarks.has_hostaddr) = true;
    database.hosts = split_list(value);
  } else if (key == "port") {
    const auto port = read_ports(option, from_uri);
    if (!port) return tl::unexpected(port.error());
    database.port = *port;
  } else if (key == "dbname") {
    database.dbname = value;
  } else if (key == "password") {
    database.password = value;
  } else if (key == "user") {
    if (value.size() > kUserNameMax) return no("user is longer than 127 bytes");
    database.user = value;
  } else if (key == "load_balance_hosts") {  // Of a URI: disable or random.
    database.load_balance = value != "disable";
  } else if (is_ours(key)) {
    return take_key(database, *find_key(key, kDatabase), option, remarks);
  } else if (key == "client_encoding" && value == "auto") {
    remarks.warnings.emplace_back("client_encoding=auto is libpq's own and is left out");
  } else {
    add_startup_parameter(database, key.c_str(), value);
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

Said<void> take_words(Database& database, const std::vector<Word>& words, Remarks& remarks) {
  std::vector<Word> options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Word& word = words[i];
    Said<void> taken;
    if (word.key.empty()) {
      taken = take_connection(database, read_uri(word), true, remarks);
    } else if (is_libpq_option(word.key) && !is_ours(word.key)) {
      options.push_back(word);
    } else if (const auto key = key_of(words, i, kDatabase)) {
      taken = take_key(database, **key, word, remarks);
    } else {
      return tl::unexpected(key.error());
    }
    if (!taken) return taken;
  }
  return take_connection(database, read_options(options), false, remarks);
}

// What the words of one line ask of each other.
Said<void> check_whole(const Database& database) {
  const int sources = (database.password ? 1 : 0) + (database.password_file.empty() ? 0 : 1) +
                      (database.password_command.empty() ? 0 : 1);
  if (sources > 1) {
    return no("of password, password_file and password_command there can be one");
  }
  if (sources == 0 && database.password_alternate) {
    return no("password_alternate stands beside password, password_file or password_command");
  }
  return {};
}

}  // namespace

Said<Database> read_database(const std::string& name, const Words& words, Remarks& remarks) {
  if (name.empty()) return no("a database without a name");
  if (name.size() > kDatabaseNameMax) return no("the database's name is longer than 63 bytes");
  if (is_console(name)) return no("the name " + quoted(name) + " is the console's");
  Database database;
  database.name = name;
  if (auto taken = take_words(database, words, remarks); !taken) {
    return tl::unexpected(taken.error());
  }
  database.host_and_hostaddr = remarks.has_host && remarks.has_hostaddr;
  if (auto whole = check_whole(database); !whole) return tl::unexpected(whole.error());
  // As libpq has it: an authority that certifies everybody proves nothing but with the name.
  auto& tls = database.server_tls;
  if (tls.ca_file == "system" && !tls.mode) tls.mode = SslMode::verify_full;
  inherit_if_zero(database.max_db_connections);
  inherit_if_zero(database.max_db_client_connections);
  inherit_if_zero(database.server_lifetime_us);
  inherit_if_zero(database.query_wait_timeout_us);
  return database;
}

Said<User> read_user(const std::string& name, const Words& words, Remarks& remarks) {
  if (name.empty()) return no("a user without a name");
  if (name.size() > kUserNameMax) return no("the user's name is longer than 127 bytes");
  User user;
  user.name = name;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto key = key_of(words, i, kUser);
    if (!key) return tl::unexpected(key.error());
    const auto value = parse_value(**key, text_of(words[i]));
    if (!value) return tl::unexpected(value.error());
    if ((*key)->stage == Stage::later && !asks_for_nothing(**key, *value)) {
      remarks.unbuilt.push_back(*key);
    }
    set_field<User, UserField>(user, kUserFields, (*key)->name, *value);
  }
  inherit_if_zero(user.max_user_connections);
  inherit_if_zero(user.max_user_client_connections);
  for (auto User::*const timeout :
       {&User::query_wait_timeout_us, &User::query_timeout_us, &User::idle_transaction_timeout_us,
        &User::transaction_timeout_us, &User::client_idle_timeout_us, &User::client_lifetime_us}) {
    inherit_if_zero(user.*timeout);
  }
  return user;
}

Said<void> check_peer(std::string_view name, const Words& words) {
  constexpr Key kPeerId{
      "a peer's number", Type::integer, Unit::peer, nullptr, kPeer, true, Stage::later, {}};
  if (const auto id = parse_value(kPeerId, name); !id) return tl::unexpected(id.error());
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto key = key_of(words, i, kPeer);
    if (!key) return tl::unexpected(key.error());
    const auto value = parse_value(**key, text_of(words[i]));
    if (!value) return tl::unexpected(value.error());
  }
  return {};
}

}  // namespace weir::proxy::config
