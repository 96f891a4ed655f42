// shakes_test.cc: when those who wait for a step of their handshake get it.
#include "proxy/shakes.h"

#include <doctest/doctest.h>

#include <deque>

#include "proxy/stream.h"
#include "proxy/turn.h"

using namespace weir;
using proxy::kServedLately;
using proxy::kStormMin;
using proxy::kStormPause;
using proxy::Stream;

namespace {

struct Nobody final : proxy::Turn, proxy::StreamUser {
  std::size_t on_bytes(Bytes bytes) override { return bytes.size(); }
  void on_gone(int) override {}
  void settle() override {}
  bool may_shake() override { return false; }
  void queue_shake(Stream&) override {}
  void forget_shake(Stream&) override {}
};

struct Line {
  Nobody nobody;
  std::deque<Stream> streams;
  proxy::Shakes shakes;
  std::uint64_t answered = 0;

  explicit Line(std::size_t waiting, std::size_t workers = 2) : shakes(workers) {
    while (streams.size() < waiting) shakes.queue(streams.emplace_back(nobody, nobody));
  }
  Instant due(Instant now) {
    return shakes.end_turn(now, [this] { return answered; });
  }
  // A turn at this moment, in which somebody is served: when the next step is due.
  Instant due_after_answer(Instant now) {
    ++answered;
    return due(now);
  }
};

}  // namespace

TEST_CASE("nobody in line: nothing is due, and whoever comes has his step at once") {
  Line line(0);
  CHECK(line.due(5) == kNever);
  CHECK(line.shakes.take());
  CHECK_FALSE(line.shakes.take());  // One a turn.
}

TEST_CASE("a short line is served turn by turn, whoever else is served") {
  Line line(kStormMin);
  for (Instant now = 0; now < 5; ++now) {
    CHECK(line.due_after_answer(now) == now);
    CHECK(line.shakes.next(now) == &line.streams[static_cast<std::size_t>(now)]);
    CHECK(line.shakes.next(now) == nullptr);
  }
}

TEST_CASE("a storm pauses between two steps while others are served, and only then") {
  Line line(kStormMin + 10);
  CHECK(line.due(0) == 0);
  CHECK(line.shakes.next(0) != nullptr);
  CHECK(line.due_after_answer(10) == kStormPause);
  CHECK(line.due(kStormPause) == kStormPause);
  CHECK(line.shakes.next(kStormPause) != nullptr);
  CHECK(line.due(kStormPause + 1) == 2 * kStormPause);  // The answer was a moment ago.
  const Instant later = 10 + kServedLately;
  CHECK(line.due(later) == later);
  CHECK(line.shakes.next(later) != nullptr);
  CHECK(line.due(later) == later);
}

TEST_CASE("a lone worker pauses half as long") {
  Line line(kStormMin + 10, 1);
  line.due(0);
  CHECK(line.shakes.next(0) != nullptr);
  CHECK(line.due_after_answer(10) == kStormPause / 2);
}

TEST_CASE("a storm that has become a short line is served turn by turn again") {
  Line line(kStormMin + 1);
  line.due_after_answer(0);
  CHECK(line.shakes.next(0) != nullptr);
  CHECK(line.due_after_answer(1) == 1);
}
