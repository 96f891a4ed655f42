#include "proxy/config/environment.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/connstring.h"
#include "proxy/config/entries.h"
#include "proxy/config/keys.h"

namespace weir::proxy::config {
namespace {

constexpr std::string_view kOurs = "PGWEIR_";
constexpr std::string_view kTheirs = "PGBOUNCER_";
constexpr std::string_view kDatabases = "DATABASES_";

// libpq's on Debian, for a database without a host: without a file there is no unix_socket_dir.
constexpr const char* kLocalSocketDir = "/var/run/postgresql";

constexpr const char* kUnknown = "there is no such setting";
constexpr const char* kUnknownAndIdle = "there is no such setting, so it has no effect";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

// What Bitnami's image of PgBouncer calls two keys; else nothing.
std::string_view key_of_image(std::string_view name) {
  if (name == "port") return "listen_port";
  if (name == "listen_address") return "listen_addr";
  return {};
}

bool is_set(const Environment& environment, const std::string& name) {
  const auto at = environment.find(name);
  return at != environment.end() && !at->second.empty();
}

// Calls visit(name behind the prefix in lower case, variable) for each variable that has it.
template <typename Visit>
void each_with(const Environment& environment, std::string_view prefix, Visit visit) {
  for (auto at = environment.lower_bound(prefix);
       at != environment.end() && at->first.starts_with(prefix); ++at) {
    visit(lower(std::string_view{at->first}.substr(prefix.size())), *at);
  }
}

// What Kubernetes and Docker put into the environment of everyone who might call a service of this
// name: PGWEIR_SERVICE_HOST, PGWEIR_PORT=tcp://10.0.0.1:6432, PGWEIR_PORT_6432_TCP_ADDR.
bool is_service_link(std::string_view name, std::string_view value) {
  const auto ends_or_goes_on = [&](std::string_view mark) {
    const auto at = name.find(mark);
    const auto end = at + mark.size();
    return at != std::string_view::npos && (end == name.size() || name[end] == '_');
  };
  if (name.ends_with("service_host") || ends_or_goes_on("service_port")) return true;
  for (const std::string_view kind : {"_tcp", "_udp", "_sctp"}) {
    if (name.find("port_") != std::string_view::npos && ends_or_goes_on(kind)) return true;
  }
  return name.ends_with("port") && value.find("://") != std::string_view::npos;
}

// Variables that are no keys of [pgweir].
bool is_other(std::string_view name, std::string_view prefix) {
  return name == "database_url" || (prefix == kTheirs && name == "database");
}

// The key by its own name wins over the image's.
bool take_of_image(Loader& loader, const Environment& environment, const std::string& name,
                   const Environment::value_type& variable) {
  const std::string_view key = key_of_image(name);
  if (key.empty() || is_service_link(name, variable.second)) return false;
  if (is_set(environment, std::string{kTheirs} + upper(key))) return true;
  loader.set_from_variable(*find_key(key, kGlobal), variable.second, {variable.first, 0});
  return true;
}

void take_variable(Loader& loader, std::string_view prefix, const std::string& name,
                   const Environment::value_type& variable) {
  const auto& [whole, value] = variable;
  const Place place{whole, 0};
  if (const Key* const key = find_key(name, kGlobal)) {
    return loader.set_from_variable(*key, value, place);
  }
  if (is_other(name, prefix) || is_service_link(name, value)) return;
  const bool ours = prefix == kOurs;
  std::string sentence = ours ? kUnknown : kUnknownAndIdle;
  if (const auto near = nearest_key(name, kGlobal); !near.empty()) {
    sentence += "; did you mean " + std::string(prefix) + upper(near) + "?";
  }
  ours ? loader.complain(place, sentence) : loader.warn(place, sentence);
}

// The first of these variables that is there and not empty.
const Environment::value_type* first_of(const Environment& environment,
                                        std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto at = environment.find(name);
    if (at != environment.end() && !at->second.empty()) return &*at;
  }
  return nullptr;
}

// A database, and the variable that has said so.
struct Found {
  Said<Database> database;
  Remarks remarks;
  Place place;
};

Said<Database> read_url(std::string_view text, Remarks& remarks) {
  const std::string_view url = trim(text);
  if (!is_uri(url)) return no("it does not begin with postgresql:// or postgres://");
  // The name is known only once the URL has been read; until then the fallback's stands in.
  return read_database("*", {{.key = {}, .value = std::string(url)}}, remarks);
}

// Who the URL means where it names no user, as libpq has it.
Said<void> name_user(Database& database) {
  if (database.user) return {};
  if (database.password) return no("a password without a user");
  if (!database.dbname) return no("it names neither a database nor a user");
  const std::string user = default_user();
  if (user.empty() || user.size() > kUserNameMax) {
    return no("it names no user, nor does the system: write postgresql://user@host/database");
  }
  database.user = user;
  return {};
}

// The entry is named as the database in the URL.
Said<void> name_entry(Database& database) {
  const auto& name = database.dbname ? database.dbname : database.user;
  if (!name) return no("it names neither a database nor a user");
  if (is_console(*name)) return no("the name " + quoted(*name) + " is the console's");
  if (name->size() > kDatabaseNameMax) return no("the database's name is too long");
  database.name = *name;
  database.dbname = database.name;
  return {};
}

Found take_url(const Environment::value_type& variable, bool alone) {
  Found found{.database = Database{}, .remarks = {}, .place = {variable.first, 0}};
  found.database = read_url(variable.second, found.remarks);
  if (!found.database) return found;
  Said<void> named;
  if (alone) named = name_user(*found.database);
  if (named) named = name_entry(*found.database);
  if (!named) found.database = no(named.error());
  return found;
}

// DATABASES_HOST and its kin, as the images of PgBouncer have them.
std::optional<Found> take_parts(Loader& loader, const Environment& environment) {
  std::vector<Word> words;
  Place place;
  std::string entry = "*";
  if (const auto* named = first_of(environment, {"PGBOUNCER_DATABASE", "DATABASES_NAME"})) {
    entry = named->second;
  }
  each_with(environment, kDatabases, [&](const std::string& name, const auto& variable) {
    if (variable.second.empty() || name == "name") return;
    if (!is_libpq_option(name) && find_key(name, kDatabase) == nullptr) {
      return loader.warn({variable.first, 0}, kUnknownAndIdle);
    }
    if (words.empty() || name == "host") place = {variable.first, 0};
    words.push_back({name, variable.second});
  });
  if (words.empty()) return std::nullopt;
  Found found{.database = Database{}, .remarks = {}, .place = place};
  found.database = read_database(entry, words, found.remarks);
  return found;
}

void add(Loader& loader, Found found) {
  const std::string name = found.database ? found.database->name : "*";
  loader.add(name, std::move(found.database), found.remarks, found.place);
}

void set_without_file(Loader& loader, std::string_view name, std::string_view text) {
  loader.set(*find_key(name, kGlobal), text, {kSourceWithoutFile, 0});
}

// Whether the environment says itself how clients prove who they are.
bool says_auth(const Environment& environment) {
  for (const std::string_view key : {"AUTH_TYPE", "AUTH_FILE", "AUTH_HBA_FILE", "AUTH_USER"}) {
    for (const std::string_view prefix : {kOurs, kTheirs}) {
      if (is_set(environment, std::string(prefix).append(key))) return true;
    }
  }
  return false;
}

// How clients prove who they are when a database is all there is.
void guard(Loader& loader, const Database& database, const Place& place) {
  if (!database.user) return;  // Whoever comes: with what secret, nobody has said.
  if (!database.password) {
    set_without_file(loader, "auth_type", "trust");
    loader.config().secrets[*database.user] = {""};
    loader.warn(place, "the URL has no password, so whoever on this machine names user " +
                           *database.user + " is let in");
    return;
  }
  set_without_file(loader, "auth_type", "scram-sha-256");
  set_without_file(loader, "admin_users", *database.user);
  loader.config().secrets[*database.user] = {*database.password};
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

}  // namespace

void take_settings(Loader& loader, const Environment& environment) {
  each_with(environment, kTheirs, [&](const std::string& name, const auto& variable) {
    if (variable.second.empty() || take_of_image(loader, environment, name, variable)) return;
    take_variable(loader, kTheirs, name, variable);
  });
  each_with(environment, kOurs, [&](const std::string& name, const auto& variable) {
    take_variable(loader, kOurs, name, variable);
  });
}

void take_databases(Loader& loader, const Environment& environment) {
  if (auto parts = take_parts(loader, environment)) add(loader, std::move(*parts));
  const auto* url = first_of(environment, {"PGWEIR_DATABASE_URL", "PGBOUNCER_DATABASE_URL"});
  if (url != nullptr) add(loader, take_url(*url, false));
}

void take_databases_alone(Loader& loader, const Environment& environment) {
  std::vector<Found> all;
  if (auto parts = take_parts(loader, environment)) all.push_back(std::move(*parts));
  const auto* const url =
      first_of(environment, {"PGWEIR_DATABASE_URL", "PGBOUNCER_DATABASE_URL", "DATABASE_URL"});
  if (url != nullptr) all.push_back(take_url(*url, true));
  if (all.empty()) {
    return loader.complain({"no settings", 0}, "name a file, or set DATABASE_URL (see --help)");
  }
  set_without_file(loader, "listen_addr", "127.0.0.1");
  set_without_file(loader, "unix_socket_dir", "");
  set_without_file(loader, "pool_mode", "transaction");
  set_without_file(loader, "max_client_conn", "1000");
  for (Found& found : all) {
    if (found.database) {
      if (found.database->hosts.empty()) found.database->hosts = {kLocalSocketDir};
      if (!says_auth(environment)) guard(loader, *found.database, found.place);
    }
    add(loader, std::move(found));
  }
}

void check_trust(Loader& loader) {
  const Config& config = loader.config();
  const Settings& settings = config.settings;
  const bool assumed = config.source("auth_type") == kSourceWithoutFile;
  const bool near =
      std::all_of(settings.listen_addr.begin(), settings.listen_addr.end(), is_loopback);
  if (!assumed || settings.auth_type != AuthType::trust || near) return;
  loader.complain({std::string(config.source("listen_addr")), 0},
                  "the database's URL has no password, so whoever could come in from there would "
                  "be trusted: give it one, or set PGWEIR_AUTH_TYPE");
}

}  // namespace weir::proxy::config
