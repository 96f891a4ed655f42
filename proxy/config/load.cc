#include "proxy/config/load.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

#include "proxy/config/assign.h"
#include "proxy/config/connstring.h"
#include "proxy/config/entries.h"
#include "proxy/config/ini.h"
#include "proxy/config/keys.h"
#include "proxy/config/userlist.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {
namespace {

// libpq's on Debian, for a DATABASE_URL without a host: there is no unix_socket_dir then.
constexpr const char* kLocalSocketDir = "/var/run/postgresql";

constexpr auto kSections =
    std::to_array<std::string_view>({"pgweir", "pgbouncer", "databases", "users", "peers"});

// Builds one Config, sentence by sentence. `warned_` holds what has been warned of once already.
class Loader {
 public:
  Loader() {
    for (const Key& key : keys()) {
      const bool shown = (key.scopes & kGlobal) != 0 && key.fallback != nullptr;
      config_.texts.push_back(shown ? std::optional<std::string>(key.fallback) : std::nullopt);
    }
    config_.places.resize(keys().size());
  }

  Result<Config> finish() { return std::move(config_); }

  tl::expected<void, Fault> take(const Ini& ini, const std::string& name) {
    if (auto sections = check_sections(ini, name); !sections) return sections;
    for (const IniEntry& entry : ini.entries) {
      if (auto taken = take_entry(entry); !taken) return fail_at(entry.place, taken.error());
    }
    if (auto doors = check_doors(); !doors) return doors;
    if (auto hosts = check_hosts(config_); !hosts) return hosts;
    return read_secrets();
  }

  // Outside a file: `text` is our own and right.
  void set(std::string_view name, std::string_view text) {
    const Key& key = *find_key(name, kGlobal);
    if (assign(config_.settings, key, text)) remember(key, text);
  }

  Config& config() { return config_; }

 private:
  static tl::expected<void, Fault> check_sections(const Ini& ini, const std::string& name) {
    bool main = false;
    for (const IniSection& section : ini.sections) {
      if (std::find(kSections.begin(), kSections.end(), section.name) == kSections.end()) {
        return fail_at(section.place, "unknown section " + quoted(section.name) +
                                          "; there are pgweir, databases, users and peers");
      }
      main |= section.name == "pgweir" || section.name == "pgbouncer";
    }
    if (!main) return fail_at({name, 0}, "the section [pgweir] (or [pgbouncer]) is missing");
    return {};
  }

  Said<void> take_entry(const IniEntry& entry) {
    if (entry.section == "databases") return take_database(entry);
    if (entry.section == "users") return take_user(entry);
    if (entry.section == "peers") {
      warn_once(entry.place, "[peers]", "[peers] is not built yet and has no effect");
      return check_peer(entry.name, entry.value);
    }
    return take_setting(entry);
  }

  Said<void> take_setting(const IniEntry& entry) {
    const Key* key = find_key(entry.name, kGlobal);
    if (key == nullptr) return no(unknown_setting(entry.name, kGlobal));
    if (auto assigned = assign(config_.settings, *key, entry.value); !assigned) return assigned;
    remember(*key, entry.value);
    config_.places[row_of(*key)] = placed(entry.place);
    if (!key->built) warn_unbuilt(entry.place, *key);
    if (key->name == "auth_file") auth_file_at_ = entry.place;
    return {};
  }

  // The last line of a name replaces the ones before it whole.
  Said<void> take_database(const IniEntry& entry) {
    Remarks remarks;
    auto database = read_database(entry.name, entry.value, remarks);
    if (!database) return no(of_entry(entry.name, database.error()));
    pass_on(entry.place, remarks);
    database->place = placed(entry.place);
    config_.databases.insert_or_assign(entry.name, std::move(*database));
    return {};
  }

  Said<void> take_user(const IniEntry& entry) {
    Remarks remarks;
    auto user = read_user(entry.name, entry.value, remarks);
    if (!user) return no(of_entry(entry.name, user.error()));
    pass_on(entry.place, remarks);
    config_.users.insert_or_assign(entry.name, std::move(*user));
    return {};
  }

  static std::string of_entry(const std::string& name, const std::string& sentence) {
    return sentence + " (in the line of " + quoted(name) + ")";
  }

  tl::expected<void, Fault> read_secrets() {
    const std::string& path = config_.settings.auth_file;
    if (path.empty()) return {};
    auto secrets = read_userlist(path, auth_file_at_);
    if (!secrets) return tl::unexpected(secrets.error());
    if (const std::string warning = too_open(path); !warning.empty()) {
      config_.warnings.push_back(placed(auth_file_at_, warning));
    }
    config_.secrets = std::move(*secrets);
    return {};
  }

  // The unix socket has a default, so a file without any door has closed that one.
  tl::expected<void, Fault> check_doors() const {
    const Settings& settings = config_.settings;
    if (!settings.listen_addr.empty() || !settings.unix_socket_dir.empty()) return {};
    return fail("F0000", config_.said_at("unix_socket_dir") +
                             "it is empty, and so is listen_addr: no client could come in");
  }

  static std::size_t row_of(const Key& key) {
    return static_cast<std::size_t>(&key - keys().data());
  }

  void remember(const Key& key, std::string_view text) { config_.texts[row_of(key)] = text; }

  void pass_on(const Place& place, const Remarks& remarks) {
    for (const Key* key : remarks.unbuilt) warn_unbuilt(place, *key);
    for (const std::string& warning : remarks.warnings) {
      config_.warnings.push_back(placed(place, warning));
    }
  }

  void warn_unbuilt(const Place& place, const Key& key) {
    warn_once(place, key.name, quoted(key.name) + " is not built yet and has no effect");
  }

  void warn_once(const Place& place, std::string_view about, const std::string& sentence) {
    if (warned_.emplace(about).second) config_.warnings.push_back(placed(place, sentence));
  }

  Config config_;
  Place auth_file_at_;
  std::set<std::string, std::less<>> warned_;
};

Result<Config> build(const Result<Ini>& ini, const std::string& name) {
  if (!ini) return tl::unexpected(ini.error());
  Loader loader;
  if (auto taken = loader.take(*ini, name); !taken) return tl::unexpected(taken.error());
  return loader.finish();
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

// How clients prove who they are when the URL is all there is.
// REQUIRES: the database has a user.
void guard(Loader& loader, const Database& database, const Place& place) {
  if (!database.password) {
    loader.set("auth_type", "trust");
    loader.config().secrets.emplace(*database.user, "");
    loader.config().warnings.push_back(
        placed(place, "the URL has no password, so whoever on this machine names user " +
                          *database.user + " is let in"));
    return;
  }
  loader.set("auth_type", "scram-sha-256");
  loader.set("admin_users", *database.user);
  loader.config().secrets.emplace(*database.user, *database.password);
}

}  // namespace

Result<void> check_hosts(const Config& config) {
  if (!config.settings.unix_socket_dir.empty()) return {};
  for (const auto& [name, database] : config.databases) {
    if (!database.hosts.empty()) continue;
    return fail("F0000", database.place + ": database " + quoted(name) +
                             " has no host, and unix_socket_dir is empty: give it host=, or set " +
                             "unix_socket_dir");
  }
  return {};
}

Result<Config> load(const std::string& path) { return build(read_ini(path), path); }

Result<Config> load_text(const std::string& name, std::string_view text) {
  return build(parse_ini(name, text), name);
}

Result<Config> from_environment(std::string_view database_url) {
  const Place place{"DATABASE_URL", 0};
  const std::string_view url = trim(database_url);
  if (!is_uri(url)) return fail_at(place, "it does not begin with postgresql:// or postgres://");
  Remarks remarks;
  // The name is known only once the URL has been read; until then the fallback's stands in.
  auto database = read_database("*", url, remarks);
  if (!database) return fail_at(place, database.error());
  if (auto named = name_user(*database); !named) return fail_at(place, named.error());
  const auto& name = database->dbname ? database->dbname : database->user;
  if (is_console(*name)) return fail_at(place, "the name " + quoted(*name) + " is the console's");
  if (name->size() > kDatabaseNameMax) return fail_at(place, "the database's name is too long");
  database->name = *name;
  database->dbname = database->name;
  if (database->hosts.empty()) database->hosts = {kLocalSocketDir};

  Loader loader;
  loader.set("listen_addr", "127.0.0.1");
  loader.set("unix_socket_dir", "");
  loader.set("pool_mode", "transaction");
  loader.set("max_client_conn", "1000");
  guard(loader, *database, place);
  for (const std::string& warning : remarks.warnings) {
    loader.config().warnings.push_back(placed(place, warning));
  }
  loader.config().databases.emplace(database->name, std::move(*database));
  return loader.finish();
}

}  // namespace weir::proxy::config
