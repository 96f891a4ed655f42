// worker_inquiries.cc: whom a login asks for a user's secret, and how the answer finds its client.
#include <algorithm>
#include <functional>

#include "proxy/auth.h"
#include "proxy/inquiry.h"
#include "proxy/worker.h"

namespace weir::proxy {

// Each database is asked by one worker for all: one connection, however many workers there are.
void Worker::want_secret(const Client& client, const InquiryId& to, bool fresh) {
  const std::size_t asks = std::hash<std::string>{}(to.database) % commons.workers;
  world.post(asks, {SecretWanted{to, client.user(), {index, client.id, client.place}, fresh}});
}

void Worker::take(SecretWanted& letter) {
  const auto refuse = [&] {
    const Asker& asker = letter.asker;
    world.post(asker.worker, {SecretFound{asker.client, asker.place, {}, true, false}});
  };
  if (stopping_ && *stopping_ != Stop::when_clients_left) return refuse();
  auto found = inquiries_.find(letter.to);
  if (found == inquiries_.end()) {
    if (inquiries_.size() >= kInquiriesMax && !drop_an_inquiry()) return refuse();
    found = inquiries_.emplace(letter.to, std::make_unique<Inquiry>(*this, letter.to)).first;
  }
  found->second->ask(letter.user, letter.asker, letter.fresh);
}

// Names of databases come in any number behind a "*": the one that nobody has asked for longest
// gives way.
bool Worker::drop_an_inquiry() {
  auto longest = inquiries_.end();
  for (auto at = inquiries_.begin(); at != inquiries_.end(); ++at) {
    if (!at->second->idle()) continue;
    const bool longer =
        longest == inquiries_.end() || at->second->asked_at() < longest->second->asked_at();
    if (longer) longest = at;
  }
  if (longest == inquiries_.end()) {
    commons.log.line(Level::warning, "auth_query: too many databases are asked at the same time");
    return false;
  }
  longest->second->close();
  dead_inquiries_.push_back(std::move(longest->second));
  inquiries_.erase(longest);
  return true;
}

void Worker::close_inquiries() {
  for (auto& [id, inquiry] : inquiries_) inquiry->close();
}

void Worker::take(SecretFound& letter) {
  Client* const client = letter.place < places_.size() ? places_[letter.place].get() : nullptr;
  if (client == nullptr || client->id != letter.client) return;
  client->on_secrets(std::move(letter.secrets), letter.failed, letter.kept);
}

}  // namespace weir::proxy
