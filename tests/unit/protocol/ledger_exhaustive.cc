// Every sequence of requests up to a small length, with every interleaving of requests and
// answers, against a model of PostgreSQL: each answer is named for the right request, and the
// ledger is settled exactly when the server is. Planted faults must be found, or we are blind.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/ledger.h"
#include "tests/unit/protocol/backend_model.h"

using namespace weir::protocol;
using weir::protocol::testing::Backend;
using weir::protocol::testing::kMessages;
using weir::protocol::testing::Message;

namespace {

enum class Fault { none, ours_late, deaf_to_copy_done, deaf_to_errors, misnamed, sync_unnoted };

// --- (a) The order of forward, drop and ours.

struct Orders {
  Fault fault = Fault::none;
  long runs = 0;
  std::string counterexample;

  void all(std::size_t length) {
    std::vector<Action> actions;
    grow(actions, length);
  }
  void grow(std::vector<Action>& actions, std::size_t length) {
    if (actions.size() == length) {
      for (unsigned plan = 0; plan < 1u << length; ++plan) run(actions, plan);
      return;
    }
    for (const Action action : {Action::forward, Action::drop, Action::ours}) {
      actions.push_back(action);
      grow(actions, length);
      actions.pop_back();
    }
  }
  // Bit i of `plan`: all answers that are due come before request i.
  void run(const std::vector<Action>& actions, unsigned plan) {
    ++runs;
    Ledger ledger;
    std::string out, want;
    std::vector<char> due;
    const auto pay = [&] {
      while (ledger.take_ours()) out += 'o';
    };
    const auto answer_all = [&] {
      for (const char name : due) {
        const bool forwarded = ledger.on_answer('1') == Verdict::forward;
        if (forwarded) out += name;
        if (fault != Fault::ours_late || forwarded) pay();
      }
      due.clear();
    };
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const char name = static_cast<char>('a' + i);
      if ((plan >> i & 1) != 0) answer_all();
      ledger.note(Request::parse, actions[i]);
      if (actions[i] != Action::ours) due.push_back(name);
      if (actions[i] == Action::forward) want += name;
      if (actions[i] == Action::ours) want += 'o';
      if (fault != Fault::ours_late || ledger.owed() == 1) pay();
    }
    answer_all();
    if (counterexample.empty() && (out != want || ledger.owed() != 0)) {
      for (const Action action : actions) counterexample += "FDO"[static_cast<int>(action)];
    }
  }
};

// --- (b) Against the model of a server.

std::optional<Request> request_of(char type) {
  constexpr std::string_view kTypes = "QFPBDECScf";
  const auto at = kTypes.find(type);
  if (at == std::string_view::npos) return std::nullopt;
  return at >= 8 ? Request::copy_end : static_cast<Request>(at);
}

Verdict verdict_of(Action action) {
  return action == Action::drop ? Verdict::drop : Verdict::forward;
}

struct Conversation {
  Ledger ledger;
  Backend backend;
  std::string story;  // Letters sent, and '<' with the tag of each answer that came.
  int sent = 0;
  bool sync_in_copy = false;  // Sent while we knew of the COPY.
  int last_sync = -1;
  bool sync_eaten = false;  // By the COPY that runs.
  bool may_doubt = false;
};

class Search {
 public:
  Search(std::string_view alphabet, int length, unsigned dropped, Fault fault = Fault::none)
      : alphabet_(alphabet), length_(length), dropped_(dropped), fault_(fault) {}

  long answers_seen = 0;
  std::string counterexample;

  void run() { go(Conversation{}); }

 private:
  Action action(int request) const {
    return (dropped_ >> request & 1) != 0 ? Action::drop : Action::forward;
  }

  void go(const Conversation& now) {
    if (!counterexample.empty()) return;
    judge(now);
    if (!now.backend.answers.empty()) {
      Conversation next = now;
      if (deliver(next)) go(next);
    }
    if (now.sent == length_ || now.backend.dead()) return;
    for (const char letter : alphabet_) {
      for (const Message& message : kMessages) {
        if (message.letter != letter) continue;
        Conversation next = now;
        send(next, message);
        go(next);
      }
    }
  }

  void send(Conversation& to, const Message& message) {
    if (message.type == 'S' && to.ledger.copying_in()) to.sync_in_copy = to.may_doubt = true;
    if (message.type == 'S') to.last_sync = to.sent;
    const auto request = request_of(message.type);
    const bool deaf = fault_ == Fault::deaf_to_copy_done && request == Request::copy_end;
    const bool lost = fault_ == Fault::sync_unnoted && request == Request::sync;
    if (request && !deaf && !lost) to.ledger.note(*request, action(to.sent));
    to.backend.read(message, to.sent++);
    to.story += message.letter;
  }

  // The next answer comes. False when nothing can be said of what follows.
  bool deliver(Conversation& to) {
    ++answers_seen;
    const Backend::Answer answer = to.backend.answers.front();
    to.backend.answers.pop_front();
    to.story += {'<', answer.tag};
    if (answer.tag == 'G') to.sync_eaten = to.last_sync > answer.request;
    if (answer.tag == 'E' && to.sync_eaten) to.may_doubt = true;
    if (answer.tag == 'C') to.sync_eaten = false;
    if (fault_ == Fault::deaf_to_errors && answer.tag == 'E') return true;
    Verdict verdict = to.ledger.on_answer(answer.tag);
    if (fault_ == Fault::misnamed && answer.tag == 'n') verdict = Verdict::forward;
    if (to.backend.dead()) return answer.tag != 'E';
    if (to.ledger.doubtful()) return false;
    if (verdict != verdict_of(action(answer.request))) {
      counterexample = to.story + (verdict == Verdict::desync ? ": desync" : ": misnamed");
    }
    return true;
  }

  void judge(const Conversation& now) {
    const Ledger& ledger = now.ledger;
    if (now.sync_in_copy && !ledger.doubtful()) counterexample = now.story + ": no doubt";
    if (ledger.doubtful() && !now.may_doubt) counterexample = now.story + ": needless doubt";
    if (ledger.doubtful() || now.backend.dead()) return;
    const bool owes = !now.backend.answers.empty();
    if (ledger.settled() != (!owes && now.backend.at_rest())) {
      counterexample = now.story + (ledger.settled() ? ": settled too early" : ": never settled");
    }
    if (!owes && now.backend.at_rest()) expect_silence(now);
  }

  // Nothing is owed: whatever comes now, nobody asked for.
  void expect_silence(const Conversation& now) {
    for (const char tag : std::string_view{"123CDGHITVZcdnst"}) {
      Ledger ledger = now.ledger;
      if (ledger.on_answer(tag) != Verdict::desync) counterexample = now.story + ": not silent";
    }
  }

  std::string_view alphabet_;
  int length_;
  unsigned dropped_;
  Fault fault_;
};

constexpr std::string_view kAll = "Q1q2FP3BDN4X5Ise6CS7Hcfdb";
constexpr std::string_view kCopies = "Qqe6PScb";
constexpr std::string_view kPipelines = "Q1P3S7";
constexpr unsigned kMasks[] = {0b010101, 0b110011};

std::string search(std::string_view alphabet, int length, Fault fault = Fault::none) {
  long answers = 0;
  for (const unsigned dropped : kMasks) {
    Search search{alphabet, length, dropped, fault};
    search.run();
    answers += search.answers_seen;
    if (!search.counterexample.empty()) return search.counterexample;
  }
  MESSAGE(alphabet, " up to ", length, ": ", answers, " answers");
  return {};
}

}  // namespace

TEST_CASE("answers leave in the order of their requests, whoever writes them") {
  Orders orders;
  for (std::size_t length = 1; length <= 7; ++length) orders.all(length);
  CHECK(orders.counterexample.empty());
  CHECK(orders.runs > 300'000);
}

TEST_CASE("answers of ours that wait for a forwarded one are found out") {
  Orders orders;
  orders.fault = Fault::ours_late;
  for (std::size_t length = 1; length <= 4; ++length) orders.all(length);
  CHECK_FALSE(orders.counterexample.empty());
}

TEST_CASE("the ledger owes what PostgreSQL owes, for every kind of message") {
  CHECK(search(kAll, 3) == "");
}

TEST_CASE("the ledger owes what PostgreSQL owes through COPY and its lost Syncs") {
  CHECK(search(kCopies, 5) == "");
}

TEST_CASE("the ledger owes what PostgreSQL owes through pipelines that fail anywhere") {
  CHECK(search(kPipelines, 5) == "");
}

TEST_CASE("every planted fault is found") {
  for (const Fault fault :
       {Fault::deaf_to_copy_done, Fault::deaf_to_errors, Fault::misnamed, Fault::sync_unnoted}) {
    CAPTURE(static_cast<int>(fault));
    CHECK(search(kAll, 3, fault) != "");
  }
}
