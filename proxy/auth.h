// auth.h: a client's way in: startup packet, proof, and what is wrong with either.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/client_login.h"
#include "protocol/collector.h"
#include "protocol/framer.h"
#include "protocol/parameters.h"
#include "protocol/startup.h"

namespace weir::proxy {

class Client;
class Worker;

class Auth {
 public:
  // `own_uid`: the peer of a unix socket is our own user, who may always enter the console.
  Auth(Worker& worker, Client& client, bool own_uid);

  // Takes bytes off the front of `bytes` until the client is admitted or refused. The client may
  // be gone afterwards.
  void take(Bytes& bytes);
  // What the startup packet asked for; empty before it.
  const std::string& database() const { return database_; }

 private:
  // False: the client has been refused, or needs no more of us.
  bool take_startup(Bytes& bytes);
  void take_proof(Bytes& bytes);
  bool answer_encryption(protocol::Startup::Kind kind, Bytes rest);
  bool begin(const protocol::Startup& startup);
  bool take_parameters(const protocol::Startup& startup, Buffer& out);
  bool take_parameter(const std::string& name, const std::string& value, const char* complaint);
  void negotiate(const protocol::Startup& startup, Buffer& out);
  bool start_login(Buffer& out);
  bool step(protocol::ClientLogin::Step step, const Buffer& out);
  bool refuse(const char* sqlstate, std::string text, std::string hint = {});
  void admit();

  Worker& worker_;
  Client& client_;
  bool own_uid_;
  bool ssl_asked_ = false;
  bool gssenc_asked_ = false;
  bool long_key_ = false;
  protocol::StartupReader reader_;
  protocol::Framer framer_{protocol::kPasswordBytesMax};
  protocol::Collector collector_;
  std::string user_;
  std::string database_;
  protocol::Values values_;  // Of tracked parameters, as the client asked for them.
  std::unique_ptr<protocol::ClientLogin> login_;
};

}  // namespace weir::proxy
