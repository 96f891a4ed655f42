#include "protocol/ledger.h"

#include <utility>

#include "protocol/check.h"
#include "protocol/plant.h"

namespace weir::protocol {

namespace {

// May a message with this tag be part of, or end, the answer to `request`?
enum class Fit : std::uint8_t { no, part, last };

constexpr Fit fit_query(char tag) {
  switch (tag) {
    case 'Z':
      return Fit::last;
    case 'T':
    case 'D':
    case 'C':
    case 'I':
    case 'G':
    case 'H':
    case 'd':
    case 'c':
      return Fit::part;
    default:
      return Fit::no;
  }
}

constexpr Fit fit_execute(char tag) {
  switch (tag) {
    case 'C':
    case 'I':
    case 's':
      return Fit::last;
    case 'D':
    case 'G':
    case 'H':
    case 'd':
    case 'c':
      return Fit::part;
    default:
      return Fit::no;
  }
}

constexpr Fit fit(Request request, char tag) {
  switch (request) {
    case Request::query:
      return fit_query(tag);
    case Request::function_call:
      return tag == 'Z' ? Fit::last : tag == 'V' ? Fit::part : Fit::no;
    case Request::parse:
      return tag == '1' ? Fit::last : Fit::no;
    case Request::bind:
      return tag == '2' ? Fit::last : Fit::no;
    case Request::close:
      return tag == '3' ? Fit::last : Fit::no;
    case Request::describe:
      return tag == 'T' || tag == 'n' ? Fit::last : tag == 't' ? Fit::part : Fit::no;
    case Request::execute:
      return fit_execute(tag);
    case Request::sync:
      return tag == 'Z' ? Fit::last : Fit::no;
    case Request::copy_end:
      break;
  }
  return Fit::no;
}

constexpr Verdict verdict(Action action) {
  return action == Action::drop ? Verdict::drop : Verdict::forward;
}

constexpr bool ends_in_ready(Request request) {
  return request == Request::query || request == Request::function_call || request == Request::sync;
}

}  // namespace

void Ledger::note(Request request, Action action) {
  WEIR_CHECK(!full());
  if (request != Request::copy_end) batch_open_ = !ends_in_ready(request);
  if (skipping_) {  // The server reads past everything but a Sync.
    if (request != Request::sync) return;
    skipping_ = false;
  }
  if (copying_in_) {
    if (request == Request::sync) {
      doubtful_ = true;
      return;
    }
    copying_in_ = false;  // CopyDone, CopyFail, or a message that fails the COPY.
    if (request == Request::copy_end) return;
  }
  if (request == Request::copy_end && count_ == 0) return;
  push({request, action});
}

Verdict Ledger::on_answer(char tag) {
  if (tag == 'N' || tag == 'S' || tag == 'A') {
    return front_is_drop() && tag == 'N' ? Verdict::drop : Verdict::forward;
  }
  if (tag == 'E') return on_error();
  if (count_ == 0) return Verdict::desync;
  const Note owed = front();
  switch (fit(owed.request, tag)) {
    case Fit::no:
      return Verdict::desync;
    case Fit::part:
      if (tag == 'G') copy_in_begins();
      break;
    case Fit::last:
      copying_in_ = sync_eaten_ = false;
      pop();
      break;
  }
  return verdict(owed.action);
}

Verdict Ledger::on_error() {
  if (sync_eaten_) doubtful_ = true;
  copying_in_ = sync_eaten_ = false;
  if (count_ == 0) return Verdict::forward;  // A farewell: FATAL comes unasked.
  const Note failed = front();
  if (!ends_in_ready(failed.request)) skip_to_sync();
  return verdict(failed.action);
}

// The server has failed within an extended query: it ignores all up to the next Sync.
void Ledger::skip_to_sync() {
  while (count_ > 0 && front().request != Request::sync) {
    head_ = (head_ + 1) & (ring_.size() - 1);
    --count_;
  }
  skipping_ = count_ == 0;
}

// While it copies in, the server ignores Sync (manual: COPY Operations): the ones sent before
// the client could know of the COPY are never answered.
void Ledger::copy_in_begins() {
  std::size_t syncs = 0;
  while (1 + syncs < count_ && at(1 + syncs).request == Request::sync) ++syncs;
  const bool more = 1 + syncs < count_;
  const bool ended = more && at(1 + syncs).request == Request::copy_end;
  const std::size_t gone = syncs + (ended ? 1 : 0);
  for (std::size_t i = 1; i + gone < count_; ++i) at(i) = at(i + gone);
  count_ -= gone;
  copying_in_ = !more;
  sync_eaten_ = syncs > 0;
  batch_open_ = newest_is_batched();
}

bool Ledger::newest_is_batched() const {
  std::size_t newest = count_ - 1;
  while (at(newest).request == Request::copy_end) --newest;
  return !ends_in_ready(at(newest).request);
}

std::optional<Request> Ledger::take_ours() {
  if (count_ == 0 || front().action != Action::ours) return std::nullopt;
  const Request request = front().request;
  pop();
  return request;
}

void Ledger::clear() {
  head_ = count_ = 0;
  batch_open_ = skipping_ = copying_in_ = sync_eaten_ = doubtful_ = false;
}

void Ledger::push(Note note) {
  if (count_ == ring_.size()) {
    std::vector<Note> larger(ring_.empty() ? 16 : ring_.size() * 2);
    for (std::size_t i = 0; i < count_; ++i) larger[i] = at(i);
    ring_.swap(larger);
    head_ = 0;
  }
  at(count_) = note;
  ++count_;
  if (planted(Plant::out_of_order)) std::swap(at(0), at(count_ - 1));
}

// A CopyDone that reaches the front belonged to no COPY: the server drops it unanswered.
void Ledger::pop() {
  do {
    head_ = (head_ + 1) & (ring_.size() - 1);
    --count_;
  } while (count_ > 0 && front().request == Request::copy_end);
}

}  // namespace weir::protocol
