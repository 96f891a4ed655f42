// worker_inquiries.cc: whom a login asks for a user's secret, and how the answer finds its client.
#include <functional>

#include "proxy/auth.h"
#include "proxy/inquiry.h"
#include "proxy/worker.h"

namespace weir::proxy {

// Each database is asked by one worker for all: one connection, however many workers there are.
void Worker::want_secret(const Client& client, const std::string& database, bool fresh) {
  const std::size_t asks = std::hash<std::string>{}(database) % commons.workers;
  world.post(asks,
             {SecretWanted{database, client.user(), {index, client.id, client.place}, fresh}});
}

void Worker::take(SecretWanted& letter) {
  auto& inquiry = inquiries_[letter.database];
  if (!inquiry) {
    drop_idle_inquiries();
    if (inquiries_.size() > kInquiriesMax) {
      inquiries_.erase(letter.database);
      const Asker& asker = letter.asker;
      return world.post(asker.worker, {SecretFound{asker.client, asker.place, {}, true, false}});
    }
    inquiry = std::make_unique<Inquiry>(*this, letter.database);
  }
  inquiry->ask(letter.user, letter.asker, letter.fresh);
}

// Names of databases come in any number behind a "*": those that nobody asks give way.
void Worker::drop_idle_inquiries() {
  if (inquiries_.size() <= kInquiriesMax) return;
  std::erase_if(inquiries_, [](const auto& entry) { return entry.second && entry.second->idle(); });
}

void Worker::take(SecretFound& letter) {
  Client* const client = letter.place < places_.size() ? places_[letter.place].get() : nullptr;
  if (client == nullptr || client->id != letter.client) return;
  client->on_secrets(std::move(letter.secrets), letter.failed, letter.kept);
}

}  // namespace weir::proxy
