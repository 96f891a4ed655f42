// server.h: one connection to PostgreSQL, from dialling to its last byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "pool/slots.h"
#include "protocol/collector.h"
#include "protocol/framer.h"
#include "protocol/ledger.h"
#include "protocol/message.h"
#include "protocol/parameters.h"
#include "protocol/server_login.h"
#include "proxy/commons.h"
#include "proxy/mail.h"
#include "proxy/secure_start.h"
#include "proxy/stream.h"

namespace weir::proxy {

class Client;
class Share;
class Worker;

// Why a server goes.
inline constexpr std::string_view kConfigurationChanged = "database configuration changed";
inline constexpr std::string_view kAddressChanged = "its host has another address now";
inline constexpr std::string_view kHalfMessage = "idle server in the middle of a message";

class Server final : public pool::ServerSlot, private StreamUser {
 public:
  Server(Worker& worker, Share& share, std::uint64_t id);
  ~Server();

  void dial(const Target& host, std::uint32_t turn, bool on_trial);
  void arrive(HandOver letter);
  // REQUIRES: fit_to_travel(). The connection leaves; this object stays as a shell.
  HandOver pack();
  bool fit_to_travel() const;

  // The server has been told something that it must be taken leave of.
  bool has_spoken() const { return state != pool::ServerState::logging_in || login_ != nullptr; }
  bool waits_for_password() const { return waits_for_password_; }
  void on_password(const PasswordReady& letter);

  // Sends a query of our own whose answer the client never sees.
  void ask(std::string_view sql);
  // Ends a COPY FROM STDIN in its client's stead. REQUIRES: one is open, and no message of the
  // client's is half way.
  void fail_copy(std::string_view why);
  // While Worker::ready_for_query() runs: our query failed, and how.
  bool own_query_failed() const { return own_query_failed_; }
  // The last error that no client was shown; empty text when there was none.
  const Fault& own_fault() const { return own_fault_; }
  // The linked client has been told by the server that its session is over.
  bool client_told() const { return client_told_; }

  // What it tells with its greeting.
  void learn(const Parameters& parameters);
  // Its value of this tracked parameter is its own, where `of` came in with another.
  bool gone_back(const Client& of, std::size_t index) const;
  // Its session has another user or other rights than the one that logged in.
  bool acts_as_another() const { return !(identity_ == login_identity_); }
  // Its client still has to be told ReadyForQuery: true once.
  bool take_withheld() { return std::exchange(ready_withheld_, false); }

  // Nothing is owed, no transaction is open, no message is half way.
  bool clean() const;
  // Idle in a transaction: a ROLLBACK would be all that it still needs.
  bool fit_to_roll_back() const;
  bool between_messages() const { return framer_.at_boundary(); }
  // A message for its client is half way: nothing may be put behind it.
  bool broke_off() const { return passing_; }
  // More has come with the message at hand: who it belongs to is not known yet.
  bool more_at_hand() const { return more_at_hand_; }
  // Says goodbye; the server hangs up. `terminate`: a Terminate message would not fall into the
  // middle of another.
  void say_goodbye(bool terminate);

  Share& share() const;
  Client* linked() const;
  // As it was made: in plain text when the server would not have it otherwise.
  Security security_in_force() const;

  const std::uint64_t id;
  Stream stream;
  protocol::Ledger ledger;
  protocol::SettingsRef settings;      // Tracked parameters, as it told last,
  protocol::SettingsRef own_settings;  // and at its login.
  protocol::SettingsRef extras;        // Of its last client, set by us.
  char status = 'I';                   // Of the last ReadyForQuery: I, T or E.
  std::uint32_t pid = 0;
  Buffer cancel_key;
  Target aim;          // What was dialled: a host of the configuration.
  bool trial = false;  // See Share::Aim.
  Instant dialled_at = 0;
  Target target;                    // The name dialled, then the address reached: cancels go there.
  Security security;                // In which way; cancels, too.
  std::uint32_t host_turn = 0;      // See Share::Aim; of no use once it has logged in.
  std::uint32_t password_turn = 0;  // See PoolEntry.
  std::size_t generation = 0;       // Of the configuration it was dialled with.
  std::uint32_t cancels_pending = 0;  // Cancel requests on their way to it.
  std::uint64_t last_client = 0;      // Whose session left its traces here.
  bool has_named_statements = false;  // Made by last_client.
  bool in_connect_query = false;      // Its test is the database's connect_query.
  bool last_warning = false;          // It has been asked twice to leave.
  Instant tested_at = -1;
  bool extras_sure = true;          // Nothing has been RESET since.
  bool went_back = false;           // To values of its own: its client's are due.
  bool was_reset = false;           // Not only by the look of what it tells.
  bool cancel_wanted = false;       // Once our own query is answered.
  bool release_put_off = false;     // Until all that has come at once has been looked at.
  bool ending_put_off = false;      // Of its session: likewise.
  Instant half_way_since = kNever;  // Its client is done, but it has begun one more message.
  std::string why_leaving;

 private:
  void on_open(const Target& peer) override;
  std::size_t on_bytes(Bytes bytes) override;
  void on_gone(int error) override;
  void on_secured() override;
  void on_broken(const Fault& fault) override;

  void take_consent(Bytes bytes);
  void follow(SecureStart::Step step);
  void start_login();
  void log_in(const std::string& printed);
  void take_login(Bytes bytes);
  void take_answers(Bytes bytes);
  bool begin_answer(const protocol::Piece& piece);
  bool for_nobody() const;
  void doubt(const Fault& fault);
  void end_answer(const protocol::Piece& piece, std::optional<Bytes> body);
  void forward(const protocol::Piece& piece);
  void pass_on(const protocol::Piece& piece, Bytes body);
  void put_copy(const protocol::Piece& piece, Bytes body);
  void take_start(const protocol::Piece& piece);
  std::optional<Fault> note(char tag, Bytes body);
  std::optional<Fault> note_status(Bytes body);
  void note_identity(std::string_view name, std::string_view value);
  bool wants_tags() const;
  void note_tag(Bytes body);
  std::optional<Fault> note_error(Bytes body);
  std::optional<Fault> note_ready(Bytes body);
  void on_ready_for_query();
  void pay_ours();

  Worker& worker_;
  protocol::Framer framer_{protocol::kAnyLength};
  protocol::Collector collector_;
  std::unique_ptr<SecureStart> securing_;  // Until it is settled whether in plain text.
  std::unique_ptr<protocol::ServerLogin> login_;
  bool waits_for_password_ = false;  // That a command prints.
  bool own_ = false;                 // The message at hand answers a query of ours.
  bool dropping_ = false;            // The message at hand does not go to a client.
  bool passing_ = false;             // Part of the message at hand has gone to the client.
  bool more_at_hand_ = false;
  // How much of the message at hand must be understood.
  enum class Reading : unsigned char { none, start, all };
  Reading reading_ = Reading::none;
  bool own_query_failed_ = false;
  bool client_told_ = false;
  bool ready_withheld_ = false;  // Until its client's own values are back.
  Identity identity_, login_identity_;
  std::string farewell_;  // What it said when it ended the session itself.
  Fault own_fault_{"XX000", {}, {}};
};

}  // namespace weir::proxy
