#include "proxy/io/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proxy/io/engine.h"

namespace weir::proxy::io {

static_assert(kNameUnknown == ENXIO);

struct Resolver::Question {
  uv_getaddrinfo_t request;
  Resolver* resolver;
  std::string name;
  std::vector<Asker*> askers;
};

Resolver::~Resolver() { stop(); }

void Resolver::stop() {
  for (auto& [name, question] : questions_) {
    question->askers.clear();
    question->resolver = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&question->request));
  }
  questions_.clear();
}

void Resolver::ask(const std::string& name, Asker& asker) {
  const auto kept = answers_.find(name);
  if (kept != answers_.end() && engine_.now() < kept->second.until) {
    return asker.on_addresses(kept->second.addresses);
  }
  if (!look_up(name, &asker)) asker.on_addresses({});
}

// For nobody, if there is no asker. False: the system cannot be asked.
bool Resolver::look_up(const std::string& name, Asker* asker) {
  if (const auto asked = questions_.find(name); asked != questions_.end()) {
    if (asker != nullptr) asked->second->askers.push_back(asker);
    return true;
  }
  auto question = std::make_unique<Question>();
  question->request.data = question.get();
  question->resolver = this;
  question->name = name;
  if (asker != nullptr) question->askers.push_back(asker);
  // No AI_ADDRCONFIG: it hides ::1 on a machine whose only IPv6 address is the loopback, and an
  // address that cannot be reached fails at once anyway.
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  if (name.empty() || uv_getaddrinfo(&engine_.loop, &question->request, &Resolver::on_answer,
                                     name.c_str(), nullptr, &hints) != 0) {
    return false;
  }
  questions_.emplace(name, question.release());
  return true;
}

bool Resolver::leads_to(const std::string& name, const std::string& address) {
  const auto kept = answers_.find(name);
  if (kept == answers_.end() || engine_.now() >= kept->second.until) look_up(name, nullptr);
  if (kept == answers_.end() || kept->second.addresses.empty()) return true;
  const auto& all = kept->second.addresses;
  return std::any_of(all.begin(), all.end(),
                     [&](const SocketAddress& one) { return one.host() == address; });
}

void Resolver::distrust(const std::string& name) {
  const auto kept = answers_.find(name);
  if (kept == answers_.end() || kept->second.addresses.empty()) return;
  kept->second.until = std::min(kept->second.until, engine_.now());
}

void Resolver::forget(Asker& asker) {
  for (auto& [name, question] : questions_) {
    if (std::erase(question->askers, &asker) == 0) continue;
    // If it is running already, its answer is kept for the next one.
    if (question->askers.empty()) uv_cancel(reinterpret_cast<uv_req_t*>(&question->request));
    return;
  }
}

void Resolver::on_answer(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  const std::unique_ptr<Question> question{static_cast<Question*>(request->data)};
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    addresses.push_back(SocketAddress::copy(*at));
  }
  uv_freeaddrinfo(found);
  Resolver* resolver = question->resolver;
  if (resolver == nullptr) return;
  resolver->engine_.begin_turn();
  resolver->questions_.erase(question->name);
  if (status == UV_EAI_CANCELED) {
    // Cancelled, and then asked for again before libuv told us.
    for (Asker* asker : question->askers) resolver->ask(question->name, *asker);
    return;
  }
  for (Asker* asker : question->askers) asker->on_addresses(addresses);
  resolver->keep(question->name, std::move(addresses));
}

void Resolver::keep(const std::string& name, std::vector<SocketAddress> addresses) {
  const Instant now = engine_.now();
  if (answers_.size() >= kNamesMax) {
    std::erase_if(answers_, [now](const auto& entry) { return entry.second.until <= now; });
    if (answers_.size() >= kNamesMax) return;
  }
  const Instant until = now + (addresses.empty() ? kFailureKept : engine_.street.names_kept());
  answers_.insert_or_assign(name, Answer{std::move(addresses), until});
}

}  // namespace weir::proxy::io
