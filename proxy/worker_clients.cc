// worker_clients.cc: the Worker's decisions about clients: in and out.
#include <algorithm>
#include <utility>

#include "proxy/admin/console.h"
#include "proxy/cancel_call.h"
#include "proxy/replication.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientEvent;
using pool::ClientState;

Fault too_many_pools() {
  return {"53300", "too many pools",
          "Each pair of a database and a user has a pool, at most " + std::to_string(kPoolsMax) +
              " of them; pool_idle_timeout forgets those that nobody uses."};
}

void Worker::set_state(Client& client, ClientEvent on) {
  pool::ClientYard& yard = client.pool != nullptr ? client.pool->clients : lobby_;
  yard.move(client, on);
}

void Worker::go_on_later(Client& client) {
  if (client.queued_to_go_on) return;
  client.queued_to_go_on = true;
  ready_.push_back(&client);
}

// --- In.

// The one that has taken longest gives way: whoever means to log in does it in a moment, so a
// crowd that only holds connections open keeps nobody out.
void Worker::limit_unproved() {
  auto& greeting = lobby_.at(ClientState::greeting);
  auto& proving = lobby_.at(ClientState::proving);
  const auto max = std::max<std::int64_t>(kUnprovedMin, config_->settings.max_client_conn);
  if (static_cast<std::int64_t>(greeting.size() + proving.size()) <= max) return;
  const auto connected_at = [](pool::ClientSlot* slot) {
    return slot == nullptr ? kNever : static_cast<Client*>(slot)->connected_at;
  };
  const bool silent = connected_at(greeting.front()) <= connected_at(proving.front());
  Client& longest = static_cast<Client&>(*(silent ? greeting : proving).front());
  longest.refuse({"53300", "too many connections are logging in",
                  "The one that took longest gave way to a new one."});
}

void Worker::admit(Client& client, const std::string& database, Asked asked, bool long_key,
                   const Credential& credential) {
  const std::string user = client.user();
  client.set_identity(user, long_key);
  const config::Database* const found = config_->find_database(database);
  if (found == nullptr) {
    return client.refuse({"3D000", "no such database: " + database,
                          "The [databases] section of the configuration has no such entry."});
  }
  if (stopping_) return client.refuse({"57P03", "pooler is shutting down"});
  const PoolId id{database, found->user.value_or(user)};
  Fault refusal{"53300", {}, {}};
  if (!commons.has_room(id)) return client.refuse(too_many_pools());
  if (!count_client(client, database, refusal)) return client.refuse(refusal);
  client.settings = settings.intern(std::move(asked.tracked));
  client.extras = protocol::with_extras(settings, {}, asked.extras);
  set_state(client, ClientEvent::proved);
  Share& of = share(id);
  if (!found->user) of.entry.set_credential(credential);
  enter_pool(client, of);
}

void Worker::note_failed_login(const Client& client) {
  const std::string line = commons.gate.on_failure(client.address(), world.now());
  if (!line.empty()) commons.log.line(Level::warning, line);
}

bool Worker::count_client(Client& client, const std::string& database, Fault& refusal) {
  const auto admitted = commons.clients.fetch_add(1) + 1;
  if (admitted > config_->settings.max_client_conn) {
    commons.clients.fetch_sub(1);
    refusal = {"53300", "no more connections allowed (max_client_conn)",
               "All " + std::to_string(config_->settings.max_client_conn) +
                   " client connections are taken: raise max_client_conn."};
    return false;
  }
  // Under auth_type = any a name is whatever the client says: the forced one counts.
  const config::Database& found = *config_->find_database(database);
  const bool any = config_->settings.auth_type == config::AuthType::any;
  const std::string& user = any && found.user ? *found.user : client.user();
  DatabaseCommons& of_database = commons.hold_database(database);
  NamedLimits& of_user = commons.hold_user(user);
  of_database.clients.set_max(config_->max_db_client_connections(found));
  of_user.clients.set_max(config_->max_user_client_connections(user));
  const bool user_may = of_user.clients.take();
  if (user_may && of_database.clients.take()) {
    client.counted_database = &of_database;
    client.counted_user = &of_user;
    return true;
  }
  if (user_may) of_user.clients.give_back();
  commons.let_go(of_database, of_user);
  commons.clients.fetch_sub(1);
  const char* const limit = user_may ? "max_db_client_connections" : "max_user_client_connections";
  refusal = {"53300", std::string{"client connections exceeded ("} + limit + ")"};
  return false;
}

void Worker::uncount_client(Client& client) {
  if (client.counted_database == nullptr) return;
  commons.clients.fetch_sub(1);
  client.counted_database->clients.give_back();
  client.counted_user->clients.give_back();
  commons.let_go(*client.counted_database, *client.counted_user);
  client.counted_database = nullptr;
  client.counted_user = nullptr;
}

void Worker::enter_pool(Client& client, Share& to) {
  if (client.pool != nullptr) {
    come_over(client, to);
  } else {
    client.parked_since = world.now();
    lobby_.leave(client);
    client.pool = &to;
    to.clients.enter(client);
  }
  if (!to.welcome_known) {
    Parameters told = to.entry.parameters();
    to.welcome_known = !told.empty();
    to.welcome.learn(std::move(told));
  }
  if (to.welcome_known) return greet(client);
  arm(client);
  client.stream.stop_feeding();
  to.publish();
  grow(to);
}

// Moves it to the pool whose servers it may use now; false: it was refused. REQUIRES: its database
// is in the configuration.
bool Worker::go_home(Client& client) {
  const Share& of = *client.share();
  const std::string& user = of.database->user ? *of.database->user : client.user();
  if (user == of.id.user) return true;
  const PoolId id{of.id.database, user};
  if (commons.has_room(id)) {
    move_house(client, share(id));
    return true;
  }
  client.refuse(too_many_pools());
  return false;
}

void Worker::move_house(Client& client, Share& to) {
  if (client.state == ClientState::welcoming) return enter_pool(client, to);
  come_over(client, to);
  if (client.state != ClientState::parked) return;
  to.press(world.now());
  arm(client);
}

void Worker::come_over(Client& client, Share& to) {
  Share& from = *client.share();
  to.come_over(client);
  note_emptied(from);
}

void Worker::greet(Client& client) {
  const auto& greeting =
      client.share()->welcome.greeting(client.settings, commons.tracked, settings);
  if (greeting.refusal) return client.refuse(*greeting.refusal);
  take_startup_settings(client, greeting);
  deadlines.disarm(client);
  set_state(client, ClientEvent::parameters_known);
  client.greeted_at = client.answered_at = world.now();
  renew_timeouts(client);
  client.greet(greeting.statuses);
  if (config_->settings.log_connections) log(Level::info, client, "login attempt: ok");
  go_on_later(client);
}

void Worker::greet_waiting(Share& to) {
  auto& waiting = to.clients.at(ClientState::welcoming);
  while (pool::ClientSlot* slot = waiting.front()) greet(static_cast<Client&>(*slot));
  to.publish();
}

void Worker::admit_to_console(Client& client, bool may_change, bool long_key) {
  client.set_identity(client.user(), long_key);
  client.enter_console(std::make_unique<Console>(*this, client, may_change));
  deadlines.disarm(client);
  set_state(client, ClientEvent::admitted);
  client.greet(Console::parameter_statuses());
  if (config_->settings.log_connections) log(Level::info, client, "login attempt: ok");
}

// --- Out.

void Worker::part_from(Client& client, Parting parting, std::string_view why) {
  if (client.state == ClientState::draining || client.state == ClientState::closed) return;
  if (config_->settings.log_disconnections && client.state != ClientState::greeting) {
    const auto age = (world.now() - client.connected_at) / kSecond;
    log(Level::info, client,
        "closing because: " + std::string{why} + " (age=" + std::to_string(age) + "s)");
  }
  leave(client, parting);
  uncount_client(client);
  if (parting != Parting::refused) return retire(client);
  set_state(client, ClientEvent::dismissed);
  if (client.pool != nullptr) client.pool->publish();
  client.stream.drop_unread();
  client.stream.resume_feeding();
  client.stream.finish_when_sent();
  deadlines.arm(client, world.now() + kLingerMax);
}

// Out of the line or off the server. The server is kept only when nothing is left on it.
void Worker::leave(Client& client, Parting parting) {
  if (auto* const replication = std::exchange(client.replication, nullptr)) replication->leave();
  Server* const server = client.linked();
  if (server == nullptr) return;
  const bool whole = client.between_messages();
  unlink(client, *server);
  if (whole && server->clean() && !client.waits_for_settings) return free(*server);
  if (whole && roll_back(*server)) return;
  const bool busy = !server->ledger.settled();
  if (busy && parting != Parting::terminated) start_cancel(*server);
  dismiss(*server,
          busy ? "client disconnected with query in progress"
               : "client disconnect while server was not ready",
          whole);
}

void Worker::retire(Client& client) {
  Client* const gone = nullptr;
  if (client.state == ClientState::closed) return;
  set_state(client, ClientEvent::gone);
  if (std::exchange(client.counted_address, false)) commons.gate.on_gone(client.address());
  deadlines.disarm(client);
  client.stream.close();
  client.settings = client.startup = client.extras = client.based_on = {};
  pool::ClientYard& yard = client.pool != nullptr ? client.pool->clients : lobby_;
  yard.leave(client);
  if (client.pool != nullptr) {
    client.pool->publish();
    note_emptied(*client.share());
  }
  // Not erased: settle() may be walking along.
  if (client.queued_to_go_on) std::replace(ready_.begin(), ready_.end(), &client, gone);
  commons.stats[index].clients.fetch_sub(1, std::memory_order_relaxed);
  dead_clients_.push_back(std::move(places_[client.place]));
  free_places_.push_back(client.place);
  check_finished();
}

}  // namespace weir::proxy
