#include "proxy/doctor/plan.h"

#include <algorithm>
#include <utility>

#include "protocol/crypto.h"

namespace weir::proxy::doctor {

namespace {

using config::Config;
using config::Database;
using protocol::SecretKind;

constexpr const char* kAnyDatabase = "postgres";  // Every PostgreSQL has it.

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a client of this entry would ask for.
std::string requested_by_client(const Database& database) {
  return database.is_fallback() ? kAnyDatabase : database.name;
}

std::string source_of(const Database& database) {
  if (!database.password_command.empty()) return "password_command";
  if (!database.password_file.empty()) return "password_file";
  return "password= at " +
         (database.place.empty() ? "the line of " + database.name : database.place);
}

SecretKind best_kind(const std::vector<std::string>& secrets) {
  SecretKind best = SecretKind::none;
  for (const std::string& secret : secrets) {
    const SecretKind kind = protocol::secret_kind(secret);
    if (kind == SecretKind::plain) return kind;
    if (best == SecretKind::none) best = kind;
  }
  return best;
}

// The secrets that a server connection logs in with, as the pool of this user finds them.
void give_secrets(Errand& errand, const Config& config) {
  const Database& of = *errand.target;
  Visit& visit = errand.visit;
  if (visit.forced && visit.asks_auth_query.empty()) {
    errand.command = of.password_command;
    if (of.password) errand.secrets.push_back(*of.password);
    if (of.password_alternate) errand.secrets.push_back(*of.password_alternate);
  }
  const bool own = !errand.secrets.empty() || !errand.command.empty();
  if (own) {
    visit.source = source_of(of);
  } else if (const auto* secrets = config.find_secrets(visit.user)) {
    errand.secrets = *secrets;
    visit.source = "auth_file";
  } else if (!visit.asks_auth_query.empty() && of.user == visit.user && of.password) {
    errand.secrets.push_back(*of.password);
    visit.source = source_of(of);
  }
  std::erase(errand.secrets, std::string{});
  visit.kind = errand.command.empty() ? best_kind(errand.secrets) : SecretKind::plain;
  for (const std::string& secret : errand.secrets) {
    if (protocol::secret_kind(secret) != SecretKind::scram) continue;
    if (const auto parsed = protocol::ScramSecret::parse(secret)) {
      visit.bases.push_back(parsed->basis());
    }
  }
}

std::vector<std::string> hosts_of(const Config& config, const Database& database) {
  if (!database.hosts.empty()) return database.hosts;
  return {config.settings.unix_socket_dir};
}

class Planner {
 public:
  explicit Planner(const Config& config) : config_(config) {}

  Plan make() {
    for (const auto& [name, database] : config_.databases) {
      plan_entry(database);
      if (!config_.auth_user(database).empty()) plan_inquiry(database);
    }
    return std::move(plan_);
  }

 private:
  void remark(const Database& database, const char* code, std::string sentence) {
    plan_.remarks.push_back({Level::ok, code, database.name, std::move(sentence)});
  }

  void plan_entry(const Database& database) {
    if (database.is_fallback() && !database.dbname) {
      remark(database, "fallback_entry",
             "this entry serves any name, and which clients will ask for is not known: it is "
             "tried with the database postgres");
    }
    auto users = known_users(config_, database);
    if (users.empty()) {
      const bool asked = !config_.auth_user(database).empty();
      remark(database, "login_not_tried",
             asked
                 ? "clients come as users whom only auth_query knows: no login of theirs was tried"
                 : "no user is known to log in with: neither user= in its line, nor auth_file, "
                   "nor auth_user names one");
      users.emplace_back();
    }
    if (users.size() > kUsersTriedMax) {
      remark(database, "users_not_tried",
             std::to_string(users.size() - kUsersTriedMax) + " of the " +
                 std::to_string(users.size()) + " users in auth_file were not tried");
      users.resize(kUsersTriedMax);
    }
    const auto hosts = hosts_of(config_, database);
    for (const std::string& user : users) add(database, hosts.front(), user);
    for (std::size_t i = 1; i < hosts.size(); ++i) add(database, hosts[i], users.front());
  }

  void add(const Database& database, const std::string& host, const std::string& user) {
    Errand errand;
    errand.target = &database;
    Visit& visit = errand.visit;
    visit.entry = database.name;
    visit.host = host;
    visit.port = database.port;
    visit.user = user;
    visit.forced = database.user == user;
    visit.dbname = database.server_dbname(requested_by_client(database));
    if (!user.empty()) give_secrets(errand, config_);
    plan_.errands.push_back(std::move(errand));
  }

  void plan_inquiry(const Database& database) {
    const std::string& named = config_.auth_dbname(database);
    const std::string asked = named.empty() ? requested_by_client(database) : named;
    const Database* const target = config_.find_database(asked);
    if (target == nullptr) return;  // A complaint of the configuration.
    Errand errand;
    errand.target = target;
    Visit& visit = errand.visit;
    visit.entry = target->name;
    visit.host = hosts_of(config_, *target).front();
    visit.port = target->port;
    visit.dbname = target->server_dbname(asked);
    visit.user = config_.auth_user(database);
    visit.asks_auth_query = config_.auth_query(database);
    if (is_planned(visit)) return;
    give_secrets(errand, config_);
    plan_.errands.push_back(std::move(errand));
  }

  // Entries that ask the same of the same are told of it once.
  bool is_planned(const Visit& visit) const {
    return std::any_of(plan_.errands.begin(), plan_.errands.end(), [&](const Errand& errand) {
      const Visit& other = errand.visit;
      return other.host == visit.host && other.port == visit.port && other.dbname == visit.dbname &&
             other.user == visit.user && other.asks_auth_query == visit.asks_auth_query;
    });
  }

  const Config& config_;
  Plan plan_;
};

}  // namespace

Errand::~Errand() {
  for (std::string& secret : secrets) protocol::wipe(secret);
}

std::vector<std::string> known_users(const Config& config, const Database& database) {
  if (database.user) return {*database.user};
  std::vector<std::string> users;
  std::vector<std::string> of_console;
  const auto& settings = config.settings;
  for (const auto& [user, secrets] : config.secrets) {
    const bool console =
        contains(settings.admin_users, user) || contains(settings.stats_users, user);
    if (user != config.auth_user(database)) (console ? of_console : users).push_back(user);
  }
  const bool asked = !config.auth_user(database).empty();
  return users.empty() && !asked ? of_console : users;
}

Plan make_plan(const Config& config) { return Planner(config).make(); }

}  // namespace weir::proxy::doctor
