// auth.h: a client's way in: PROXY header, encryption, startup packet, proof, and what is wrong
// with any of them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/collector.h"
#include "protocol/framer.h"
#include "protocol/parameters.h"
#include "protocol/proxy_header.h"
#include "protocol/startup.h"
#include "proxy/proof.h"
#include "proxy/replication_wish.h"
#include "proxy/welcome.h"

namespace weir::proxy {

class Client;
class Worker;

class Auth {
 public:
  // `uid`: of a unix socket's peer. Our own user may always enter the console.
  Auth(Worker& worker, Client& client, std::optional<std::uint32_t> uid);

  // The connection is there, and has not said anything yet.
  void arrive();
  // Takes bytes off the front of `bytes` until the client is admitted or refused. The client may
  // be gone afterwards.
  void take(Bytes& bytes);
  // What the startup packet asked for; empty before it.
  const std::string& database() const { return database_; }
  void on_secured();
  void on_secrets(std::vector<std::string> secrets, bool failed, bool kept);
  // When on_time() is due; kNever: not at all.
  Instant not_before() const { return proof_ ? proof_->not_before() : kNever; }
  void on_time();

 private:
  bool take_header(Bytes& bytes);
  bool knock();
  bool take_direct(Bytes& bytes);
  // False: the client has been refused, or needs no more of us.
  bool take_startup(Bytes& bytes);
  void take_proof(Bytes& bytes);
  bool answer_encryption(protocol::Startup::Kind kind, Bytes rest);
  bool begin(const protocol::Startup& startup);
  bool take_parameters(const protocol::Startup& startup, Buffer& out);
  bool take_options(const std::string& options);
  bool take_parameter(const std::string& name, const std::string& value);
  void negotiate(const protocol::Startup& startup, Buffer& out);
  bool start_login(Buffer& out);
  bool follow(Proof::Step step, const Buffer& out);
  void go_on(Proof::Step step, const Buffer& out);
  bool enters_by_right() const;
  void name_host();
  bool refuse(const char* sqlstate, std::string text, std::string hint = {});
  void admit();

  Worker& worker_;
  Client& client_;
  const std::optional<std::uint32_t> uid_;
  std::optional<protocol::ProxyHeaderReader> header_;  // While one is due.
  bool knocked_ = false;
  bool waits_ = false;  // For a handshake, an answer or a time: nothing is taken meanwhile.
  bool ssl_asked_ = false;
  bool gssenc_asked_ = false;
  bool long_key_ = false;
  protocol::StartupReader reader_;
  protocol::Framer framer_{protocol::kPasswordBytesMax};
  protocol::Collector collector_;
  std::string user_;
  std::string database_;
  Asked asked_;
  std::optional<ReplicationWish> replication_;  // None: an ordinary session.
  std::optional<Proof> proof_;
};

}  // namespace weir::proxy
