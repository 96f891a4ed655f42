// worker_servers.cc: the Worker's decisions about servers: granted, freed, let go.
#include <utility>

#include "proxy/cancel_call.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::PoolMode;
using pool::ServerEvent;
using pool::ServerState;
using Match = pool::Pool::Match;

void Worker::move(Server& server, ServerEvent on) {
  const auto end = server.share().idle_end();
  server.share().servers.move(server, on, end);
  const bool on_its_way =
      server.state == ServerState::dialing || server.state == ServerState::logging_in;
  if (server.dial_counted && !on_its_way) wake(server.share().dial_over(server));
}

// --- Who gets what.

void Worker::match(Share& of) {
  for (;;) {
    const Match next = of.match(world.now());
    switch (next.kind) {
      case Match::Kind::none:
        if (next.look_again != kNever) deadlines.arm_no_later(of, next.look_again);
        return of.publish();
      case Match::Kind::grant: {
        Server& server = static_cast<Server&>(*next.server);
        if (!server.between_messages()) {  // The next client's answer would be taken for its rest.
          dismiss(server, kHalfMessage);
        } else if (must_start_afresh(static_cast<Client&>(*next.client), server)) {
          dismiss(server, "its session cannot be made a new one");
        } else if (needs_test(server)) {
          test(server, *config_->settings.server_check_query);
        } else {
          link(static_cast<Client&>(*next.client), server);
        }
        break;
      }
      case Match::Kind::hand_over:
        hand_over(static_cast<Server&>(*next.server), next.worker, false);
        break;
      case Match::Kind::dismiss:
        dismiss(static_cast<Server&>(*next.server), "evicted");
        of.gave_way(world.now());
        break;
    }
  }
}

// --- Between two clients.

void Worker::ready_for_query(Server& server, bool own) {
  Client* const client = server.linked();
  if (client != nullptr) {
    if (own) {
      own_answered(*client, server);
      if (server.linked() != nullptr) start_wanted_cancel(server);
      return;
    }
    WorkerStats::add(commons.stats[index].queries, 1);
    client->answered_at = world.now();
    if (client->overdue) overdue_ended(*client);
    // Of a pipeline: it waits for the next answer from now on.
    if (server.ledger.owed() > 0) {
      client->asked_at = client->answered_at;
    } else {
      server.cancel_wanted = false;
    }
    if (server.status == 'I') {
      client->began_at = world.now();
      WorkerStats::add(commons.stats[index].transactions, 1);
    }
    if (server.status != 'I' && client->share()->settings().mode == PoolMode::statement) {
      return client->refuse({"0A000", "transaction blocks not allowed in statement pooling mode",
                             "Use pool_mode = transaction."});
    }
    return maybe_release(*client);
  }
  const bool resetting = server.state == ServerState::resetting;
  if (!resetting && server.state != ServerState::testing) return;
  const bool connecting = std::exchange(server.in_connect_query, false);
  if (server.own_query_failed()) {
    const char* const query = connecting  ? "connect_query"
                              : resetting ? "reset query"
                                          : "test query";
    const std::string why = std::string{query} + " failed: " + server.own_fault().text;
    if (!connecting) return dismiss(server, why);
    log(Level::warning, server, why);
  }
  if (!server.ledger.settled()) return;  // The reset query comes behind a ROLLBACK.
  if (!server.clean()) return dismiss(server, "server in doubt");
  // What comes behind the answer must not be charged to the next client.
  if (server.more_at_hand()) return dismiss(server, "idle server got dirty");
  deadlines.disarm(server);
  server.tested_at = world.now();
  make_idle(server, resetting ? ServerEvent::reset_done : ServerEvent::test_passed);
}

// REQUIRES: linked before, or resting; no client now; clean().
void Worker::free(Server& server) {
  const auto& settings_now = config_->settings;
  const Share& of = server.share();
  if (const auto why = reason_to_close(server); !why.empty()) return dismiss(server, why);
  if (server.cancels_pending > 0) {
    if (server.state != ServerState::resting) move(server, ServerEvent::cancel_pending);
    return;
  }
  const bool reset =
      !settings_now.server_reset_query.empty() &&
      (of.settings().mode == PoolMode::session || settings_now.server_reset_query_always);
  if (reset) return this->reset(server);
  const bool linked = server.state == ServerState::linked;
  make_idle(server, linked ? ServerEvent::released : ServerEvent::cancel_settled);
}

// Nothing of the last client is left behind its answer.
void Worker::reset(Server& server) {
  server.ask(config_->settings.server_reset_query);
  server.has_named_statements = false;
  deadlines.arm(server, world.now() + kFarewellMax);
  move(server, ServerEvent::reset_sent);
}

// It was made with what does not hold any more.
bool Worker::outdated(const Server& server) const {
  const Share& of = server.share();
  return of.database == nullptr || server.generation != of.generation;
}

std::string_view Worker::reason_to_close(const Server& server) const {
  const Share& of = server.share();
  if (!server.clean()) return "server in doubt";
  if (server.close_needed) return "close_needed";
  if (outdated(server)) return kConfigurationChanged;
  if (world.now() >= life_end(server)) return "server lifetime over";
  if (stopping_ == Stop::when_servers_left) return "pooler is shutting down";
  return of.must_close(server) ? "too many servers in the pool" : "";
}

void Worker::make_idle(Server& server, ServerEvent on) {
  Share& of = server.share();
  server.idle_since = world.now();
  move(server, on);
  if (const auto why = reason_to_close(server); !why.empty()) return dismiss(server, why);
  if (server.acts_as_another()) return dismiss(server, "its session acts as another user");
  arm_idle(server);
  of.publish();
  match(of);
  if (of.waiting() > 0 || of.below_minimum()) grow(of);
}

bool Worker::needs_test(const Server& server) const {
  const auto& now = config_->settings;
  return now.server_check_query && world.now() - server.idle_since >= now.server_check_delay_us &&
         server.idle_since > server.tested_at;
}

void Worker::test(Server& server, const std::string& query) {
  server.tested_at = world.now();
  server.ask(query);
  move(server, ServerEvent::test_sent);
  deadlines.arm(server, world.now() + kFarewellMax);
}

// --- Out.

void Worker::lose_link(Server& server, const Fault& fault) {
  Client* const client = server.linked();
  log(Level::warning, server, fault.text);
  if (client == nullptr) return dismiss(server, fault.text);
  const bool told = server.client_told() || server.broke_off();
  const bool whole = client->between_messages();
  unlink(*client, server);
  dismiss(server, fault.text, whole);
  set_state(*client, pool::ClientEvent::transaction_over);
  if (told) return part_from(*client, Parting::refused, fault.text);
  client->refuse(fault);
}

void Worker::release_and_dismiss(Server& server) {
  Client& client = *server.linked();
  unlink(client, server);
  set_state(client, pool::ClientEvent::transaction_over);
  dismiss(server, "idle server got dirty");
}

void Worker::server_gone(Server& server, std::string_view why) {
  switch (server.state) {
    case ServerState::dialing:
    case ServerState::logging_in:
      return login_failed(server, {"08001", std::string{why}}, false);
    case ServerState::leaving:
      return bury(server);
    default:
      break;
  }
  const std::string text{why};
  Client* const client = server.linked();
  log(Level::warning, server, "closing because: " + text);
  if (client == nullptr) {
    Share& of = server.share();
    bury(server);
    return grow(of);
  }
  // Behind half a message no word of ours can be told from it.
  const bool told = server.client_told() || server.broke_off();
  unlink(*client, server);
  bury(server);
  set_state(*client, pool::ClientEvent::transaction_over);
  if (told) return part_from(*client, Parting::refused, text);
  client->refuse({"08006", text, "The transaction is lost. Connect again."});
}

// Asks it to leave. It counts against every limit until it has hung up, so that PostgreSQL never
// sees more connections than the limits say.
void Worker::dismiss(Server& server, std::string_view why, bool terminate) {
  if (server.state == ServerState::leaving) return;
  server.why_leaving = why;
  log(Level::info, server, "closing because: " + server.why_leaving);
  if (server.state == ServerState::dialing || !server.has_spoken()) return bury(server);
  server.say_goodbye(terminate);
  move(server, ServerEvent::dismissed);
  server.share().shared().quota.leave(+1);
  deadlines.arm(server, world.now() + kFarewellPatience);
  server.share().publish();
  look_again(server.share());
}

void Worker::bury(Server& server) {
  Share& of = server.share();
  if (server.state == ServerState::leaving) of.shared().quota.leave(-1);
  move(server, ServerEvent::gone);
  server.stream.close();
  dead_servers_.push_back(take_out(server));
  commons.servers.fetch_sub(1);
  of.publish();
  wake(of.shared().quota.give_back());
  look_again(of);
  check_finished();
}

// One server less: those who wait may need another. Not now, while the caller is at work.
void Worker::look_again(Share& of) {
  if (of.waiting() > 0 || of.below_minimum()) deadlines.arm_no_later(of, world.now());
}

std::unique_ptr<Server> Worker::take_out(Server& server) {
  deadlines.disarm(server);
  server.share().servers.leave(server);
  note_emptied(server.share());
  server.settings = server.own_settings = server.extras = {};
  return std::move(servers_.extract(server.id).mapped());
}

}  // namespace weir::proxy
