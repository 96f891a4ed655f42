// replication.h: a replication client and the server that it has for itself: made for it alone with
// its own startup parameters, closed with it. Nothing between the two is read: in CopyBoth both
// talk at once, and whatever the one says is the other's.
//
// The connection counts against every limit that a pool's servers count against.
#pragma once

#include <cstdint>
#include <memory>

#include "pool/deadlines.h"
#include "protocol/collector.h"
#include "protocol/framer.h"
#include "protocol/message.h"
#include "protocol/server_login.h"
#include "proxy/commons.h"
#include "proxy/mail.h"
#include "proxy/replication_wish.h"
#include "proxy/secure_start.h"
#include "proxy/stream.h"

namespace weir::proxy {

class Client;
class Share;
class Worker;

inline constexpr Instant kPlacePause = 20 * kMillisecond;  // To look again for a free place.

class Replication final : public pool::Deadline, private StreamUser {
 public:
  // `client` is in the state `replicating`.
  Replication(Worker& worker, Client& client, const PoolId& pool, ReplicationWish wish);
  ~Replication();

  const std::string& database() const { return entry_.id.database; }
  // A place is free, or will be.
  void begin();
  void on_deadline();
  // What the client says; how much of it was taken.
  std::size_t take(Bytes bytes);
  // The client goes, or is being refused.
  void leave();
  // Refuses the client.
  void fail(const Fault& fault);
  void close();

 private:
  enum class State : unsigned char {
    waiting,
    dialing,
    securing,
    logging_in,
    relaying,
    leaving,
    closed
  };

  void on_open(const Target& peer) override;
  std::size_t on_bytes(Bytes bytes) override;
  void on_gone(int error) override;
  void on_secured() override { start_login(); }
  void on_broken(const Fault& fault) override { lose_host(fault); }

  bool take_place();
  void dial();
  void follow(SecureStart::Step step);
  void start_login();
  std::size_t take_login(Bytes bytes);
  void login_failed();
  void welcome();
  void lose_host(const Fault& fault);
  void part();
  void end();
  Instant patience() const;

  Worker& worker_;
  Client* client_;  // None once it has gone.
  PoolEntry& entry_;
  ReplicationWish wish_;
  const Instant since_;
  State state_ = State::waiting;
  Target aim_;
  Instant dialled_at_ = 0;
  Security security_;
  Stream stream_;
  std::unique_ptr<SecureStart> securing_;
  std::unique_ptr<protocol::ServerLogin> login_;
  protocol::Framer framer_{protocol::kAnyLength};
  protocol::Collector collector_;
};

}  // namespace weir::proxy
