// worker_timeouts.cc: how long a client may take for a query, for a transaction, and in silence.
//
// Nothing is armed when a query begins. A client to whom a timeout applies has a deadline no later
// than the shortest of them from any moment on: it is looked at by then, and what it is doing, and
// since when, says when it has to be looked at again.
#include <algorithm>

#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientState;

namespace {

Instant or_never(std::int64_t us) { return us == 0 ? kNever : us; }

// It has a transaction open, or a query under way.
bool has_begun(const Client& client) {
  const Server* const server = client.linked();
  return server != nullptr && (server->status != 'I' || !server->ledger.settled());
}

}  // namespace

// What is over first, if the client goes on doing what it does now.
Worker::Ending Worker::ending(const Client& client) const {
  if (client.shortest_timeout == kNever && client.life_end == kNever) return {};
  const std::string& user = client.user();
  switch (client.state) {
    case ClientState::parked:
      return {after(client.parked_since, or_never(config_->query_timeout_us(user))), "57014",
              "query_timeout", "It was still waiting for a server.", only_cancels(client)};
    case ClientState::linked:
      if (has_begun(client)) return ending_with_server(client);
      [[fallthrough]];
    case ClientState::ready: {
      const Instant since = std::max(client.answered_at, client.asked_at);
      const Instant silent = after(since, or_never(config_->client_idle_timeout_us(user)));
      if (silent <= client.life_end || client.stream.sends() || client.reads_past()) {
        return {silent, "57P05", "client_idle_timeout", ""};
      }
      return {client.life_end, "57P01", "client_lifetime", "Nothing is lost. Connect again."};
    }
    default:
      return {};
  }
}

// REQUIRES: has_begun().
Worker::Ending Worker::ending_with_server(const Client& client) const {
  const std::string& user = client.user();
  const Instant since = std::max(client.answered_at, client.asked_at);
  Ending of_query;
  if (client.linked()->ledger.owed() > 0) {
    Instant limit = or_never(config_->query_timeout_us(user));
    if (client.overdue) limit = after(limit, cancel_patience());
    of_query = {after(since, limit), "57014", "query timeout",
                "The query took longer than query_timeout.",
                only_cancels(client) && !client.overdue};
  } else if (!client.waits_for_ledger) {  // Else it is we who let it wait.
    of_query = {after(since, or_never(config_->idle_transaction_timeout_us(user))), "25P03",
                "idle transaction timeout", "End each transaction, or begin it later."};
  }
  const Ending of_transaction = {
      after(client.began_at, or_never(config_->transaction_timeout_us(user))), "25P04",
      "transaction timeout", "The transaction took longer than transaction_timeout."};
  return of_query.at <= of_transaction.at ? of_query : of_transaction;
}

// What it was owed before a Sync came at some moment since it asked: from now on it idles. Who
// still takes in an answer does not yet, but for who has taken in nothing since the last look.
void Worker::note_pause(Client& client) {
  const Server* const server = client.linked();
  if (server == nullptr || server->clean()) {
    const std::size_t unsent = client.stream.unsent_bytes();
    const std::size_t before = std::exchange(client.unsent_bytes, unsent);
    if (unsent > 0 && unsent != before) client.answered_at = world.now();
  }
  if (server == nullptr || server->ledger.owed() > 0 || server->ledger.settled()) return;
  if (client.answered_at <= client.asked_at) client.answered_at = world.now();
}

// Its client has left it idle in a transaction. What a session leaves behind goes with it, in every
// pool mode: nobody who is gone will give back its locks. False: it cannot be kept.
bool Worker::roll_back(Server& server) {
  const bool kept = server.fit_to_roll_back() && !outdated(server) && !stopping_ &&
                    !config_->settings.server_reset_query.empty();
  if (!kept) return false;
  log(Level::debug, server, "rolls back, and is kept");
  server.ask("ROLLBACK");
  reset(server);
  return true;
}

// The server is in the middle of what nobody waits for any more: it goes with its client.
void Worker::time_out(Client& client, const Ending& over) {
  const Fault fault{over.sqlstate, over.text, over.hint};
  if (over.cancels) return cancel_overdue(client, fault);
  Server* const server = client.linked();
  if (server == nullptr || server->clean() || server->fit_to_roll_back()) {
    return client.refuse(fault);
  }
  if (server->ledger.owed() > 0) start_cancel(*server);
  lose_link(*server, fault);
}

bool Worker::only_cancels(const Client& client) const {
  return config_->query_timeout_action(client.user()) == config::QueryTimeoutAction::cancel;
}

// How long a query may go on once it has been cancelled.
Instant Worker::cancel_patience() const {
  const auto wait = config_->settings.cancel_wait_timeout_us;
  return wait > 0 ? wait : kFarewellMax;
}

// The server says so itself, and both go on. PostgreSQL looks for cancels while it waits for rows
// to copy in only when one comes: there a CopyFail is the way.
void Worker::cancel_overdue(Client& client, const Fault& fault) {
  if (client.state == ClientState::parked) {
    answer_in_line(client, fault);
    return arm(client);
  }
  Server& server = *client.linked();
  if (server.ledger.copying_in() && client.between_messages()) {
    server.fail_copy(fault.text);
  } else if (cancels_.size() < kCancelsMax) {
    cancel_query(server);
  } else {
    return deadlines.arm(client, world.now() + kCancelPause);
  }
  log(Level::info, client, std::string{fault.text} + ": its query is cancelled");
  client.overdue = true;
  arm(client);
}

void Worker::overdue_ended(Client& client) {
  client.overdue = false;
  client.linked()->cancel_wanted = false;
}

// When to look whether its life is over. Within a transaction its end brings it up.
Instant Worker::life_look(const Client& client) const {
  const Instant now = world.now();
  if (client.life_end == kNever || client.life_end > now) return client.life_end;
  return has_begun(client) ? kNever : now + kSecond;
}

// Takes over what the configuration says for it.
void Worker::renew_timeouts(Client& client) {
  const std::string& user = client.user();
  client.shortest_timeout = std::min({or_never(config_->query_timeout_us(user)),
                                      or_never(config_->idle_transaction_timeout_us(user)),
                                      or_never(config_->transaction_timeout_us(user)),
                                      or_never(config_->client_idle_timeout_us(user))});
  client.life_end =
      after(client.greeted_at, shortened(or_never(config_->client_lifetime_us(user)), client.id));
  arm(client);
}

}  // namespace weir::proxy
