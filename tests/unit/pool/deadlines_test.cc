#include "pool/deadlines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>

using namespace weir;
using namespace weir::pool;

namespace {

struct Alarm : Deadline {
  Alarm() : Deadline(Kind::client) {}
};

}  // namespace

TEST_CASE("nothing is due before its time") {
  Deadlines deadlines;
  Alarm alarm;
  CHECK(deadlines.next() == kNever);
  CHECK(deadlines.pop_due(kNever - 1) == nullptr);
  deadlines.arm(alarm, 10);
  CHECK(deadlines.next() == 10);
  CHECK(deadlines.pop_due(9) == nullptr);
  CHECK(deadlines.pop_due(10) == &alarm);
  CHECK_FALSE(alarm.armed());
  CHECK(alarm.at == kNever);
}

TEST_CASE("the earliest is popped first") {
  Deadlines deadlines;
  std::array<Alarm, 3> alarms;
  deadlines.arm(alarms[0], 30);
  deadlines.arm(alarms[1], 10);
  deadlines.arm(alarms[2], 20);
  CHECK(deadlines.pop_due(100) == &alarms[1]);
  CHECK(deadlines.pop_due(100) == &alarms[2]);
  CHECK(deadlines.pop_due(100) == &alarms[0]);
  CHECK(deadlines.pop_due(100) == nullptr);
}

TEST_CASE("arming again moves it, earlier and later") {
  Deadlines deadlines;
  std::array<Alarm, 2> alarms;
  deadlines.arm(alarms[0], 10);
  deadlines.arm(alarms[1], 20);
  deadlines.arm(alarms[0], 30);
  CHECK(deadlines.next() == 20);
  deadlines.arm(alarms[0], 5);
  CHECK(deadlines.next() == 5);
  deadlines.disarm(alarms[0]);
  CHECK(deadlines.next() == 20);
  deadlines.disarm(alarms[1]);
}

TEST_CASE("arm_no_later leaves what fires earlier already") {
  Deadlines deadlines;
  Alarm alarm;
  deadlines.arm_no_later(alarm, 20);
  deadlines.arm_no_later(alarm, 30);
  CHECK(alarm.at == 20);
  deadlines.arm_no_later(alarm, 10);
  CHECK(alarm.at == 10);
  deadlines.disarm(alarm);
}

TEST_CASE("armed at never is not armed") {
  Deadlines deadlines;
  Alarm alarm;
  deadlines.arm(alarm, kNever);
  CHECK_FALSE(alarm.armed());
  deadlines.arm(alarm, 1);
  deadlines.arm(alarm, kNever);
  CHECK_FALSE(alarm.armed());
  deadlines.disarm(alarm);
}

TEST_CASE("any order of arming, moving and disarming pops in the order of time") {
  constexpr unsigned kSeed = 20'240'611;
  MESSAGE("seed ", kSeed);
  std::mt19937_64 dice{kSeed};
  Deadlines deadlines;
  std::array<Alarm, 100> alarms;
  for (int round = 0; round < 5'000; ++round) {
    Alarm& alarm = alarms[dice() % alarms.size()];
    if (dice() % 3 == 0) {
      deadlines.disarm(alarm);
    } else {
      deadlines.arm(alarm, static_cast<Instant>(dice() % 50));
    }
    Instant earliest = kNever;
    for (const Alarm& each : alarms) earliest = std::min(earliest, each.at);
    REQUIRE(deadlines.next() == earliest);
  }
  Instant last = 0;
  while (deadlines.next() != kNever) {
    CHECK(deadlines.next() >= last);
    last = deadlines.next();
    CHECK(deadlines.pop_due(last - 1) == nullptr);
    CHECK_FALSE(deadlines.pop_due(last)->armed());
  }
  CHECK(std::none_of(alarms.begin(), alarms.end(), [](auto& each) { return each.armed(); }));
}
