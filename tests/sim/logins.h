// logins.h: who proves what to whom in a run: the clients to pgweir, and pgweir to the model
// server. Secrets have the cheapest SCRAM there is: a seed plays many logins.
#pragma once

#include <map>
#include <string>

#include "protocol/client_login.h"
#include "protocol/secret.h"
#include "tests/street/chance.h"

namespace weir::sim {

struct Logins {
  protocol::AuthType clients = protocol::AuthType::trust;  // pgweir's auth_type.
  protocol::AuthType servers = protocol::AuthType::trust;  // What PostgreSQL asks for.
  protocol::SecretKind kept = protocol::SecretKind::none;  // What pgweir's auth_file holds.
  bool named = false;                                      // [databases] says password=.

  bool proves_clients() const { return clients != protocol::AuthType::trust; }
  std::string auth_type() const;  // As the operator writes it.
  // A client's password; nobody else has it.
  static std::string password(const std::string& user) { return "pw of " + user; }
  // The secrets of users: in the auth_file, and in pg_authid.
  std::string kept_secret(const std::string& user) const;
  std::string server_secret(const std::string& user) const;
  // What stands behind a database's host and port.
  std::string database_words() const { return named ? std::string{" password="} + kShared : ""; }

 private:
  static constexpr const char* kShared = "hush";
};

Logins draw_logins(street::Chance& chance);
protocol::Entropy entropy(street::Chance& chance);

}  // namespace weir::sim
