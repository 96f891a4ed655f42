#include "pool/deadlines.h"

namespace weir::pool {

void Deadlines::arm(Deadline& deadline, Instant at) {
  if (at == kNever) return disarm(deadline);
  const bool earlier = deadline.armed() && at < deadline.at;
  const bool fresh = !deadline.armed();
  if (fresh) {
    heap_.push_back(&deadline);
    deadline.heap_index = static_cast<std::uint32_t>(heap_.size() - 1);
  }
  deadline.at = at;
  if (fresh || earlier) {
    rise(deadline.heap_index, deadline);
  } else {
    sink(deadline.heap_index, deadline);
  }
}

void Deadlines::disarm(Deadline& deadline) {
  if (!deadline.armed()) return;
  const std::uint32_t hole = deadline.heap_index;
  Deadline* const last = heap_.back();
  heap_.pop_back();
  deadline.heap_index = Deadline::kUnarmed;
  deadline.at = kNever;
  if (last == &deadline) return;
  place(hole, *last);
  rise(hole, *last);
  sink(last->heap_index, *last);
}

Deadline* Deadlines::pop_due(Instant now) {
  if (next() > now) return nullptr;
  Deadline* const due = heap_.front();
  disarm(*due);
  return due;
}

void Deadlines::place(std::uint32_t index, Deadline& deadline) {
  heap_[index] = &deadline;
  deadline.heap_index = index;
}

void Deadlines::rise(std::uint32_t index, Deadline& deadline) {
  while (index > 0) {
    const std::uint32_t parent = (index - 1) / 2;
    if (heap_[parent]->at <= deadline.at) break;
    place(index, *heap_[parent]);
    index = parent;
  }
  place(index, deadline);
}

void Deadlines::sink(std::uint32_t index, Deadline& deadline) {
  const auto size = static_cast<std::uint32_t>(heap_.size());
  for (;;) {
    std::uint32_t child = index * 2 + 1;
    if (child >= size) break;
    if (child + 1 < size && heap_[child + 1]->at < heap_[child]->at) ++child;
    if (heap_[child]->at >= deadline.at) break;
    place(index, *heap_[child]);
    index = child;
  }
  place(index, deadline);
}

}  // namespace weir::pool
