// loop_test.cc: turns, time, mail, and connections that move between two threads.
#include "proxy/io/loop.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>

#include "proxy/io/open_files.h"
#include "proxy/io/signals.h"
#include "unit/proxy/io/town.h"

namespace weir::proxy::io {

using town::Ear;
using town::run_until;
using town::Taker;

namespace {

Mail numbered(std::size_t sender, std::size_t number) {
  return Mail{Lend{.pool = {.database = std::to_string(sender), .user = {}}, .worker = number}};
}

}  // namespace

TEST_CASE("on_time comes when next_deadline says, not before, and time goes by turns") {
  Street street{1};
  Loop& loop = street[0];
  std::vector<Instant> called;
  Taker taker{loop, [&] { return called.size() == 3; }};
  const Instant start = loop.now();
  taker.deadline = start + 5 * kMillisecond;
  taker.on_timer = [&] {
    CHECK(loop.now() >= taker.deadline);
    called.push_back(loop.now());
    taker.deadline = loop.now() + 2 * kMillisecond + 300;
  };
  loop.run(taker);
  REQUIRE(called.size() == 3);
  CHECK(called[2] - start >= 5 * kMillisecond + 2 * (2 * kMillisecond + 300));
  CHECK(taker.turns <= 9);  // A millisecond too early now and then; never a spin.
}

// libuv's milliseconds and our microseconds disagree at some of these; none may be slept through.
TEST_CASE("many deadlines that are no whole milliseconds") {
  Street street{1};
  Loop& loop = street[0];
  int called = 0;
  Taker taker{loop, [&] { return called == 200; }};
  taker.deadline = loop.now() + 1;
  taker.on_timer = [&] { taker.deadline = loop.now() + 1 + 37 * ++called % 1500; };
  loop.run(taker);
  CHECK(!taker.gave_up);
  CHECK(called == 200);
}

TEST_CASE("a deadline that moves is followed, both ways") {
  Street street{1};
  Loop& loop = street[0];
  bool done = false;
  Taker taker{loop, [&] { return done; }};
  taker.deadline = loop.now() + 3600 * kSecond;
  taker.on_mail = [&](const Mail&) { taker.deadline = loop.now() + kMillisecond; };
  taker.on_timer = [&] { done = true; };
  loop.post(0, Mail{Nudge{}});
  loop.run(taker);
  CHECK(done);
  CHECK(!taker.gave_up);
}

TEST_CASE("mail to oneself comes in a later turn") {
  Street street{1};
  Loop& loop = street[0];
  std::vector<int> turns;
  Taker taker{loop, [&] { return turns.size() == 3; }};
  taker.on_mail = [&](const Mail&) {
    turns.push_back(taker.turns);
    loop.post(0, Mail{Nudge{}});
  };
  loop.post(0, Mail{Nudge{}});
  loop.run(taker);
  REQUIRE(turns.size() == 3);
  CHECK(turns[0] < turns[1]);
  CHECK(turns[1] < turns[2]);
}

TEST_CASE("mail of several threads: all of it, in order per sender") {
  constexpr std::size_t kSenders = 3, kLetters = 2000;
  Street street{1};
  std::size_t next[kSenders] = {};
  std::size_t total = 0;
  Taker taker{street[0], [&] { return total == kSenders * kLetters; }};
  taker.on_mail = [&](const Mail& mail) {
    const auto& letter = std::get<Lend>(mail.letter);
    CHECK(letter.worker == next[std::stoul(letter.pool.database)]++);
    ++total;
  };
  std::vector<std::thread> senders;
  for (std::size_t sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&street, sender] {
      for (std::size_t at = 0; at < kLetters; ++at) street.post(0, numbered(sender, at));
    });
  }
  street[0].run(taker);
  for (auto& sender : senders) sender.join();
  CHECK(total == kSenders * kLetters);
}

// An idle connection wanders between two workers; its far end is the test's, which speaks to
// whoever holds it.
TEST_CASE("a connection moves between two threads with traffic on both sides of each move") {
  constexpr int kMoves = 50;
  Street street{2};
  const auto [travelling, far] = town::connected_pair(street);
  std::atomic<int> moves = 0;
  std::atomic<bool> over = false;
  const auto live = [&](std::size_t self) {
    Loop& loop = street[self];
    Ear ear;
    Taker taker{loop, [&over] { return over.load(); }};
    taker.on_mail = [&](const Mail& mail) {
      if (const auto* guest = std::get_if<Accepted>(&mail.letter)) {
        ear.transport = loop.adopt(guest->socket, ear);
      }
    };
    ear.when_heard = [&] {
      ear.say(ear.heard);
      ear.heard.clear();
      if (++moves == kMoves) return;
      const int descriptor = ear.transport->detach();
      ear.transport.reset();
      loop.post(1 - self, Mail{Accepted{.socket = descriptor, .peer = {}}});
    };
    loop.run(taker);
    CHECK(!taker.gave_up);
  };
  street.post(0, Mail{Accepted{.socket = travelling, .peer = {}}});
  std::thread one{live, 0}, two{live, 1};
  for (int at = 0; at < kMoves; ++at) {
    const std::string word = "word " + std::to_string(1000 + at);
    CHECK(::send(far, word.data(), word.size(), 0) == static_cast<ssize_t>(word.size()));
    CHECK(town::read_from(far, word.size()) == word);
  }
  over = true;
  for (std::size_t worker : {0U, 1U}) street.post(worker, Mail{Nudge{}});
  one.join();
  two.join();
  CHECK(moves == kMoves);
  street.drop(far);
  CHECK(street.connections() == 0);
}

TEST_CASE("letters that nobody takes out: the connections in them are closed") {
  int far = -1;
  {
    Street street{1};
    const auto [near, other] = town::connected_pair(street);
    far = other;
    street.post(0, Mail{Accepted{.socket = near, .peer = {}}});
  }
  CHECK(town::read_from(far, 1).empty());
  ::close(far);
}

TEST_CASE("chance and the wall clock") {
  Street street{1};
  std::set<std::vector<std::uint8_t>> drawn;
  for (int at = 0; at < 100; ++at) {
    std::vector<std::uint8_t> bytes(16);
    street[0].random(bytes);
    drawn.insert(bytes);
  }
  CHECK(drawn.size() == 100);
  CHECK(street[0].wall_clock_s() > 1'700'000'000);
}

TEST_CASE("signals come as calls") {
  Street street{1};
  std::vector<int> came;
  const Signals signals{street[0], [&](int signal) { came.push_back(signal); }};
  ::raise(SIGHUP);
  CHECK(run_until(street[0], [&] { return came.size() == 1; }));
  ::raise(SIGTERM);
  CHECK(run_until(street[0], [&] { return came.size() == 2; }));
  CHECK(came == std::vector<int>{SIGHUP, SIGTERM});
}

TEST_CASE("a signal that comes when nobody listens any more does not end the process") {
  Street street{1};
  {
    const Signals signals{street[0], [](int) {}};
  }
  for (const int late : {SIGTERM, SIGINT, SIGQUIT}) CHECK(::raise(late) == 0);
}

TEST_CASE("open files are raised to what is allowed") {
  const std::int64_t limit = raise_open_files();
  CHECK(limit > 0);
  CHECK(raise_open_files() == limit);
}

}  // namespace weir::proxy::io
