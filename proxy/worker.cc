#include "proxy/worker.h"

#include <algorithm>

#include "proxy/admin/console.h"
#include "proxy/cancel_call.h"
#include "proxy/inquiry.h"
#include "proxy/password_run.h"
#include "proxy/replication.h"

namespace weir::proxy {

using pool::ClientState;
using pool::ServerState;

Worker::Worker(World& the_world, Commons& the_commons, const config::Config& config,
               std::size_t worker_index)
    : world(the_world),
      commons(the_commons),
      index(worker_index),
      secret_book(the_commons.secret),
      reported_at_(the_world.now()) {
  apply(config);
  open_forced();
  arm_stats();
}

// What still lives goes without a word: the process is ending.
Worker::~Worker() {
  deadlines.disarm(stats_due_);
  deadlines.disarm(shakes_due_);
  deadlines.disarm(names_due_);
  for (auto& [call, owned] : cancels_) {
    deadlines.disarm(*call);
    call->stream.close();
  }
  for (auto& [database, inquiry] : inquiries_) inquiry->close();
  for (auto& place : places_) {
    if (place) place->stream.set_feeder(nullptr);
  }
  replications_.clear();
  for (auto& place : places_) {
    if (!place) continue;
    if (place->server != nullptr) unlink(*place, *place->linked());
    deadlines.disarm(*place);
    place->stream.close();
    (place->pool != nullptr ? place->pool->clients : lobby_).leave(*place);
    place->settings = place->startup = place->extras = place->based_on = {};
  }
  for (auto& [id, server] : servers_) {
    deadlines.disarm(*server);
    server->stream.close();
    server->share().servers.leave(*server);
    server->settings = server->own_settings = server->extras = {};
  }
  for (auto& [id, of] : shares_) deadlines.disarm(*of);
}

// --- The turn.

void Worker::settle() {
  do {
    for (std::size_t i = 0; i < ready_.size(); ++i) {
      Client* const client = ready_[i];
      if (client == nullptr) continue;  // It has gone meanwhile.
      client->queued_to_go_on = false;
      client->go_on();
      if (Server* const server = client->linked()) start_wanted_cancel(*server);
    }
    ready_.clear();
    flush_touched();
  } while (!ready_.empty() || !idle());
}

void Worker::end_turn() {
  dead_clients_.clear();
  dead_servers_.clear();
  dead_shares_.clear();
  dead_cancels_.clear();
  dead_password_runs_.clear();
  dead_inquiries_.clear();
  dead_replications_.clear();
  const Instant shake_at = shakes_.end_turn(world.now(), [this] {
    std::uint64_t answered = 0;
    for (const WorkerStats& each : commons.stats) answered += each.queries;
    return answered;
  });
  if (shake_at != kNever) deadlines.arm(shakes_due_, shake_at);
}

void Worker::on_time() {
  while (pool::Deadline* due = deadlines.pop_due(world.now())) {
    switch (due->kind) {
      case pool::Deadline::Kind::client:
        on_deadline(static_cast<Client&>(*due));
        break;
      case pool::Deadline::Kind::server:
        on_deadline(static_cast<Server&>(*due));
        break;
      case pool::Deadline::Kind::pool:
        on_deadline(static_cast<Share&>(*due));
        break;
      case pool::Deadline::Kind::cancel:
        on_deadline(static_cast<CancelCall&>(*due));
        break;
      case pool::Deadline::Kind::inquiry:
        static_cast<Inquiry&>(*due).on_deadline();
        break;
      case pool::Deadline::Kind::handshakes:
        if (Stream* const next = shakes_.next(world.now())) next->shake();
        break;
      case pool::Deadline::Kind::names:
        look_at_names();
        break;
      case pool::Deadline::Kind::replication:
        static_cast<Replication&>(*due).on_deadline();
        break;
      case pool::Deadline::Kind::worker:
        log_stats();
        break;
    }
  }
  settle();
}

// The cancel may still hit: whatever its server does next must not be another client's.
void Worker::on_deadline(CancelCall& call) {
  const auto server = servers_.find(call.server_id());
  if (server != servers_.end()) server->second->close_needed = true;
  cancel_over(call);
}

void Worker::deliver(Mail mail) {
  std::visit([this](auto& letter) { take(letter); }, mail.letter);
  settle();
}

// --- Mail.

void Worker::take(Accepted& letter) {
  if (free_places_.empty()) {
    WEIR_CHECK(places_.size() < kPlacesMax);
    free_places_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  places_[place] = std::make_unique<Client>(*this, commons.next_id(), place, letter.peer);
  Client& client = *places_[place];
  lobby_.enter(client);
  arm(client);
  client.adopt(letter.socket, letter.peer_uid);
  limit_unproved();
  client.stream.look();
}

void Worker::take(Nudge&) {
  check_finished();
  for (auto& [id, of] : shares_) {
    if (of->waiting() > 0) grow(*of);
  }
}

void Worker::take(Evict& letter) { evict(letter.limit); }

void Worker::take(Welcomed& letter) {
  Share* const of = find_share(letter.pool);
  if (of == nullptr) return;
  auto told = of->entry.parameters();
  if (told.empty()) return;  // The pool has been forgotten since.
  of->welcome.learn(std::move(told));
  of->welcome_known = true;
  greet_waiting(*of);
}

void Worker::take(Cancel& letter) { cancel(letter.pid, letter.key); }

void Worker::take(Reload& letter) {
  apply(*letter.config);
  open_forced();
  arm_stats();
  for (auto& [id, of] : shares_) {
    if (!of->configure(*config_, commons)) stop_serving(*of);
    arm_forgetting(*of);
  }
  for (auto& [id, of] : shares_) {
    if (of->database != nullptr) resettle(*of);
  }
  for (auto& [id, of] : shares_) {
    if (of->database != nullptr) renew(*of);
  }
  for (auto& [id, of] : shares_) end_sessions(*of);
  for (const auto state : {ClientState::greeting, ClientState::proving}) rearm(lobby_.at(state));
  commons.office.reload_applied(index, config_);
}

// Its database may have another user now. Who has a server keeps it: want_server() sees to the
// next one.
void Worker::resettle(Share& of) {
  for (const auto state : {ClientState::welcoming, ClientState::parked, ClientState::ready}) {
    of.clients.at(state).each(
        [this](pool::ClientSlot& slot) { go_home(static_cast<Client&>(slot)); });
  }
}

void Worker::renew(Share& of) {
  of.idle().each([&](pool::ServerSlot& slot) {
    Server& server = static_cast<Server&>(slot);
    if (const auto why = reason_to_close(server); !why.empty()) return dismiss(server, why);
    arm_idle(server);
  });
  std::vector<Server*> outdated;
  of.servers.at(ServerState::logging_in).each([&](pool::ServerSlot& slot) {
    Server& server = static_cast<Server&>(slot);
    if (server.waits_for_password() && server.generation != of.generation) {
      outdated.push_back(&server);
    }
  });
  for (Server* const server : outdated) login_outdated(*server);
  rearm(of.clients.at(ClientState::welcoming));
  for (const auto state : {ClientState::parked, ClientState::ready, ClientState::linked}) {
    of.clients.at(state).each(
        [this](pool::ClientSlot& slot) { renew_timeouts(static_cast<Client&>(slot)); });
  }
  of.line_up();
  match(of);
  grow(of);
}

void Worker::apply(const config::Config& config) {
  config_ = &config;
  secret_book.open(config);
  for (auto& [database, inquiry] : inquiries_) inquiry->reload();
}

// A database with a forced user has one pool: min_pool_size fills it before its first client.
void Worker::open_forced() {
  if (index != 0) return;
  for (const auto& [name, database] : config_->databases) {
    if (database.is_fallback() || !database.user || config_->min_pool_size(database) == 0) continue;
    const PoolId id{name, *database.user};
    if (commons.has_room(id)) deadlines.arm_no_later(share(id), world.now());
  }
}

// Its database is gone from the configuration.
void Worker::stop_serving(Share& of) {
  of.database = nullptr;
  of.config = nullptr;
  of.generation = 0;
  of.idle_timeout = 0;
  dismiss_unused(of, kConfigurationChanged);
  for (const auto state : {ClientState::welcoming, ClientState::parked, ClientState::ready}) {
    while (pool::ClientSlot* slot = of.clients.at(state).front()) {
      static_cast<Client&>(*slot).refuse(
          {"3D000", "no such database: " + of.id.database, "It is gone from the configuration."});
    }
  }
}

// Servers that serve nobody: idle, or still on their way in.
void Worker::dismiss_unused(Share& of, std::string_view why) {
  for (const auto state : {ServerState::dialing, ServerState::logging_in, ServerState::idle}) {
    while (pool::ServerSlot* slot = of.servers.at(state).front()) {
      dismiss(static_cast<Server&>(*slot), why);
    }
  }
}

// --- The console.

std::vector<PoolCounts> Worker::count_pools() {
  std::vector<PoolCounts> rows;
  rows.reserve(shares_.size());
  const auto size = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  for (const auto& [id, of] : shares_) {
    PoolCounts row;
    row.id = id;
    row.cl_active = size(of->clients.at(ClientState::ready).size() +
                         of->clients.at(ClientState::linked).size());
    row.cl_waiting = size(of->clients.at(ClientState::parked).size() +
                          of->clients.at(ClientState::welcoming).size());
    row.sv_active = size(of->servers.at(ServerState::linked).size());
    row.sv_being_canceled = size(of->servers.at(ServerState::resting).size());
    row.sv_idle = size(of->idle().size());
    row.sv_tested = size(of->servers.at(ServerState::testing).size() +
                         of->servers.at(ServerState::resetting).size());
    row.sv_login = size(of->servers.at(ServerState::dialing).size() +
                        of->servers.at(ServerState::logging_in).size());
    for (const auto state : {ClientState::welcoming, ClientState::parked}) {
      if (const auto* oldest = of->clients.at(state).front()) {
        row.max_wait = std::max(row.max_wait, world.now() - oldest->parked_since);
      }
    }
    row.mode = of->settings().mode;
    row.many_hosts = of->database != nullptr && of->database->hosts.size() > 1;
    row.load_balance = of->database != nullptr && of->database->load_balance;
    rows.push_back(std::move(row));
  }
  for (const auto& [call, owned] : cancels_) {
    const auto server = servers_.find(call->server_id());
    if (server == servers_.end()) continue;
    for (auto& row : rows) {
      if (row.id == server->second->share().id) ++row.sv_active_cancel, ++row.cl_active_cancel_req;
    }
  }
  return rows;
}

void Worker::take(CountsWanted& letter) {
  const std::size_t consoles = lobby_.at(ClientState::console).size();
  world.post(letter.worker, {Counts{letter.client, count_pools(), consoles}});
}

void Worker::take(Counts& letter) {
  if (Client* client = find_console(letter.client)) {
    client->console()->on_counts(std::move(letter.pools), letter.consoles);
  }
}

void Worker::take(ReloadDone& letter) {
  if (Client* client = find_console(letter.client)) {
    client->console()->on_reloaded(letter.complaint, letter.notices);
  }
}

Client* Worker::find_console(std::uint64_t id) {
  Client* found = nullptr;
  lobby_.at(ClientState::console).each([&](pool::ClientSlot& slot) {
    if (static_cast<Client&>(slot).id == id) found = static_cast<Client*>(&slot);
  });
  return found;
}

// --- Words.

void Worker::log(Level level, const Client& client, std::string_view text) {
  if (!commons.log.wants(level)) return;
  commons.log.line(
      level, "C-" + std::to_string(client.id) + " " + client.name() + " " + std::string{text});
}

void Worker::log(Level level, const Server& server, std::string_view text) {
  if (!commons.log.wants(level)) return;
  const PoolId& id = server.share().id;
  commons.log.line(level, "S-" + std::to_string(server.id) + " " + id.database + "/" + id.user +
                              "@" + server.target.host + ":" + std::to_string(server.target.port) +
                              " " + std::string{text});
}

void Worker::arm_stats() {
  if (index == 0) deadlines.arm(stats_due_, reported_at_ + config_->settings.stats_period_us);
}

void Worker::log_stats() {
  const auto span =
      static_cast<std::uint64_t>(world.now() - std::exchange(reported_at_, world.now()));
  arm_stats();
  const Totals before = std::exchange(reported_, commons.totals());
  if (!config_->settings.log_stats || span == 0) return;
  const auto a_second = [&](std::uint64_t Totals::*of) {
    return std::to_string((reported_.*of - before.*of) * kSecond / span);
  };
  const auto links = std::max<std::uint64_t>(1, reported_.links - before.links);
  commons.log.line(Level::info, "stats: " + a_second(&Totals::transactions) + " xacts/s, " +
                                    a_second(&Totals::queries) + " queries/s, wait " +
                                    std::to_string((reported_.wait_us - before.wait_us) / links) +
                                    " us, clients " + std::to_string(commons.clients.load()));
}

}  // namespace weir::proxy
