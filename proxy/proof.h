// proof.h: which proof a client has to give, where its secrets are found, and the giving of it.
//
// auth_type or the HBA file says the method; the secrets are auth_file's, else auth_query's.
// Whoever is unknown goes the same way as the known and is refused in the same words.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/instant.h"
#include "protocol/client_login.h"
#include "proxy/config/config.h"
#include "proxy/credential.h"
#include "proxy/mail.h"

namespace weir::proxy {

class Client;
class Worker;

class Proof {
 public:
  enum class Step : unsigned char {
    more,     // A message of the client's is due.
    waits,    // Not the client is asked: on_secrets() or on_time() follows.
    proved,   // AuthenticationOk is in `out`.
    refused,  // See fault().
  };

  // `uid`: of a unix socket's peer.
  // `replication`: it comes for physical replication.
  Proof(Worker& worker, Client& client, std::string database, std::optional<std::uint32_t> uid,
        bool replication);

  ~Proof();
  Proof(const Proof&) = delete;
  Proof& operator=(const Proof&) = delete;

  Step start(Buffer& out);
  // The body of a 'p' message, whole.
  Step on_message(Bytes body, Buffer& out);
  // What auth_query has said. `kept`: earlier, to somebody else.
  Step on_secrets(std::vector<std::string> secrets, bool failed, bool kept, Buffer& out);
  // REQUIRES: it waits, and not_before() has come.
  Step on_time(Buffer& out);
  // kNever: it does not wait for a time.
  Instant not_before() const { return not_before_; }

  const Fault& fault() const { return fault_; }
  // The refusal was for a wrong password: it counts against its address.
  bool counts() const { return counts_; }
  // REQUIRES: proved.
  Credential credential() const;

 private:
  enum class Method : unsigned char { any, trust, cert, peer, password };

  Step choose(Buffer& out);
  std::optional<Fault> choose_by_hba();
  void choose_by_type(config::AuthType type);
  Step find_secrets(Buffer& out);
  std::optional<InquiryId> whom_to_ask() const;
  std::string offered_to() const;
  Step prove(std::vector<std::string> secrets, Buffer& out);
  Step check_presence(bool known, Buffer& out);
  Step ask_password(std::vector<std::string> secrets, Buffer& out);
  Step follow(protocol::ClientLogin::Step step);
  Step failed();
  Step refuse(Fault fault);
  Step refuse(const char* sqlstate, std::string text, std::string hint = {});
  std::optional<std::string> certificate_name() const;
  bool certificate_fits() const;
  bool peer_fits() const;

  Worker& worker_;
  Client& client_;
  const std::string database_;
  const std::optional<std::uint32_t> uid_;
  const bool replication_;
  Method method_ = Method::password;
  protocol::AuthType by_ = protocol::AuthType::scram_sha_256;
  std::string map_;          // Of the HBA rule; empty: names must be equal.
  bool by_subject_ = false;  // The whole subject of the certificate counts.
  bool looked_up_ = false;   // By auth_query.
  bool kept_ = false;        // It had been asked before.
  bool asked_again_ = false;
  bool counts_ = false;
  std::size_t secrets_count_ = 0;
  std::size_t offer_ = 0;  // Which of them is asked for, counted round.
  Instant not_before_ = kNever;
  std::string found_;  // The secret that auth_query gave.
  std::unique_ptr<protocol::ClientLogin> login_;
  Fault fault_{};
};

}  // namespace weir::proxy
