#include "tests/sim/auditor.h"

#include <algorithm>
#include <set>

#include "tests/sim/glass.h"

namespace weir::sim {

using pool::ClientState;
using pool::ServerState;
using proxy::WorkerGlass;

namespace {

constexpr Instant kAgreeMax = 25 * kMillisecond;

std::string name_of(const proxy::Server& server) {
  return "server " + std::to_string(server.id) + " (P" + std::to_string(server.pid) + ", " +
         std::string{pool::kServerStateNames[static_cast<std::size_t>(server.state)]} + ")";
}

void raise(std::size_t& limit, std::size_t to, bool zero_is_none) {
  if (zero_is_none && (to == 0 || limit == SIZE_MAX)) {
    limit = SIZE_MAX;
  } else {
    limit = std::max(limit, to);
  }
}

}  // namespace

void Auditor::allow(const Limits& limits) {
  raise(allowed_.pool_size, limits.pool_size, false);
  raise(allowed_.reserve, limits.reserve, false);
  raise(allowed_.database_max, limits.database_max, true);
  raise(allowed_.user_max, limits.user_max, true);
  raise(allowed_.all_max, limits.all_max, true);
}

void Auditor::after_turn() {
  for (std::size_t i = 0; i < stage_.town.workers(); ++i) {
    for (const auto& [id, server] : WorkerGlass::servers(worker(i))) check_server(*server);
    for (const auto& client : WorkerGlass::clients(worker(i))) {
      if (client) check_client(*client);
    }
  }
  check_limits();
}

void Auditor::check_server(const proxy::Server& server) {
  if (server.state == ServerState::linked) {
    if (server.client == nullptr || server.client->server != &server) {
      complain(name_of(server) + " is linked one-sidedly");
    } else if (is_kept(server)) {
      complain(name_of(server) + " is kept by a client that has nothing begun");
    }
    return;
  }
  if (server.client != nullptr) complain(name_of(server) + " has a client");
  if (server.state != ServerState::idle) return;
  if (!server.ledger.settled() || server.status != 'I') {
    complain(name_of(server) + " idles with something owed or a transaction open");
  }
  const Backend* const backend = postgres_.find(server.pid);
  if (backend == nullptr || backend->phase != Backend::Phase::live) return;
  if (!backend->at_rest()) complain(name_of(server) + " idles, but its backend is not at rest");
}

bool Auditor::is_kept(const proxy::Server& server) const {
  if (server.share().settings().mode == pool::PoolMode::session) return false;
  const auto& client = static_cast<const proxy::Client&>(*server.client);
  return server.clean() && client.between_messages() && !client.waits_for_settings &&
         !server.release_put_off;
}

void Auditor::check_client(const proxy::Client& client) {
  const bool linked = client.state == ClientState::linked;
  if (linked != (client.server != nullptr)) {
    complain("client " + std::to_string(client.id) + " is half linked");
  }
  if (client.state != ClientState::welcoming && client.state != ClientState::parked) return;
  const proxy::Share& share = *client.share();
  if (share.id.user != share.database->user.value_or(client.user())) {
    complain("client " + client.name() + " waits for a server of " + share.id.user);
  }
}

void Auditor::check_limits() {
  std::map<std::pair<std::string, std::string>, std::size_t> of_pool;
  std::map<std::string, std::size_t> of_database, of_user;
  std::size_t of_all = 0;
  for (const auto& [pid, backend] : postgres_.backends()) {
    if (!backend->alive()) continue;
    const auto& [database, user] = std::tie(backend->database, backend->user);
    const std::size_t pool_max = allowed_.pool_size + allowed_.reserve;
    if (++of_pool[{database, user}] > pool_max) complain("pool_size is exceeded");
    if (++of_database[database] > allowed_.database_max) complain("max_db_connections is exceeded");
    if (++of_user[user] > allowed_.user_max) complain("max_user_connections is exceeded");
    if (++of_all > allowed_.all_max) complain("max_server_connections is exceeded");
  }
}

void Auditor::when_quiet() {
  std::set<proxy::PoolId> pools;
  for (std::size_t i = 0; i < stage_.town.workers(); ++i) {
    for (const auto& [id, share] : WorkerGlass::shares(worker(i))) pools.insert(id);
  }
  for (const auto& id : pools) check_waiting(id);
  for (std::size_t i = 0; i < stage_.town.workers(); ++i) {
    for (const auto& client : WorkerGlass::clients(worker(i))) {
      if (client) check_timeouts(*client);
    }
  }
  check_remembered(pools);
}

// Nobody outlives a timeout. Before a Sync an idle client may have twice the time.
void Auditor::check_timeouts(const proxy::Client& client) {
  const auto outlives = [&](const char* timeout, Instant since) {
    const auto found = stage_.excuses.timeouts.find(timeout);
    if (found == stage_.excuses.timeouts.end() || stage_.now() <= since + found->second) return;
    complain("client " + client.name() + " outlives its " + timeout);
  };
  const Instant turned = std::max(client.asked_at, client.answered_at);
  if (client.state == ClientState::parked) outlives("query_timeout", client.parked_since);
  if (client.state == ClientState::ready) outlives("client_idle_timeout", turned);
  const bool rests =
      client.state == ClientState::ready && !client.stream.sends() && !client.reads_past();
  const bool looked_at = client.armed() && client.at <= stage_.now() + kSecond;
  if (rests && stage_.now() > client.life_end && !looked_at) {
    complain("client " + client.name() + " outlives its client_lifetime");
  }
  if (client.state != ClientState::linked) return;
  const proxy::Server& server = *client.linked();
  const bool begun = server.status != 'I' || !server.ledger.settled();
  if (begun) outlives("transaction timeout", client.began_at);
  if (server.ledger.owed() > 0) outlives("query timeout", turned);
  const Instant cancel_due = after(turned, stage_.excuses.query_cancel);
  if (server.ledger.owed() > 0 && !client.overdue && stage_.now() > cancel_due) {
    complain("client " + client.name() + " has an overdue query that is not cancelled");
  }
  const bool pauses = server.status != 'I' && server.ledger.settled() && !client.waits_for_ledger;
  if (pauses) outlives("idle transaction timeout", turned);
}

// What the workers share is there for as long as somebody has a use for it, and no longer.
void Auditor::check_remembered(const std::set<proxy::PoolId>& pools) {
  std::set<std::string> databases, users;
  for (const auto& id : pools) databases.insert(id.database), users.insert(id.user);
  for (std::size_t i = 0; i < stage_.town.workers(); ++i) {
    for (const auto& client : WorkerGlass::clients(worker(i))) {
      if (!client || client->counted_database == nullptr) continue;
      databases.insert(client->counted_database->name);
      users.insert(client->counted_user->name);
    }
    for (const auto& [id, share] : WorkerGlass::shares(worker(i))) {
      if (!share->empty() || share->idle_timeout == kNever || share->below_minimum()) continue;
      const Instant due = share->empty_since + share->idle_timeout;
      const bool looked_at = share->armed() && share->at <= stage_.now() + proxy::kMinimumPause;
      if (stage_.now() > due && !looked_at) complain(id.database + "/" + id.user + " is kept");
    }
  }
  const proxy::Commons::Remembered known{pools.size(), databases.size(), users.size()};
  if (!(stage_.town.commons().remembered() == known)) complain("what nobody uses is remembered");
}

void Auditor::check_waiting(const proxy::PoolId& id) {
  std::size_t waiting = 0, idle = 0, coming = 0, living = 0, logins = 0;
  bool must_wait = false, reserve_open = false;
  std::string who;
  pool::SharedPool* known = nullptr;
  for (std::size_t i = 0; i < stage_.town.workers(); ++i) {
    const auto& shares = WorkerGlass::shares(worker(i));
    const auto found = shares.find(id);
    if (found == shares.end()) continue;
    proxy::Share& share = *found->second;
    if (known == nullptr) known = &share.shared();
    if (known != &share.shared()) return complain("two workers' shares of two pools of one name");
    waiting += share.waiting();
    idle += share.idle().size();
    coming += share.coming();
    for (const auto state : {ServerState::dialing, ServerState::logging_in}) {
      logins += share.servers.at(state).size();
    }
    const Instant dial_at = std::max(share.retry_at(), share.dial_at());
    if (share.waiting() > 0 && dial_at > stage_.now()) must_wait = true;
    const pool::Limit& limit = share.shared().limit;
    if (share.reserve_at() <= stage_.now()) {
      reserve_open |= limit.taken() < limit.max() + limit.reserve();
    }
    who += "; worker " + std::to_string(i) + ": " + std::to_string(share.waiting()) + " wait, " +
           std::to_string(share.idle().size()) + " idle, " + std::to_string(share.coming()) +
           " coming";
    for (const auto& [number, server] : WorkerGlass::servers(worker(i))) {
      if (&server->share() == &share) ++living;
    }
  }
  const std::string name = id.database + "/" + id.user;
  pool::SharedPool& shared = *known;
  if (static_cast<std::size_t>(shared.limit.taken()) != living) {
    complain(name + ": " + std::to_string(shared.limit.taken()) + " servers are counted, " +
             std::to_string(living) + " live");
  }
  const std::int64_t dials = shared.dials.taken();
  if (dials != static_cast<std::int64_t>(logins) || dials > shared.dials.max()) {
    complain(name + ": server_connect_parallel is not kept");
  }
  const auto open = [](const pool::Limit& limit) {
    return limit.max() == 0 || limit.taken() < limit.max();
  };
  const auto limits = shared.quota.shared();
  const bool room = (open(shared.limit) || reserve_open) &&
                    std::all_of(limits.begin(), limits.end(),
                                [&](const pool::Limit* limit) { return open(*limit); });
  const bool for_nothing = waiting > 0 && idle > 0;
  const bool forgotten = waiting > 0 && room && coming == 0 && !must_wait;
  complain_if_lasting(for_nothing, id, name + ": a client waits while a server idles" + who);
  complain_if_lasting(forgotten, id, name + ": a client waits and nobody dials" + who);
}

// Two workers may take a moment to agree (kHandoverSlack, kMakeRoomPause).
void Auditor::complain_if_lasting(bool wrong, const proxy::PoolId& id, const std::string& what) {
  const auto key = std::make_pair(id, what.substr(0, what.find(';')));
  if (!wrong) {
    wrong_since_.erase(key);
    return;
  }
  const auto [at, fresh] = wrong_since_.try_emplace(key, stage_.now());
  if (stage_.now() > at->second + kAgreeMax) complain(what);
}

void Auditor::at_the_end() {
  for (std::size_t i = 0; i < stage_.town.workers(); ++i) {
    for (const auto& client : WorkerGlass::clients(worker(i))) {
      if (client) complain("client " + std::to_string(client->id) + " was never buried");
    }
    if (!WorkerGlass::cancels(worker(i)).empty()) complain("a cancel call was never buried");
    for (const auto& [id, share] : WorkerGlass::shares(worker(i))) {
      std::size_t here = 0;  // A minimum may just be filled anew.
      for (const auto state : {ServerState::dialing, ServerState::logging_in,
                               ServerState::resetting, ServerState::testing}) {
        here += share->servers.at(state).size();
      }
      if (share->coming() != here) complain("servers are still expected that nobody sends");
      for (const pool::Limit* limit : share->shared().quota.shared()) {
        if (limit->starving() != 0) complain("a pool still starves");
      }
    }
  }
  if (stage_.town.commons().clients.load() != 0) complain("clients are still counted");
}

}  // namespace weir::sim
