// sessions.h: sessions with servers, kept for the next handshake with the same host. They hang on
// the context under which the server was verified, so that a new certificate store forgets them.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "proxy/tls/openssl.h"

namespace weir::proxy::tls {

class Sessions {
 public:
  static constexpr std::size_t kHostsMax = 1024;

  // Every connection has a copy of its own: OpenSSL writes into the session that it uses.
  SessionPtr copy_for(const std::string& host) const;
  void keep(const std::string& host, const SSL_SESSION& session);
  // Keeps none of this host from now on: it gives tickets and breaks off when it gets one back, as
  // PostgreSQL did before 9.6.4 and again in the releases of August 2024 (npgsql 576 and 5813).
  void give_up(const std::string& host);

  // Makes a context keep sessions, and gives those it keeps.
  static bool hang_on(SSL_CTX& context);
  static Sessions& of(SSL& connection);

 private:
  void put(const std::string& host, SessionPtr session);

  mutable std::mutex mutex_;
  std::map<std::string, SessionPtr> kept_;  // None: given up.
};

}  // namespace weir::proxy::tls
