// worker_shutdown.cc: how the Worker comes to its end.
#include "proxy/replication.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientState;

void Worker::take(Shutdown& letter) {
  if (index == 0) commons.office.stop_accepting();
  if (!stopping_ || letter.stop > *stopping_) stopping_ = letter.stop;
  if (*stopping_ == Stop::when_servers_left) {
    close_inquiries();
    end_replications();
    for (auto& [id, of] : shares_) {
      for (const auto state : {ClientState::welcoming, ClientState::parked}) {
        while (pool::ClientSlot* slot = of->clients.at(state).front()) {
          static_cast<Client&>(*slot).refuse({"57P01", "server shutting down"});
        }
      }
      dismiss_unused(*of, "pooler is shutting down");
    }
  }
  check_finished();
}

void Worker::check_finished() {
  if (!stopping_ || finished_) return;
  switch (*stopping_) {
    case Stop::now:
      finished_ = true;
      return;
    case Stop::when_servers_left:
      finished_ = commons.servers.load() == 0;
      break;
    case Stop::when_clients_left:
      finished_ = commons.clients.load() == 0;
      break;
  }
  // The last client or server may have been here: the other workers are done too.
  for (std::size_t other = 0; finished_ && other < commons.workers; ++other) {
    if (other != index) world.post(other, {Nudge{}});
  }
}

}  // namespace weir::proxy
