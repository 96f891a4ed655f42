// inquiry.h: asks PostgreSQL for a user's secret (auth_query), over a connection of its own: no
// client's settings, queries or answers ever touch it, and a user's name goes out as a parameter.
//
// One for each database that is asked; one question at a time. Who asks waits, until its
// client_login_timeout at the most.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/deadlines.h"
#include "protocol/collector.h"
#include "protocol/framer.h"
#include "protocol/server_login.h"
#include "proxy/config/config.h"
#include "proxy/mail.h"
#include "proxy/secure_start.h"
#include "proxy/stream.h"

namespace weir::proxy {

class Worker;

inline constexpr std::size_t kInquiriesMax = 32;           // Connections of one worker.
inline constexpr std::size_t kQuestionsMax = 10'000;       // Waiting at one of them.
inline constexpr std::size_t kAnswersKeptMax = 10'000;     // auth_query_cache_time.
inline constexpr int kQuestionTriesMax = 2;                // Of a question that ends connections.
inline constexpr Instant kInquiryRetry = kSecond;          // After a failure.
inline constexpr Instant kAnswerWaitMax = 10 * kSecond;    // Then the connection is given up.
inline constexpr std::uint32_t kAnswerBytesMax = 1 << 18;  // Of one message of an answer.

class Inquiry final : public pool::Deadline, private StreamUser {
 public:
  // Its database is a name that the configuration in force knows.
  Inquiry(Worker& worker, InquiryId id);
  ~Inquiry();

  // SecretFound goes to the asker: from what is kept, unless `fresh`, or when the server has said.
  void ask(const std::string& user, const Asker& asker, bool fresh);
  // The configuration has changed: what is kept is forgotten, a connection of the old one closed.
  void reload();
  void on_deadline();
  // Nobody waits.
  bool idle() const { return questions_.empty(); }
  Instant asked_at() const { return asked_at_; }
  void close();

 private:
  struct Question {
    std::string user;
    Instant since;
    std::vector<Asker> askers;
    int tries = 0;  // That ended without an answer.
  };
  struct Kept {
    std::optional<std::string> secret;
    Instant since;
    Instant until;
  };
  enum class State : unsigned char { closed, dialing, securing, logging_in, ready, asking };

  void on_open(const Target& peer) override;
  std::size_t on_bytes(Bytes bytes) override;
  void on_gone(int error) override;
  void on_secured() override { start_login(); }
  void on_broken(const Fault& fault) override { fail(fault.text, false); }

  void go_on();
  void dial();
  void forget_kept();
  void login_refused(const Fault& fault, bool certain);
  bool try_other_password(const Fault& fault);
  std::vector<std::string> passwords() const;
  void follow(SecureStart::Step step);
  void start_login();
  void take_login(Bytes bytes);
  void put_question();
  void take_answer(Bytes bytes);
  bool take_message(char tag, Bytes body);
  void take_row(Bytes body);
  void answer();
  void tell(const Question& question, const std::optional<std::string>& secret, bool failed,
            bool kept = false);
  // `certain`: whoever waits is told; else the next attempt may help them.
  void fail(const std::string& why, bool certain);
  bool lost(const Question& question) const;
  void say(const std::string& what);

  Worker& worker_;
  const InquiryId id_;
  State state_ = State::closed;
  Security security_;
  Stream stream_;
  std::unique_ptr<SecureStart> securing_;
  std::unique_ptr<protocol::ServerLogin> login_;
  protocol::Framer framer_{kAnswerBytesMax};
  protocol::Collector collector_;
  std::deque<Question> questions_;  // The first is the one that is asked.
  std::map<std::string, Kept> kept_;
  std::uint32_t host_turn_ = 0;
  std::uint32_t password_turn_ = 0;  // While the password of auth_user is being rotated.
  std::size_t passwords_refused_ = 0;
  Instant asked_at_ = 0;
  Instant retry_at_ = 0;
  bool no_such_database_ = false;  // While fail() says so.
  bool refused_ = false;  // The last failure would happen again: nobody needs to wait for that.
  Instant opened_at_ = 0;
  std::size_t rows_ = 0;
  std::optional<std::string> secret_;  // Of the answer at hand.
  std::string complaint_;              // About the answer at hand.
  std::string said_;                   // To the log, last,
  Instant said_at_ = 0;                // and when.
};

}  // namespace weir::proxy
