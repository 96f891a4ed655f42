// client.h: one connection from an application, from its startup packet to its last byte.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/slots.h"
#include "protocol/framer.h"
#include "protocol/message.h"
#include "protocol/parameters.h"
#include "protocol/result.h"
#include "proxy/stream.h"
#include "proxy/world.h"

namespace weir::proxy {

class Auth;
class Console;
class Replication;
class Server;
class Share;
class Worker;
struct DatabaseCommons;
struct NamedLimits;

// How a client and pgweir part.
enum class Parting : unsigned char {
  terminated,  // It said so; what it had asked for before is still done.
  vanished,    // Its connection broke: what it had asked for is cancelled.
  refused,     // We end it, and it is told why.
};

class Client final : public pool::ClientSlot, private StreamUser {
 public:
  Client(Worker& worker, std::uint64_t id, std::uint32_t place, const Address& address);
  ~Client();

  // `uid`: of a unix socket's peer.
  void adopt(Socket socket, std::optional<std::uint32_t> uid);

  // The client has its server, or its settings are in place: what it has sent goes on.
  void go_on();
  // Answers the request in line itself: the fault as an ERROR, and the session goes on. The rest
  // of the request is read past. REQUIRES: parked.
  void answer_in_line(const Fault& fault);
  // Says why (FATAL), lets it leave, then closes.
  void refuse(const Fault& fault);
  // No message of the client's is half way.
  bool between_messages() const { return framer_.at_boundary(); }

  // It has had an error in line, and the rest of that request is still to come.
  bool reads_past() const { return skip_ != Skip::none; }

  // "shop/app@127.0.0.1:5000"
  std::string name() const;
  Share* share() const;
  Server* linked() const;
  const std::string& user() const { return user_; }
  const Address& address() const { return address_; }
  bool is_local() const { return address_.family == Address::Family::unix_socket; }
  // A balancer has said who is behind it.
  void set_address(const Address& address) { address_ = address; }
  // For a login that waits: see Auth.
  void on_secrets(std::vector<std::string> secrets, bool failed, bool kept);
  Instant login_not_before() const;
  void on_login_time();
  const std::string& database() const;
  void set_identity(std::string user, bool long_key);
  void enter_console(std::unique_ptr<Console> console);
  Console* console() { return console_.get(); }
  // A NOTICE. REQUIRES: no message to it is half way.
  void notify(std::string text);
  // Greets: AuthenticationOk has left already; `statuses` of parameters, key, ReadyForQuery.
  void greet(Bytes statuses);

  // For cancel requests (manual: Canceling Requests in Progress).
  bool key_matches(Bytes key) const;

  const std::uint64_t id;
  const Instant connected_at;
  const std::uint32_t place;  // Index in the worker's table; part of the pid it is told.
  Stream stream;
  protocol::SettingsRef settings;  // Tracked parameters, as it was told last.
  // Of its startup packet: what RESET goes back to.
  protocol::SettingsRef startup;  // Tracked parameters that its server tells of.
  protocol::SettingsRef extras;   // All others: see protocol/extras.h.
  // Those of `settings` that it has asked for or set; the others are the server's own, as
  // `own_settings` of its last server, or of its greeting, say.
  protocol::TrackedMask touched = 0;
  protocol::SettingsRef based_on;
  // A server has accepted all of them, so they may be set in the same write as a request.
  bool settings_proved = false;
  bool waits_for_settings = false;  // Until the server has answered our SET.
  // Until the server has answered some of what it owes, or no cancel is on its way to it.
  bool waits_for_ledger = false;
  bool told_to_wait = false;  // Since it is parked.
  bool queued_to_go_on = false;
  // For the timeouts of worker_timeouts.cc.
  Instant shortest_timeout = kNever;  // Of those that apply to it.
  Instant greeted_at = 0;
  Instant life_end = kNever;           // By client_lifetime.
  Instant asked_at = 0;                // It asked when nothing was owed to it.
  Instant answered_at = 0;             // It was told ReadyForQuery, or seen pausing before a Sync.
  std::size_t unsent_bytes = 0;        // Of its answer, when it was last looked at.
  Instant began_at = 0;                // Its transaction.
  bool overdue = false;                // query_timeout has cancelled what it waits for.
  Replication* replication = nullptr;  // While it is `replicating`.
  // While it counts against max_client_conn and its kin.
  DatabaseCommons* counted_database = nullptr;
  NamedLimits* counted_user = nullptr;
  bool counted_address = false;  // By the gate.

 private:
  friend class Auth;
  std::size_t on_bytes(Bytes bytes) override;
  void on_sent() override;
  void on_gone(int error) override;
  void on_secured() override;
  void on_broken(const Fault& fault) override;

  void end_login();
  std::size_t take_login(Bytes bytes);
  std::size_t take_requests(Bytes bytes);
  enum class Begin : unsigned char { pass, swallow, wait, stop };
  Begin begin_request(const protocol::Piece& piece);
  Begin begin_linked(const protocol::ClientMessage& message);
  void end_request(const protocol::Piece& piece);
  void note_statement_name(const protocol::Piece& piece);
  void protocol_violation(std::string text);
  void bad_length();
  void overlong(const protocol::ClientMessage& message);

  std::array<std::uint8_t, 32> cancel_secret() const;

  Worker& worker_;
  protocol::Framer framer_;
  enum class Skip : unsigned char { none, message, to_sync };
  Skip skip_ = Skip::none;
  bool parked_alone_ = false;  // The request in line fails by itself, not up to a Sync.
  bool swallowing_ = false;    // The message at hand goes nowhere.
  bool watch_name_ = false;    // The first byte of a Parse's body is still to come.
  bool long_key_ = false;      // Protocol 3.2: a key of 32 bytes.
  Address address_;
  std::string user_;
  std::unique_ptr<Auth> auth_;
  std::unique_ptr<Console> console_;
};

}  // namespace weir::proxy
