// secret_book.h: the secrets of auth_file, made ready for logins. A plain password under SCRAM is
// hashed once, not at each login, so that a login neither costs a millisecond nor tells that the
// user exists. One a worker.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/client_login.h"
#include "proxy/config/config.h"

namespace weir::proxy {

class SecretBook {
 public:
  // `mock_key`: of the process; borrowed for as long as this lives.
  explicit SecretBook(Bytes mock_key) : mock_key_(mock_key) {}
  ~SecretBook();

  // Forgets all that it has hashed.
  void open(const config::Config& config);
  // Most users have SCRAM secrets: then unknown ones are asked by SCRAM, too.
  bool mostly_scram() const { return mostly_scram_; }
  // `secrets` for a login of this type, and of this `offer`.
  std::vector<std::string> ready_for(protocol::AuthType type, const std::string& user,
                                     std::vector<std::string> secrets, std::size_t offer);

 private:
  Bytes mock_key_;
  bool mostly_scram_ = false;
  std::uint32_t iterations_ = protocol::kScramIterations;
  // By the user, and what was hashed for it: a changed secret finds no old one.
  std::unordered_map<std::string, std::map<std::string, std::string>> hashed_;
};

}  // namespace weir::proxy
