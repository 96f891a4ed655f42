// poll_test.cc: a transport over real sockets, both ends on one loop unless the other end is the
// test itself.
#include "proxy/io/poll.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>

#include "proxy/io/loop.h"
#include "unit/proxy/io/town.h"

namespace weir::proxy::io {

using town::Ear;
using town::run_turns;
using town::run_until;

namespace {

struct Pair {
  Street street{1};
  Loop& loop = street[0];
  Ear near, far;

  Pair() {
    const auto [one, other] = town::connected_pair(street);
    near.transport = loop.adopt(one, near);
    far.transport = loop.adopt(other, far);
  }
};

// The near end is a transport, the far one a plain descriptor of the test.
struct Half {
  Street street{1};
  Loop& loop = street[0];
  Ear near;
  int far;

  Half() {
    const auto [one, other] = town::connected_pair(street);
    near.transport = loop.adopt(one, near);
    far = other;
  }
  ~Half() { hang_up(); }
  void say(std::string_view text) const {
    REQUIRE(::send(far, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void hang_up() {
    if (far >= 0) street.drop(std::exchange(far, -1));
  }
};

std::string fill(Ear& ear) {
  const std::string block(100'000, 'x');
  std::string sent;
  while (true) {
    const std::size_t taken = ear.say(block);
    sent += block.substr(0, taken);
    if (taken < block.size()) return sent;
  }
}

}  // namespace

TEST_CASE("bytes go both ways, and two spans leave as one") {
  Pair pair;
  CHECK(pair.near.transport->write(as_bytes("hel"), as_bytes("lo")) == 5);
  CHECK(pair.far.say("back") == 4);
  CHECK(pair.near.transport->write({}, {}) == 0);
  CHECK(
      run_until(pair.loop, [&] { return pair.far.heard == "hello" && pair.near.heard == "back"; }));
  CHECK(pair.loop.counts().sends == 2);
}

TEST_CASE("a query costs one read and one send a side, paused and resumed as it may be") {
  Pair pair;
  int rounds = 0;
  pair.far.when_heard = [&] {
    pair.far.transport->pause(
        HangUp::told);  // A client that was parked, and granted in the same turn.
    pair.far.transport->resume();
    pair.far.say("answer");
    pair.far.transport->pause(HangUp::told);
  };
  pair.near.when_heard = [&] {
    ++rounds;
    pair.far.transport->resume();  // Paused since it answered, but it had not been spoken to.
    if (rounds < 100) pair.near.say("query");
  };
  pair.near.say("query");
  CHECK(run_until(pair.loop, [&] { return rounds == 100; }));
  CHECK(pair.loop.counts().reads == 200);
  CHECK(pair.loop.counts().sends == 200);
  CHECK(pair.loop.counts().interest_changes == 2);  // The two that began it.
}

TEST_CASE("looked at, what has come is heard at once, and nothing is not the end") {
  Half half;
  half.near.transport->look();
  CHECK(half.near.heard.empty());
  half.say("hello");
  half.near.transport->look();
  CHECK(half.near.heard == "hello");
  half.near.transport->pause(HangUp::told);
  half.say(" again");
  half.near.transport->look();
  CHECK(half.near.heard == "hello");
  half.near.transport->resume();
  CHECK(run_until(half.loop, [&] { return half.near.heard == "hello again"; }));
  half.hang_up();
  half.near.transport->look();
  CHECK(half.near.gone == 0);
  CHECK(half.near.gone_count == 1);
}

TEST_CASE("a watcher is used again by the next connection of its number") {
  Street street{1};
  Loop& loop = street[0];
  for (int round = 0; round < 3; ++round) {
    const auto [one, other] = town::connected_pair(street);
    Ear near, far;
    near.transport = loop.adopt(one, near);
    far.transport = loop.adopt(other, far);
    near.say("round " + std::to_string(round));
    CHECK(run_until(loop, [&] { return far.heard == "round " + std::to_string(round); }));
    far.transport.reset();
    CHECK(run_until(loop, [&] { return near.gone == 0; }));
  }
  CHECK(street.connections() == 0);
}

TEST_CASE("paused: nothing is read, interest is dropped once, and resume brings all of it") {
  Half half;
  half.near.transport->pause(HangUp::told);
  half.say("one ");
  run_turns(half.loop, 0, 5);
  half.say("two");
  run_turns(half.loop, 0, 5);
  CHECK(half.near.heard.empty());
  CHECK(half.loop.counts().interest_changes == 2);
  half.near.transport->resume();
  CHECK(run_until(half.loop, [&] { return half.near.heard == "one two"; }));
  CHECK(half.loop.counts().interest_changes == 3);
}

TEST_CASE("slowed down: a hang-up waits behind what was said before it") {
  Half half;
  half.near.transport->pause(HangUp::after_resume);
  half.say("last words");
  half.hang_up();
  run_turns(half.loop, 0, 5);
  CHECK(!half.near.gone.has_value());
  half.near.transport->resume();
  CHECK(run_until(half.loop, [&] { return half.near.gone.has_value(); }));
  CHECK(half.near.heard == "last words");
}

TEST_CASE("what the kernel does not take is taken after on_writable") {
  Pair pair;
  pair.far.transport->pause(HangUp::told);
  std::string sent = fill(pair.near);
  const auto changes = pair.loop.counts().interest_changes;
  run_turns(pair.loop, 0, 5);
  CHECK(pair.near.writable == 0);
  pair.near.when_writable = [&] {
    if (pair.near.writable == 1) sent += fill(pair.near);  // Short again: it must be told again.
  };
  pair.far.transport->resume();
  CHECK(run_until(pair.loop,
                  [&] { return pair.near.writable >= 2 && pair.far.heard.size() == sent.size(); }));
  CHECK(pair.far.heard == sent);
  const int told = pair.near.writable;
  run_turns(pair.loop, 0, 5);
  CHECK(pair.near.writable == told);
  CHECK(pair.loop.counts().interest_changes <= changes + 4);
}

TEST_CASE("bytes before the end come before the end") {
  Half half;
  half.say("last words");
  half.hang_up();
  CHECK(run_until(half.loop, [&] { return half.near.gone.has_value(); }));
  CHECK(half.near.heard == "last words");
  CHECK(half.near.gone == 0);
}

TEST_CASE("a hang-up while paused is told, with and without bytes that nobody read") {
  for (const bool words : {false, true}) {
    CAPTURE(words);
    Half half;
    half.near.transport->pause(HangUp::told);
    if (words) half.say("unread");
    run_turns(half.loop, 0, 3);
    half.hang_up();
    CHECK(run_until(half.loop, [&] { return half.near.gone.has_value(); }));
    CHECK(half.near.gone == 0);
    CHECK(half.near.heard.empty());
    run_turns(half.loop, 0, 3);
    CHECK(half.near.gone_count == 1);
  }
}

TEST_CASE("finish is told to the peer, and reading goes on") {
  Pair pair;
  pair.near.say("bye");
  pair.near.transport->finish();
  CHECK(run_until(pair.loop, [&] { return pair.far.gone.has_value(); }));
  CHECK(pair.far.heard == "bye");
  Half half;
  half.near.transport->finish();
  half.say("still here");
  CHECK(run_until(half.loop, [&] { return half.near.heard == "still here"; }));
  CHECK(town::read_from(half.far, 1).empty());
}

TEST_CASE("a write on a broken connection takes all; the last words come before on_gone") {
  Half half;
  half.say("FATAL: terminating");
  half.hang_up();
  CHECK(half.near.say("into the void") == 13);  // EPIPE.
  CHECK(!half.near.gone.has_value());
  CHECK(half.near.say("again") == 5);
  CHECK(run_until(half.loop, [&] { return half.near.gone.has_value(); }));
  CHECK(half.near.heard == "FATAL: terminating");
  CHECK(half.near.gone == EPIPE);
  CHECK(half.near.say("and again") == 9);
  run_turns(half.loop, 0, 3);
  CHECK(half.near.gone_count == 1);
}

TEST_CASE("a write on a broken connection while paused") {
  Half half;
  half.near.transport->pause(HangUp::told);
  half.hang_up();
  half.near.say("into the void");
  CHECK(run_until(half.loop, [&] { return half.near.gone.has_value(); }));
  CHECK(half.near.gone_count == 1);
}

TEST_CASE("a reset is told as one, reading or paused") {
  for (const bool paused : {false, true}) {
    for (const bool interest_dropped : {false, true}) {
      CAPTURE(paused);
      CAPTURE(interest_dropped);
      Street street{1};
      Loop& loop = street[0];
      const town::Harbour harbour = town::open_harbour(1);
      Ear near;
      near.transport = loop.dial({"127.0.0.1", harbour.port}, near);
      REQUIRE(run_until(loop, [&] { return near.opened == 1; }));
      const int far = ::accept(harbour.descriptor, nullptr, nullptr);
      if (paused) near.transport->pause(HangUp::told);
      if (interest_dropped) {
        REQUIRE(::send(far, "x", 1, 0) == 1);
        run_turns(loop, 0, 5);
      }
      const linger abrupt{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(far, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
      ::close(far);
      CHECK(run_until(loop, [&] { return near.gone.has_value(); }));
      CHECK(near.gone == ECONNRESET);
      near.transport.reset();
      ::close(harbour.descriptor);
    }
  }
}

TEST_CASE("an endpoint may close its transport in every call") {
  Half half;
  half.near.when_heard = [&] { half.near.transport.reset(); };
  half.say("x");
  CHECK(run_until(half.loop, [&] { return half.near.transport == nullptr; }));
  CHECK(town::read_from(half.far, 1).empty());

  Pair pair;
  pair.far.transport->pause(HangUp::told);
  fill(pair.near);
  pair.near.when_writable = [&] { pair.near.transport.reset(); };
  pair.far.transport->resume();
  CHECK(run_until(pair.loop, [&] { return pair.near.transport == nullptr; }));

  Half broken;  // Closed while its on_gone() is on its way.
  broken.hang_up();
  broken.near.say("x");
  broken.near.transport.reset();
  run_turns(broken.loop, 0, 3);
  CHECK(broken.near.gone_count == 0);
}

TEST_CASE("a descriptor's number may be used again in the turn in which it was closed") {
  Street street{1};
  Loop& loop = street[0];
  Ear first, second;
  const std::pair<int, int> ends = town::connected_pair(street);
  first.transport = loop.adopt(ends.first, first);
  first.when_heard = [&] {
    first.transport.reset();
    const auto [three, four] = town::connected_pair(street);
    CHECK(three == ends.first);
    second.transport = loop.adopt(three, second);
    CHECK(::send(four, "new", 3, 0) == 3);
    street.drop(four);
  };
  CHECK(::send(ends.second, "old", 3, 0) == 3);
  CHECK(run_until(loop, [&] { return second.gone.has_value(); }));
  CHECK(second.heard == "new");
  street.drop(ends.second);
  second.transport.reset();
  CHECK(street.connections() == 0);
}

}  // namespace weir::proxy::io
