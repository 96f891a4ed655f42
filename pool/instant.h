// instant.h: time as every room below the street sees it: handed in, never read.
#pragma once

#include <cstdint>
#include <limits>

namespace weir {

using Instant = std::int64_t;  // Microseconds of a monotonic clock.

inline constexpr Instant kNever = std::numeric_limits<Instant>::max();
inline constexpr Instant kSecond = 1'000'000;
inline constexpr Instant kMillisecond = 1'000;

// When something that lasts `span` from `start` is over; kNever for what never begins or ends.
constexpr Instant after(Instant start, Instant span) {
  return start == kNever || span == kNever ? kNever : start + span;
}

// Up to a fifth less than `span`, spread evenly over successive ids (by the golden ratio): what
// began together does not end together.
constexpr Instant shortened(Instant span, std::uint64_t id) {
  if (span == kNever) return kNever;
  const auto part = static_cast<Instant>(id * 0x9e37'79b9'7f4a'7c15 >> 56);
  return span - span / (5 * 256) * part;
}

}  // namespace weir
