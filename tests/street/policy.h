// policy.h: what the fake street leaves open, and who decides it: which event comes next, how
// bytes are cut, how long letters and dials take. In order for stories, by seed for simulations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "pool/instant.h"
#include "tests/street/chance.h"

namespace weir::street {

enum class Toward : unsigned char { pgweir, peer };

class Policy {
 public:
  virtual ~Policy() = default;
  // Which of `runnable` (at least one) comes next. They stand in the order in which they arose,
  // deadlines last.
  virtual std::size_t choose(std::size_t runnable) = 0;
  // How many of `waiting` (at least one) bytes arrive at once: 1 to `waiting`.
  virtual std::size_t chunk(Toward toward, std::size_t waiting) = 0;
  // How many bytes a write takes of `offered`, for which there is room: 0 to `offered`.
  virtual std::size_t take(std::size_t offered) = 0;
  virtual Instant mail_delay() = 0;
  virtual Instant dial_delay() = 0;
};

// The oldest event first; bytes whole, or in chunks of one size, or cut at one place.
class InOrder final : public Policy {
 public:
  static constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();
  std::size_t chunk_max = kWhole;
  std::size_t cut_at = kWhole;  // No chunk crosses this byte of all that pgweir is sent.
  Instant letters_take = 0;     // From worker to worker.

  std::size_t arrived() const { return arrived_; }  // Bytes at pgweir so far.

  std::size_t choose(std::size_t) override { return 0; }
  std::size_t chunk(Toward toward, std::size_t waiting) override {
    std::size_t size = std::min(waiting, chunk_max);
    if (toward == Toward::peer) return size;
    if (arrived_ < cut_at) size = std::min(size, cut_at - arrived_);
    arrived_ += size;
    return size;
  }
  std::size_t take(std::size_t offered) override { return offered; }
  Instant mail_delay() override { return letters_take; }
  Instant dial_delay() override { return 0; }

 private:
  std::size_t arrived_ = 0;
};

// Anything that could happen next may; bytes in pieces of any size, mostly small or whole.
class Seeded final : public Policy {
 public:
  explicit Seeded(std::uint64_t seed) : chance(seed) {}
  Chance chance;
  Instant mail_delay_max = 5 * kMillisecond;
  Instant dial_delay_max = 20 * kMillisecond;

  std::size_t choose(std::size_t runnable) override { return chance.below(runnable); }
  std::size_t chunk(Toward, std::size_t waiting) override {
    if (chance.one_in(2)) return waiting;
    return 1 + chance.below(chance.one_in(2) ? std::min<std::size_t>(waiting, 16) : waiting);
  }
  std::size_t take(std::size_t offered) override {
    return chance.one_in(4) ? chance.below(offered + 1) : offered;
  }
  Instant mail_delay() override { return up_to(mail_delay_max); }
  Instant dial_delay() override { return up_to(dial_delay_max); }

 private:
  Instant up_to(Instant most) {
    return static_cast<Instant>(chance.below(static_cast<std::size_t>(most) + 1));
  }
};

}  // namespace weir::street
