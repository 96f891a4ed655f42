// credential.h: what is known of a pool's user, for logging in to its servers.
#pragma once

#include <optional>
#include <string>

#include "protocol/crypto.h"
#include "protocol/scram.h"

namespace weir::proxy {

struct Credential {
  Credential() = default;
  Credential(const Credential&) = default;
  Credential& operator=(const Credential&) = default;
  ~Credential() {
    protocol::wipe(secret);
    protocol::wipe(password);
  }

  std::string secret;                       // As auth_query gave it; empty: it was not asked.
  std::string password;                     // As a client has proved it in clear text.
  std::optional<protocol::ScramKeys> keys;  // As a client has proved them by SCRAM.
};

}  // namespace weir::proxy
