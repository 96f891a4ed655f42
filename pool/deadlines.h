// deadlines.h: who must be woken when. A binary heap whose nodes live in their owners.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/instant.h"
#include "protocol/check.h"

namespace weir::pool {

// Derive from it. The owner tells by `kind` what it is. Firing means "look at the time", no more:
// an owner whose reason has moved to later arms itself anew, so the path of a query never does.
struct Deadline {
  enum class Kind : std::uint8_t {
    client,
    server,
    pool,
    cancel,
    inquiry,
    handshakes,
    names,
    replication,
    worker
  };
  static constexpr std::uint32_t kUnarmed = 0xffff'ffff;

  explicit Deadline(Kind what) : kind(what) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { WEIR_CHECK(heap_index == kUnarmed); }
  bool armed() const { return heap_index != kUnarmed; }

  Instant at = kNever;
  std::uint32_t heap_index = kUnarmed;
  Kind kind;
};

class Deadlines {
 public:
  Instant next() const { return heap_.empty() ? kNever : heap_.front()->at; }
  // Moves an armed one.
  void arm(Deadline& deadline, Instant at);
  // Arms, or leaves it where it is when it fires earlier already.
  void arm_no_later(Deadline& deadline, Instant at) {
    if (!deadline.armed() || deadline.at > at) arm(deadline, at);
  }
  void disarm(Deadline& deadline);
  // The earliest that is due, disarmed; nullptr when none is.
  Deadline* pop_due(Instant now);

 private:
  void place(std::uint32_t index, Deadline& deadline);
  void rise(std::uint32_t index, Deadline& deadline);
  void sink(std::uint32_t index, Deadline& deadline);

  std::vector<Deadline*> heap_;
};

}  // namespace weir::pool
