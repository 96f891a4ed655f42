// backend_model.h: PostgreSQL's message loop (postgres.c, copyfromparse.c) in forty lines: which
// answers a sequence of requests gets. Each message is one letter; see kMessages for what it does.
#pragma once

#include <deque>
#include <string_view>

namespace weir::protocol::testing {

struct Message {
  char letter;
  char type;                   // As on the wire.
  std::string_view answers;    // Without the ReadyForQuery. 'E' last: it fails; 'G' last: COPY in.
  bool fails_in_copy = false;  // Cancelled before the COPY has read anything.
};

inline constexpr Message kMessages[] = {
    {'Q', 'Q', "C"},       {'1', 'Q', "E"}, {'q', 'Q', "G"},  {'2', 'Q', "G", true},
    {'F', 'F', "V"},       {'P', 'P', "1"}, {'3', 'P', "E"},  {'B', 'B', "2"},
    {'D', 'D', "tT"},      {'N', 'D', "n"}, {'4', 'D', "E"},  {'X', 'E', "DC"},
    {'5', 'E', "DE"},      {'I', 'E', "I"}, {'s', 'E', "Ds"}, {'e', 'E', "G"},
    {'6', 'E', "G", true}, {'C', 'C', "3"}, {'S', 'S', ""},   {'7', 'S', "E"},
    {'H', 'H', ""},        {'c', 'c', ""},  {'f', 'f', ""},   {'d', 'd', ""},
    {'b', 'd', ""},  // b: a row that the COPY chokes on.
};

class Backend {
 public:
  struct Answer {
    char tag;
    int request;  // Whose.
  };
  std::deque<Answer> answers;  // Under way to the pooler.

  bool dead() const { return dead_; }
  bool copying() const { return copying_; }
  bool at_rest() const { return !dead_ && !copying_ && !skipping_ && !batch_open_; }

  void read(const Message& message, int request) {
    if (dead_) return;
    if (copying_) return read_in_copy(message);
    if (message.type == 'c' || message.type == 'f' || message.type == 'd') return;
    if (message.type == 'S') skipping_ = false;
    if (skipping_) return;
    owner_ = request;
    extended_ = std::string_view{"QFS"}.find(message.type) == std::string_view::npos;
    if (message.type == 'H') return;
    for (const char tag : message.answers) answers.push_back({tag, owner_});
    if (extended_) batch_open_ = true;
    if (message.answers.ends_with('E')) return fail();
    if (message.fails_in_copy) return answers.push_back({'E', owner_}), fail();
    copying_ = message.answers.ends_with('G');
    if (!extended_ && !copying_) ready();
  }

 private:
  void read_in_copy(const Message& message) {
    if (message.letter == 'd' || message.type == 'H' || message.type == 'S') return;
    copying_ = false;
    if (message.type == 'c') {
      answers.push_back({'C', owner_});
      if (!extended_) ready();
      return;
    }
    answers.push_back({'E', owner_});
    if (message.type == 'f' || message.type == 'd') return fail();
    answers.push_back({'E', owner_});  // FATAL: protocol synchronization was lost.
    dead_ = true;
  }
  void fail() { extended_ ? void(skipping_ = true) : ready(); }
  void ready() {
    batch_open_ = false;
    answers.push_back({'Z', owner_});
  }

  int owner_ = 0;
  bool extended_ = false, skipping_ = false, copying_ = false, batch_open_ = false, dead_ = false;
};

}  // namespace weir::protocol::testing
