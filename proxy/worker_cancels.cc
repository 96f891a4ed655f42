// worker_cancels.cc: from a CancelRequest to the one query it may hit, or to none.
#include "proxy/cancel_call.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientEvent;
using pool::ClientState;
using pool::ServerState;

void Worker::cancel(std::uint32_t pid, Bytes key) {
  if ((pid & 0xc000'0000) != kPidMark) return;
  const std::size_t of = pid >> 24 & 0x3f;
  if (of >= commons.workers) return;
  if (of != index) return world.post(of, {Cancel{pid, Buffer(key.begin(), key.end())}});
  const std::uint32_t place = pid & (kPlacesMax - 1);
  Client* const client = place < places_.size() ? places_[place].get() : nullptr;
  if (client == nullptr || !client->key_matches(key)) {
    return commons.log.line(Level::debug, "cancel request with a key that fits no client");
  }
  log(Level::debug, *client, "cancel request");
  if (client->state == ClientState::parked) {
    return answer_in_line(*client, {"57014", "canceling statement due to user request"});
  }
  Server* const server = client->linked();
  // A cancel that comes too late must not hit anything else.
  if (server == nullptr) return;
  if (server->ledger.owed() == 0) {
    server->cancel_wanted = client->waits_for_ledger;  // For what has not been let through yet.
    return;
  }
  cancel_query(*server);
}

// Its request fails, and it stays.
void Worker::answer_in_line(Client& client, const Fault& fault) {
  set_state(client, ClientEvent::answered);
  client.answer_in_line(fault);
  client.share()->publish();
  go_on_later(client);
}

// What the server's client waits for, once nothing of ours is in front of it.
void Worker::cancel_query(Server& server) {
  if (!server.ledger.front_is_drop()) return start_cancel(server);
  server.cancel_wanted = true;
}

// What the cancel was for has got as far as the server, and nothing of ours is in front of it.
void Worker::start_wanted_cancel(Server& server) {
  if (!server.cancel_wanted || server.ledger.owed() == 0 || server.ledger.front_is_drop()) return;
  server.cancel_wanted = false;
  start_cancel(server);
}

void Worker::start_cancel(Server& server) {
  if (server.pid == 0) return;
  if (server.cancels_pending > 0) {  // Its turn comes when the one before is over.
    server.cancel_wanted = server.client != nullptr;
    return;
  }
  if (cancels_.size() >= kCancelsMax) {
    return log(Level::warning, server, "cancel request dropped: too many are under way");
  }
  auto call = std::make_unique<CancelCall>(*this, server);
  ++server.cancels_pending;
  CancelCall& started = *call;
  cancels_.emplace(&started, std::move(call));
  const auto wait = config_->settings.cancel_wait_timeout_us;
  if (wait > 0) deadlines.arm(started, world.now() + wait);
  started.dial();
}

void Worker::cancel_over(CancelCall& call) {
  deadlines.disarm(call);
  call.stream.close();
  const auto server = servers_.find(call.server_id());
  auto node = cancels_.extract(&call);
  if (!node.empty()) dead_cancels_.push_back(std::move(node.mapped()));
  if (server == servers_.end()) return;
  --server->second->cancels_pending;
  if (server->second->state == ServerState::resting) return free(*server->second);
  Client* const client = server->second->linked();
  if (client == nullptr) return;
  start_wanted_cancel(*server->second);
  if (std::exchange(client->waits_for_ledger, false)) go_on_later(*client);
}

}  // namespace weir::proxy
