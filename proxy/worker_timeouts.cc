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

}  // namespace

// What is over first, if the client goes on doing what it does now.
Worker::Ending Worker::ending(const Client& client) const {
  if (client.shortest_timeout == kNever) return {};
  const std::string& user = client.user();
  switch (client.state) {
    case ClientState::parked:
      return {after(client.parked_since, or_never(config_->query_timeout_us(user))), "57014",
              "query_timeout", "It was still waiting for a server."};
    case ClientState::linked:
      if (client.linked()->status != 'I' || !client.linked()->ledger.settled()) {
        return ending_with_server(client);
      }
      [[fallthrough]];
    case ClientState::ready: {
      const Instant since = std::max(client.answered_at, client.asked_at);
      return {after(since, or_never(config_->client_idle_timeout_us(user))), "57P05",
              "client_idle_timeout", ""};
    }
    default:
      return {};
  }
}

// Of a client that has a transaction open, or a query under way.
Worker::Ending Worker::ending_with_server(const Client& client) const {
  const std::string& user = client.user();
  const Instant since = std::max(client.answered_at, client.asked_at);
  const bool runs = client.linked()->ledger.owed() > 0;
  const Ending of_query =
      runs ? Ending{after(since, or_never(config_->query_timeout_us(user))), "57014",
                    "query timeout", "The query took longer than query_timeout."}
           : Ending{after(since, or_never(config_->idle_transaction_timeout_us(user))), "25P03",
                    "idle transaction timeout", "End each transaction, or begin it later."};
  const Ending of_transaction = {
      after(client.began_at, or_never(config_->transaction_timeout_us(user))), "25P04",
      "transaction timeout", "The transaction took longer than transaction_timeout."};
  return of_query.at <= of_transaction.at ? of_query : of_transaction;
}

// What it was owed before a Sync came at some moment since it asked: from now on it idles. Who
// still takes in an answer does not yet.
void Worker::note_pause(Client& client) {
  const Server* const server = client.linked();
  if ((server == nullptr || server->clean()) && client.stream.sends()) {
    client.answered_at = world.now();
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
  Server* const server = client.linked();
  if (server == nullptr || server->clean() || server->fit_to_roll_back()) {
    return client.refuse(fault);
  }
  if (server->ledger.owed() > 0) start_cancel(*server);
  lose_link(*server, fault);
}

// Takes over what the configuration says for it.
void Worker::renew_timeouts(Client& client) {
  const std::string& user = client.user();
  client.shortest_timeout = std::min({or_never(config_->query_timeout_us(user)),
                                      or_never(config_->idle_transaction_timeout_us(user)),
                                      or_never(config_->transaction_timeout_us(user)),
                                      or_never(config_->client_idle_timeout_us(user))});
  arm(client);
}

}  // namespace weir::proxy
