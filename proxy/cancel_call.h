// cancel_call.h: one CancelRequest on its way to a server (manual: Canceling Requests in Progress).
//
// It goes encrypted where the server's own connection is. PostgreSQL answers by closing the
// connection once the signal has been sent. Until then the server it is for must not get another
// client, or that client's query would be hit.
#pragma once

#include <cstdint>

#include "pool/deadlines.h"
#include "protocol/bytes.h"
#include "proxy/secure_start.h"
#include "proxy/stream.h"

namespace weir::proxy {

class Server;
class Worker;

class CancelCall final : public pool::Deadline, private StreamUser {
 public:
  CancelCall(Worker& worker, Server& server);
  void dial();

  std::uint64_t server_id() const { return server_id_; }

 private:
  void on_open(const Target& peer) override;
  std::size_t on_bytes(Bytes bytes) override;
  void on_gone(int error) override;
  void on_secured() override { send(); }
  void on_broken(const Fault& fault) override;

  void follow(SecureStart::Step step);
  void send();

  Worker& worker_;
  const std::uint64_t server_id_;
  Target target_;
  const Security security_;
  std::uint32_t pid_;
  Buffer key_;
  bool sent_ = false;

 public:
  Stream stream;

 private:
  SecureStart securing_;
};

}  // namespace weir::proxy
