// worker_links.cc: the Worker's decisions about clients in line and linked to their servers.
#include "protocol/encode.h"
#include "protocol/plant.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientEvent;
using pool::ClientState;
using pool::PoolMode;

bool Worker::want_server(Client& client) {
  if (stopping_ == Stop::when_servers_left) {
    client.refuse({"57P01", "server shutting down"});
    return false;
  }
  if (client.share()->database == nullptr) {
    client.refuse(
        {"3D000", "no such database: " + client.database(), "It is gone from the configuration."});
    return false;
  }
  if (!go_home(client)) return false;
  Share& of = *client.share();
  of.park(client, world.now());
  client.told_to_wait = false;
  asking_ = &client;
  if (!of.idle().empty()) match(of);
  asking_ = nullptr;
  if (client.state == ClientState::linked) return true;
  of.press(world.now());
  client.stream.stop_feeding();
  arm(client);
  of.publish();
  grow(of);
  return false;
}

void Worker::link(Client& client, Server& server) {
  const Instant waited = world.now() - client.parked_since;
  WorkerStats::add(commons.stats[index].links, 1);
  WorkerStats::add(commons.stats[index].wait_us, static_cast<std::uint64_t>(waited));
  client.share()->grant(client, server);
  client.asked_at = client.began_at = world.now();
  if (commons.log.wants(Level::debug)) {
    log(Level::debug, client, "linked to S-" + std::to_string(server.id));
  }
  server.stream.set_feeder(&client.stream);
  client.stream.set_feeder(&server.stream);
  follow_own(client, server);
  const std::string sql = preparation(client, server);
  server.last_client = client.id;
  if (sql.empty()) {
    client.settings_proved = true;
  } else {
    server.ask(sql);
    // A value that no server has accepted yet might be refused: then nothing must have run.
    client.waits_for_settings = !client.settings_proved;
    if (client.waits_for_settings) client.stream.stop_feeding();
  }
  if (asking_ != &client) go_on_later(client);
}

// What must run on the server before the client's request, so that it finds its own session.
std::string Worker::preparation(const Client& client, Server& server) const {
  std::string sql;
  if (server.has_named_statements && server.last_client != client.id) {
    server.has_named_statements = false;
    sql = "DEALLOCATE ALL;";
  }
  if (planted(Plant::missing_reset)) return sql;
  return sql + settings_sql(client, server);
}

void Worker::own_answered(Client& client, Server& server) {
  if (server.own_query_failed()) {
    const Fault fault = server.own_fault();
    if (!client.waits_for_settings) return lose_link(server, fault);
    unlink(client, server);
    client.waits_for_settings = false;
    free(server);
    set_state(client, ClientEvent::transaction_over);
    return client.refuse(fault);
  }
  settings_taken(client, server);
  if (server.take_withheld()) {
    Buffer out;
    protocol::put_ready_for_query(out, server.status);
    client.stream.put_copy(out);
    return maybe_release(client);
  }
  if (!client.waits_for_settings) return;
  client.waits_for_settings = false;
  go_on_later(client);
}

void Worker::maybe_release(Client& client) {
  Server* const server = client.linked();
  if (server == nullptr || client.waits_for_settings) return;
  const bool settled = server->ledger.settled() || planted(Plant::double_release);
  if (!settled || server->status != 'I' || !client.between_messages()) return;
  if (client.life_end != kNever && client.life_end <= world.now()) {
    deadlines.arm_no_later(client, world.now());  // It has a moment to take in its answer.
  }
  if (client.share()->settings().mode == PoolMode::session) {
    return maybe_end_session(client, *server);
  }
  // What has come behind the last answer is nobody's yet: it is looked at first, once it is whole.
  server->release_put_off = server->more_at_hand() || !server->between_messages();
  if (server->release_put_off) {
    if (!server->between_messages()) arm_half_way(*server);
    return;
  }
  unlink(client, *server);
  set_state(client, ClientEvent::transaction_over);
  if (planted(Plant::double_release)) return move(*server, pool::ServerEvent::released);
  free(*server);
}

// With server_fast_close: nothing is owed and no transaction is open, so nothing is lost but the
// session. What the server says unasked must not be torn: it is waited for.
void Worker::maybe_end_session(Client& client, Server& server) {
  if (!config_->settings.server_fast_close || !outdated(server)) return;
  server.ending_put_off = server.more_at_hand() || !server.between_messages();
  if (server.ending_put_off) return;
  client.refuse({"57P01", std::string{kConfigurationChanged},
                 "The session has ended with its server (server_fast_close): connect again."});
}

// Of clients that idle now; the others' end with what they do.
void Worker::end_sessions(Share& of) {
  if (!config_->settings.server_fast_close || of.settings().mode != PoolMode::session) return;
  std::vector<Client*> linked;
  of.clients.at(ClientState::linked).each([&](pool::ClientSlot& slot) {
    linked.push_back(&static_cast<Client&>(slot));
  });
  for (Client* const client : linked) maybe_release(*client);
}

void Worker::unlink(Client& client, Server& server) {
  server.stream.set_feeder(nullptr);
  client.stream.set_feeder(nullptr);
  server.cancel_wanted = server.release_put_off = server.ending_put_off = false;
  server.half_way_since = kNever;
  server.take_withheld();
  if (std::exchange(server.went_back, false)) server.was_reset = server.extras_sure = false;
  if (std::exchange(client.waits_for_ledger, false)) go_on_later(client);
  client.share()->unlink(client, server);
}

}  // namespace weir::proxy
