#include "proxy/tls/sessions.h"

#include <utility>

namespace weir::proxy::tls {

namespace {

void end(void*, void* sessions, CRYPTO_EX_DATA*, int, long, void*) {
  const std::unique_ptr<Sessions> last_owner{static_cast<Sessions*>(sessions)};
}

int place() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, end);
  return index;
}

}  // namespace

SessionPtr Sessions::copy_for(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto at = kept_.find(host);
  return SessionPtr{at == kept_.end() || !at->second ? nullptr : SSL_SESSION_dup(at->second.get())};
}

void Sessions::keep(const std::string& host, const SSL_SESSION& session) {
  SessionPtr copy{SSL_SESSION_dup(&session)};
  const std::lock_guard lock(mutex_);
  if (copy && (!kept_.contains(host) || kept_[host])) put(host, std::move(copy));
}

void Sessions::give_up(const std::string& host) {
  const std::lock_guard lock(mutex_);
  put(host, nullptr);
}

void Sessions::put(const std::string& host, SessionPtr session) {
  if (kept_.size() >= kHostsMax && !kept_.contains(host)) kept_.erase(kept_.begin());
  kept_[host] = std::move(session);
}

bool Sessions::hang_on(SSL_CTX& context) {
  auto sessions = std::make_unique<Sessions>();
  if (place() < 0 || SSL_CTX_set_ex_data(&context, place(), sessions.get()) != 1) return false;
  static_cast<void>(sessions.release());  // The context ends it.
  return true;
}

Sessions& Sessions::of(SSL& connection) {
  return *static_cast<Sessions*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(&connection), place()));
}

}  // namespace weir::proxy::tls
