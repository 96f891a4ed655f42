// worker_deadlines.cc: what the Worker does when the time of a client or a server has come.
#include <algorithm>

#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientState;
using pool::ServerState;

namespace {

// What a client hears whose wait for a server is over: that all were busy, or why there is none; of
// what a server has said, its own words.
Fault waited_in_vain(const Share& of, std::string text) {
  const auto dials = static_cast<std::int64_t>(of.servers.at(ServerState::dialing).size() +
                                               of.servers.at(ServerState::logging_in).size());
  const bool busy = of.shared().limit.taken() > dials;
  std::string hint = busy ? "All servers of the pool were busy: raise pool_size, or look for long "
                            "transactions."
                          : "No server connection could be made for this pool.";
  const auto fault = of.login_fault();
  const bool said_by_server = fault && !std::string_view{fault->sqlstate}.starts_with("08");
  if (!busy && said_by_server) return {fault->sqlstate, fault->text, text + ": " + hint};
  if (fault) hint += " The last login to a server failed: " + fault->text;
  return {busy ? "53300" : "57P03", std::move(text), std::move(hint)};
}

}  // namespace

// When a client's time to get further is over; kNever: it has all the time it wants.
Instant Worker::due(const Client& client) const {
  const auto login_max = config_->settings.client_login_timeout_us;
  const Instant login = after(client.connected_at, login_max > 0 ? login_max : kNever);
  switch (client.state) {
    case ClientState::greeting:
    case ClientState::proving:
      return std::min(login, client.login_not_before());
    case ClientState::welcoming:
      return std::min(login, after(client.parked_since, client.share()->query_wait));
    case ClientState::parked:
      return std::min(after(client.parked_since, client.share()->query_wait), ending(client).at);
    default:
      return ending(client).at;
  }
}

// When a client that waits for a server is told so.
Instant Worker::notice_due(const Client& client) const {
  const auto wait = config_->settings.query_wait_notify_us;
  const bool waits = client.state == ClientState::parked && !client.told_to_wait;
  return waits && wait > 0 ? after(client.parked_since, wait) : kNever;
}

// Parked, it has had the last of all answers: the notice stands between two messages.
void Worker::tell_to_wait(Client& client) {
  if (notice_due(client) > world.now()) return;
  client.told_to_wait = true;
  client.notify("No server connection available in postgres backend, client being queued");
}

// What it begins next arms nothing: for that it is looked at in time.
void Worker::arm(Client& client) {
  deadlines.arm_no_later(client, std::min({due(client), notice_due(client), life_look(client),
                                           after(world.now(), client.shortest_timeout)}));
}

// What they may wait for may be shorter now.
void Worker::rearm(pool::List<pool::ClientSlot>& of) {
  of.each([this](pool::ClientSlot& slot) { arm(static_cast<Client&>(slot)); });
}

void Worker::on_deadline(Client& client) {
  const Instant now = world.now();
  if (client.state == ClientState::draining) return retire(client);
  note_pause(client);
  if (due(client) > now) {
    tell_to_wait(client);
    return arm(client);
  }
  if (const Ending over = ending(client); over.at <= now) return time_out(client, over);
  switch (client.state) {
    case ClientState::greeting:
    case ClientState::proving:
      if (client.login_not_before() <= now) return client.on_login_time();
      return client.refuse({"57014", "client_login_timeout"});
    default: {
      const Share& of = *client.share();
      const bool waited = now >= after(client.parked_since, of.query_wait);
      return client.refuse(
          waited_in_vain(of, waited ? "query_wait_timeout" : "client_login_timeout (server down)"));
    }
  }
}

// With server_lifetime = 0 a server is used once: one that nobody has used yet has all its life.
Instant Worker::life_end(const Server& server) const {
  const Instant lifetime = server.share().server_lifetime;
  if (lifetime == 0 && server.last_client == 0) return kNever;
  return after(server.born_at, shortened(lifetime, server.id));
}

void Worker::arm_idle(Server& server) {
  const auto idle_timeout = config_->settings.server_idle_timeout_us;
  const Instant idle_due = idle_timeout > 0 ? server.idle_since + idle_timeout : kNever;
  const Instant due = std::min(idle_due, life_end(server));
  if (due != kNever) deadlines.arm_no_later(server, due);
}

void Worker::on_deadline(Server& server) {
  const Instant now = world.now();
  switch (server.state) {
    case ServerState::dialing:
    case ServerState::logging_in:
      return login_failed(server, {"08001", "connect timeout"}, false);
    case ServerState::resetting:
      return dismiss(server, "reset query failed");
    case ServerState::testing:
      return dismiss(server, "test query failed");
    case ServerState::leaving:
      return on_deadline_leaving(server);
    case ServerState::idle:
      break;
    case ServerState::linked:
      return on_deadline_half_way(server);
    default:
      return;  // Looked at again when it idles.
  }
  const Share& of = server.share();
  const auto idle_timeout = config_->settings.server_idle_timeout_us;
  const auto leaving = static_cast<std::int64_t>(of.servers.at(ServerState::leaving).size());
  const bool spare = of.shared().limit.taken() - leaving > of.settings().min_size;
  if (now >= life_end(server)) {
    return dismiss(server, "server lifetime over");
  }
  if (idle_timeout > 0 && now >= server.idle_since + idle_timeout) {
    if (spare) return dismiss(server, "server idle timeout");
    server.idle_since = now;
  }
  arm_idle(server);
}

// A message that never ends must not hold the place for ever, however slowly it trickles.
void Worker::arm_half_way(Server& server) {
  if (server.half_way_since == kNever) server.half_way_since = world.now();
  deadlines.arm(server, server.half_way_since + kFarewellMax);
}

// Who has had a part of a message that does not end cannot go on either.
void Worker::on_deadline_half_way(Server& server) {
  if (!server.release_put_off || server.between_messages()) return;
  if (server.stream.throttled()) {  // It is its client that does not read.
    server.half_way_since = world.now();
    return arm_half_way(server);
  }
  if (!server.broke_off()) return release_and_dismiss(server);
  lose_link(server, {"08P01", "the server does not end its message"});
}

// It has not hung up: its last query still runs, or it is beyond our reach.
void Worker::on_deadline_leaving(Server& server) {
  if (!server.last_warning) {
    server.last_warning = true;
    if (!server.ledger.settled()) start_cancel(server);
    return deadlines.arm(server, world.now() + kFarewellMax);
  }
  log(Level::warning, server, "the server does not hang up: closing the connection");
  bury(server);
}

}  // namespace weir::proxy
