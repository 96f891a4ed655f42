// worker_replication.cc: the Worker's replication clients: in, and out.
#include "proxy/replication.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientEvent;

void Worker::replicate(Client& client, const std::string& database, ReplicationWish wish,
                       bool long_key, const Credential& credential) {
  const std::string user = client.user();
  client.set_identity(user, long_key);
  const config::Database* const found = config_->find_database(database);
  if (found == nullptr) {
    return client.refuse({"3D000", "no such database: " + database,
                          "The [databases] section of the configuration has no such entry."});
  }
  if (stopping_) return client.refuse({"57P03", "pooler is shutting down"});
  const PoolId id{database, found->user.value_or(user)};
  if (!commons.has_room(id)) return client.refuse(too_many_pools());
  Fault refusal{"53300", {}, {}};
  if (!count_client(client, database, refusal)) return client.refuse(refusal);
  set_state(client, ClientEvent::replication);
  if (!found->user) share(id).entry.set_credential(credential);
  deadlines.disarm(client);
  client.stream.stop_feeding();
  auto made = std::make_unique<Replication>(*this, client, id, std::move(wish));
  Replication& begun = *made;
  client.replication = &begun;
  replications_.emplace(&begun, std::move(made));
  begun.begin();
}

void Worker::replication_over(Replication& replication) {
  auto node = replications_.extract(&replication);
  if (!node.empty()) dead_replications_.push_back(std::move(node.mapped()));
  check_finished();
}

// None of them ends by itself.
void Worker::end_replications() {
  while (auto* const slot = lobby_.at(pool::ClientState::replicating).front()) {
    static_cast<Client&>(*slot).refuse({"57P01", "server shutting down"});
  }
}

}  // namespace weir::proxy
