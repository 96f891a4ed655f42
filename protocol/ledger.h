// ledger.h: which answers a server still owes, and to whom they go.
//
// Every request that passes towards a server is noted in order; every message that comes back
// is named by the oldest note. An answer is forwarded to the client, dropped (we asked, not the
// client) or ours (nobody asks the server: we write the answer at its place in the order).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir::protocol {

// What was asked (manual: Message Flow). Flush, Terminate and CopyData are owed nothing.
enum class Request : std::uint8_t {
  query,          // Answered by anything up to ReadyForQuery.
  function_call,  // By FunctionCallResponse or an error, and ReadyForQuery.
  parse,
  bind,
  describe,
  execute,
  close,
  sync,
  copy_end,  // CopyDone or CopyFail: owed nothing, but it ends the server's deafness to Sync.
};

enum class Action : std::uint8_t { forward, drop, ours };

// Whose the message is that has just come. `desync`: nobody asked for it; close the server.
enum class Verdict : std::uint8_t { forward, drop, desync };

inline constexpr std::size_t kLedgerMax = 65'536;  // Notes held before the client is paused.

class Ledger {
 public:
  // A request passes. REQUIRES: !full().
  void note(Request request, Action action);

  // The server has sent the head of a message with this tag.
  Verdict on_answer(char tag);

  // An answer of ours that is due now; call until nothing comes.
  std::optional<Request> take_ours();

  // Nothing is owed, no extended query waits for its Sync (answers may come before, after a
  // Flush), the server is not skipping to one, and no COPY FROM STDIN is open.
  bool settled() const { return count_ == 0 && !batch_open_ && !skipping_ && !copying_in_; }
  bool full() const { return count_ >= kLedgerMax; }
  std::size_t owed() const { return count_; }
  bool copying_in() const { return copying_in_; }
  // The oldest note is a request of our own whose answer the client must not see.
  bool front_is_drop() const { return count_ > 0 && front().action == Action::drop; }
  // A Sync came while a COPY FROM STDIN was open, or a COPY failed that a Sync had been sent
  // into: whether the server answers it depends on a race. Such a server is closed rather than
  // shared.
  bool doubtful() const { return doubtful_; }
  // Forgets everything but the storage; for a server that goes to the next client.
  void clear();

 private:
  struct Note {
    Request request;
    Action action;
  };
  const Note& front() const { return ring_[head_]; }
  const Note& at(std::size_t index) const { return ring_[(head_ + index) & (ring_.size() - 1)]; }
  Note& at(std::size_t index) { return ring_[(head_ + index) & (ring_.size() - 1)]; }
  void push(Note note);
  void pop();
  void skip_to_sync();
  void copy_in_begins();
  bool newest_is_batched() const;
  Verdict on_error();

  std::vector<Note> ring_;  // Size is a power of two.
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  bool batch_open_ = false;  // Extended requests have passed since the last Sync.
  bool skipping_ = false;    // The server ignores all until the next Sync.
  bool copying_in_ = false;  // The server reads CopyData and is deaf to Sync.
  bool sync_eaten_ = false;  // By the COPY that runs, unless that fails before it reads it.
  bool doubtful_ = false;
};

}  // namespace weir::protocol
