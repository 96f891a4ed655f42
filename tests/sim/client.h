// client.h: a model client: it follows a script drawn from the seed, and knows what it must see.
//
// Its oracle is a Session of its own: every message that comes through the pooler must be the one
// that a private server would have sent next. What may differ is named in excuse().
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "protocol/server_login.h"
#include "tests/sim/session.h"
#include "tests/sim/stage.h"

namespace weir::sim {

// Drawn once a client.
struct Temper {
  std::string database, user;
  std::string password;
  bool impostor = false;    // That is not the password, and pgweir asks for it.
  Settings asked;           // Parameters in its startup packet.
  std::size_t bursts = 10;  // How many requests or transactions until it leaves.
  Instant think_max = 5 * kMillisecond;
  bool abrupt = false;  // May leave in the middle of anything.
  bool cancels = false;
  bool slow = false;            // Reads with pauses, and little at a time.
  bool leaver = false;          // Leaves a named statement behind.
  bool calls = false;           // Functions, by FunctionCall.
  bool quiet = false;           // Has to do with what no server tells.
  bool statement_mode = false;  // pgweir allows it no transaction blocks.
};

class Client {
 public:
  Client(Stage& stage, std::size_t id, Temper temper);

  void connect();
  const std::size_t id;
  const Temper& temper() const { return temper_; }

  bool done() const { return phase_ == Phase::done; }
  // The street has nothing left of it.
  bool forgettable() const { return done() && (peer_ == nullptr || peer_->closed()); }
  street::Peer* release_peer() { return std::exchange(peer_, nullptr); }
  bool left() const { return phase_ == Phase::leaving || done(); }
  bool may_be_cancelled() const {
    return cancels_sent_ > 0 || trespassed_ || left() || takes_too_long() || is_overdue();
  }
  // From now on it does nothing new but end what it has begun.
  void wind_down() { temper_.bursts = 0; }
  std::string name() const { return "C" + std::to_string(id); }
  std::string state() const;
  std::size_t answered() const { return answered_; }

 private:
  enum class Phase { idle, login, live, leaving, done };

  // What comes (client.cc).
  void on_event();
  void on_message(const Message& message);
  void on_login(const Message& message);
  void on_answer(const Message& message);
  bool is_ours(const Message& message);
  void on_ready();
  bool excuse(const Message& message);
  bool is_overdue() const;
  bool excuse_copy();
  void expect_failure(const Buffer& out);
  bool takes_too_long() const;
  bool excuse_timeout(const std::string& text, Instant limit);
  bool excuse_fatal(const std::string& sqlstate, const std::string& text);
  void on_hangup();
  void advance_oracle();
  void pass_silent();
  void wrong(const std::string& what);

  // What it does (client_script.cc).
  void act_later();
  void act();
  void act_between();
  void act_on_block();
  void act_in_transaction();
  void act_in_batch();
  void act_in_copy();
  void send_burst();
  void leave();
  void depart(std::size_t way);
  void add(char tag, std::string body);
  void add_query(const std::string& sql);
  void add_call();
  bool calls_now(std::size_t one_in);
  void add_extended(const std::string& sql, const std::string& statement = {});
  std::string plain_statement();
  std::string set_statement();
  std::string quiet_statement();
  std::string mark();
  void plan_cancel(bool right_key);
  void send_cancel(bool right_key);
  void be_slow();

  Stage& stage_;
  Temper temper_;
  Phase phase_ = Phase::idle;
  street::Peer* peer_ = nullptr;
  std::string in_;
  std::optional<protocol::ServerLogin> login_;
  Session oracle_;
  std::optional<Session> in_copy_;  // As it was before the end of a COPY that is not answered yet.
  Settings view_;                   // As ParameterStatus told.
  std::deque<Message> sent_;        // Not yet answered by the oracle.
  std::deque<Message> expected_;    // From the oracle, not yet come.
  Buffer burst_;                    // About to be sent.
  std::vector<Message> burst_messages_;
  std::vector<Message> held_back_;  // Of the last burst: what has not left whole.
  bool sending_ = false;            // The rest of a burst follows later.
  bool acting_ = false;             // act() is on the agenda.
  bool told_over_ = false;
  bool welcomed_ = false;     // By the notice that is for it alone.
  char seen_last_ = 0;        // The tag of the last message that was an answer.
  bool trespassed_ = false;   // Has begun a transaction in statement mode: it may be thrown out.
  bool barred_ = false;       // It has seen that the server is in one: now it must be.
  Instant came_at_ = 0;       // When it connected,
  Instant asked_at_ = 0;      // and it sent the burst at hand,
  Instant asked_before_ = 0;  // and the one before,
  Instant query_at_ = 0;      // and the query, if the burst is data for it,
  Instant began_at_ = 0;      // and the first of the transaction.
  std::size_t marks_ = 0;
  std::size_t steps_left_ = 0;  // Of the transaction.
  std::size_t cancels_sent_ = 0;
  std::size_t answered_ = 0;
  bool has_left_statement_ = false;
};

}  // namespace weir::sim
