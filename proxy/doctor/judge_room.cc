// judge_room.cc: whether the servers have room for all connections that pgweir may open.
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "proxy/doctor/judges.h"
#include "proxy/doctor/plan.h"

namespace weir::proxy::doctor {

namespace {

constexpr std::int64_t kEndless = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kOthersNamedMax = 3;

std::int64_t or_endless(int limit) { return limit == 0 ? kEndless : limit; }

// One server, by whatever names it is reached, and the entries that lead to it.
struct Group {
  const Visit* told = nullptr;                  // A visit that has its numbers.
  std::map<std::string, const Visit*> entries;  // By name, one visit of each.
  std::set<std::string> databases;              // As the server calls them.
};

// What pgweir may open, at the most.
struct Need {
  std::int64_t all = 0;
  std::map<std::string, std::int64_t> by_entry;
  std::map<std::string, std::int64_t> by_user;
  std::int64_t asking = 0;  // Of all, those that ask auth_query: no limit counts them.
  std::string uncounted;    // Words for what may come on top.
};

std::vector<std::string> pool_users(const config::Config& config, const config::Database& entry) {
  auto users = known_users(config, entry);
  if (users.empty()) users.emplace_back();  // Somebody will come.
  return users;
}

// Pools of users or databases whose number nobody knows.
std::string uncounted_in(const config::Config& config, const Group& group) {
  bool users = false;
  bool databases = false;
  for (const auto& [name, visit] : group.entries) {
    const auto& entry = database_of(config, name);
    databases |= entry.is_fallback() && !entry.dbname;
    users |=
        !entry.user && !config.auth_user(entry).empty() && config.max_db_connections(entry) == 0;
  }
  return std::string{users ? ", and more for each user whom only auth_query knows" : ""} +
         (databases ? ", and more for each further database of *" : "");
}

// What asks auth_query: each entry that is asked has a connection for each user and query.
void add_inquiries(Need& need, const config::Config& config, const Group& group) {
  std::set<std::tuple<std::string, std::string, std::string>> all;
  const auto add = [&](const std::string& asked, const std::string& user,
                       const std::string& query) {
    if (!user.empty() && group.entries.contains(asked)) all.emplace(asked, user, query);
  };
  for (const auto& [name, entry] : config.databases) {
    const std::string& named = config.auth_dbname(entry);
    add(named.empty() ? name : named, config.auth_user(entry), config.auth_query(entry));
  }
  // For the console, and for whoever names a database that is not there.
  const auto& settings = config.settings;
  const std::string& last = config.databases.rbegin()->first;
  add(settings.auth_dbname.empty() ? last : settings.auth_dbname, settings.auth_user,
      settings.auth_query);
  for (const auto& [asked, user, query] : all) {
    ++need.asking;
    ++need.by_entry[asked];
    ++need.by_user[user];
  }
  need.all += need.asking;
}

Need need_of(const config::Config& config, const Group& group) {
  Need need;
  need.uncounted = uncounted_in(config, group);
  std::int64_t of_entries = 0;
  std::int64_t of_users = 0;
  std::int64_t without_clients = 0;
  for (const auto& [name, visit] : group.entries) {
    const auto& entry = database_of(config, name);
    std::int64_t pools = 0;
    for (const std::string& user : pool_users(config, entry)) {
      const std::int64_t size =
          or_endless(config.pool_size(entry, user)) + config.reserve_pool_size(entry, user);
      pools += size;
      need.by_user[user] += size;
    }
    if (entry.user) without_clients += config.min_pool_size(entry);
    need.by_entry[name] = std::min(pools, or_endless(config.max_db_connections(entry)));
    of_entries += need.by_entry[name];
  }
  for (auto& [user, size] : need.by_user) {
    size = std::min(size, or_endless(config.max_user_connections(user)));
    of_users += size;
  }
  // A client has one server at the most.
  const std::int64_t of_clients = config.settings.max_client_conn + without_clients;
  const std::int64_t in_all = or_endless(config.settings.max_server_connections);
  need.all = std::min({of_entries, of_users, of_clients, in_all});
  for (auto& [name, size] : need.by_entry) size = std::min(size, need.all);
  for (auto& [name, size] : need.by_user) size = std::min(size, need.all);
  add_inquiries(need, config, group);
  return need;
}

// Connections that pgweir has open now, or will have instead of who has them: from this machine,
// by a user of its pools, to a database of its entries.
bool is_ours(const Activity& activity, const Group& group, const Need& need) {
  const bool user = need.by_user.contains(activity.user) || need.by_user.contains("");
  return activity.from_here.value_or(true) && user && group.databases.contains(activity.database);
}

struct Others {
  std::int64_t count = 0;
  std::string named;  // " (metabase 8, cron 2)"
};

Others others_at(const Group& group, const Need& need) {
  std::map<std::string, std::int64_t> by_name;
  Others others;
  for (const Activity& activity : group.told->server->activity) {
    if (is_ours(activity, group, need)) continue;
    others.count += activity.count;
    by_name[activity.application.empty() ? activity.user : activity.application] += activity.count;
  }
  std::vector<std::pair<std::int64_t, std::string>> most;
  most.reserve(by_name.size());
  for (const auto& [name, count] : by_name) most.emplace_back(count, name);
  std::sort(most.rbegin(), most.rend());
  if (most.size() > kOthersNamedMax) most.resize(kOthersNamedMax);
  for (const auto& [count, name] : most) {
    others.named += (others.named.empty() ? "" : ", ") + name + " " + std::to_string(count);
  }
  return others;
}

std::string parts_of(const Need& need) {
  std::string parts;
  const auto add = [&](const std::string& part) { parts += (parts.empty() ? " (" : ", ") + part; };
  if (need.by_entry.size() > 1) {
    for (const auto& [name, size] : need.by_entry) add(name + " " + std::to_string(size));
  }
  if (need.asking > 0) add(std::to_string(need.asking) + " of them to ask auth_query");
  return parts.empty() ? parts : parts + ")";
}

std::string cure_of(const Group& group, const Need& need, std::int64_t room) {
  const auto entries = static_cast<std::int64_t>(group.entries.size());
  const std::int64_t share = std::max<std::int64_t>(1, (room - need.asking) / entries);
  const std::int64_t wanted = group.told->server->max_connections + need.all - room;
  return "Write max_db_connections = " + std::to_string(share) +
         (entries == 1 ? "" : " for each of them") + ", or smaller pools; or in PostgreSQL " +
         "max_connections = " + std::to_string(wanted) + ", and restart it.";
}

Finding of_server(const Group& group, const Need& need) {
  const ServerFacts& server = *group.told->server;
  const Others others = others_at(group, need);
  const std::int64_t room =
      std::max<std::int64_t>(0, server.max_connections - server.reserved - others.count);
  const bool fits = need.all <= room;
  std::string sentence = group.told->where() + " has room for " + std::to_string(room) +
                         " connections of pgweir (max_connections " +
                         std::to_string(server.max_connections) + ", " +
                         std::to_string(server.reserved) + " reserved, " +
                         std::to_string(others.count) + " held by others now";
  if (!others.named.empty()) sentence += ": " + others.named;
  sentence += "), which may open " + std::to_string(need.all) + parts_of(need) + need.uncounted;
  return {fits ? Level::ok : Level::warning, fits ? "room" : "no_room",
          group.entries.size() == 1 ? group.entries.begin()->first : std::string{},
          std::move(sentence), fits ? "" : cure_of(group, need, room)};
}

Findings of_roles(const Group& group, const Need& need) {
  Findings all;
  for (const NamedLimit& role : group.told->server->roles) {
    const auto found = need.by_user.find(role.name);
    if (found == need.by_user.end() || found->second <= role.connections) continue;
    all.push_back(
        {Level::warning, "role_limit", group.told->entry,
         "the role " + role.name + " may have " + counted(role.connections, "connection") + " at " +
             group.told->where() + ", and pgweir may open " + std::to_string(found->second),
         "In [users] write " + role.name +
             " = max_user_connections=" + std::to_string(role.connections) +
             ", or ALTER ROLE … CONNECTION LIMIT " + std::to_string(found->second) + "."});
  }
  return all;
}

// Entries that lead to one database of the server share its limit.
Findings of_databases(const Group& group, const Need& need) {
  std::map<std::string, std::int64_t> sums;
  std::map<std::string, const Visit*> limited;
  for (const auto& [name, visit] : group.entries) {
    sums[visit->dbname] += need.by_entry.at(name);
    if (visit->server && visit->server->database_limit) limited[visit->dbname] = visit;
  }
  Findings all;
  for (const auto& [dbname, visit] : limited) {
    const int limit = *visit->server->database_limit;
    const std::int64_t wanted = sums[dbname];
    if (wanted <= limit) continue;
    all.push_back({Level::warning, "database_limit", visit->entry,
                   "the database " + dbname + " takes " + counted(limit, "connection") + " at " +
                       visit->where() + ", and pgweir may open " + std::to_string(wanted),
                   "Write max_db_connections = " + std::to_string(limit) +
                       ", or ALTER DATABASE … CONNECTION LIMIT " + std::to_string(wanted) + "."});
  }
  return all;
}

bool has_numbers(const Visit& visit) {
  return visit.server && visit.server->complaint.empty() && !visit.server->pooler_between;
}

// Nobody may be known who could log in to an entry whose neighbour has told all about the server.
std::map<std::string, Group> group_by_server(const std::vector<Visit>& visits) {
  std::map<std::string, std::string> identities;
  for (const Visit& visit : visits) {
    if (has_numbers(visit)) identities.emplace(visit.where(), visit.server->identity);
  }
  std::map<std::string, Group> groups;
  for (const Visit& visit : visits) {
    const auto near = identities.find(visit.where());
    if (near == identities.end()) continue;
    Group& group = groups[has_numbers(visit) ? visit.server->identity : near->second];
    if (group.told == nullptr && has_numbers(visit)) group.told = &visit;
    group.databases.insert(visit.dbname);
    const Visit*& of_entry = group.entries[visit.entry];
    if (of_entry == nullptr || !of_entry->server) of_entry = &visit;
  }
  return groups;
}

}  // namespace

Findings judge_room(const config::Config& config, const std::vector<Visit>& visits) {
  Findings all;
  for (const auto& [identity, group] : group_by_server(visits)) {
    if (group.entries.empty()) continue;
    const Need need = need_of(config, group);
    all.push_back(of_server(group, need));
    for (Finding& finding : of_roles(group, need)) all.push_back(std::move(finding));
    for (Finding& finding : of_databases(group, need)) all.push_back(std::move(finding));
  }
  return all;
}

}  // namespace weir::proxy::doctor
