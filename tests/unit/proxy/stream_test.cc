// stream_test.cc: what is read too early waits, and who fills another's outbox is throttled.
#include "proxy/stream.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/street/fake_world.h"
#include "tests/street/net.h"
#include "tests/street/policy.h"

using namespace weir;
using proxy::Stream;

namespace {

class Taker final : public proxy::TurnTaker, public proxy::Turn {
 public:
  void deliver(proxy::Mail) override {}
  Instant next_deadline() const override { return kNever; }
  void on_time() override {}
  void end_turn() override {}
  bool finished() const override { return false; }
  void settle() override { flush_touched(); }
  bool may_shake() override { return true; }
  void queue_shake(Stream&) override {}
  void forget_shake(Stream&) override {}
};

class User final : public proxy::StreamUser {
 public:
  std::size_t appetite = 1'000'000;  // How much of each call's bytes it takes.
  std::string got;
  int opens = 0, sents = 0, gones = 0, error = -1;
  Stream* pass_to = nullptr;

  void on_open(const proxy::Target&) override { ++opens; }
  std::size_t on_bytes(Bytes bytes) override {
    const std::size_t taken = std::min(appetite, bytes.size());
    got += as_text(bytes.first(taken));
    if (pass_to != nullptr) pass_to->put(bytes.first(taken));
    return taken;
  }
  void on_sent() override { ++sents; }
  void on_gone(int why) override {
    ++gones;
    error = why;
  }
};

// A stream with a peer at its other end.
struct End {
  End(Taker& taker, street::FakeNet& net, proxy::World& world)
      : stream(taker, user), peer(net.accepted()) {
    stream.adopt(world, peer.number);
  }
  User user;
  Stream stream;
  street::Peer& peer;
};

struct Scene {
  street::InOrder policy;
  street::FakeNet net{policy};
  street::Chance chance{1};
  street::FakeWorld world{net, chance, 0};
  Taker taker;
  Scene() { net.join(taker); }
};

Buffer bytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("bytes in, bytes out") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.peer.send(bytes("hello"));
  scene.net.run_until_quiet();
  CHECK(end.user.got == "hello");
  end.stream.put_copy(bytes("world"));
  scene.taker.settle();
  scene.net.run_until_quiet();
  CHECK(end.peer.received == bytes("world"));
  CHECK(end.stream.quiet());
}

TEST_CASE("what the user does not take is offered again, and reading stops until then") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.user.appetite = 2;
  end.peer.send(bytes("abcdef"));
  scene.net.run_until_quiet();
  CHECK(end.user.got == "ab");
  CHECK_FALSE(end.stream.quiet());
  end.user.appetite = 100;
  end.stream.stop_feeding();
  end.stream.resume_feeding();
  CHECK(end.user.got == "abcdef");
  scene.taker.settle();
  end.peer.send(bytes("gh"));
  scene.net.run_until_quiet();
  CHECK(end.user.got == "abcdefgh");
}

TEST_CASE("a stopped stream is not read, but a hang-up is told") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.stream.stop_feeding();
  end.peer.send(bytes("abc"));
  scene.net.run_until_quiet();
  CHECK(end.user.got.empty());
  CHECK(end.peer.in_flight() == 3);
  end.peer.close();
  scene.net.run_until_quiet();
  CHECK(end.user.gones == 1);
  CHECK(end.user.error == 0);
  end.stream.close();
}

TEST_CASE("a reset tells its errno") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.peer.reset(ECONNRESET);
  scene.net.run_until_quiet();
  CHECK(end.user.error == ECONNRESET);
}

TEST_CASE("drop_unread() throws away what was not taken") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.user.appetite = 1;
  end.peer.send(bytes("abc"));
  scene.net.run_until_quiet();
  end.stream.drop_unread();
  end.user.appetite = 100;
  end.stream.resume_feeding();
  CHECK(end.user.got == "a");
}

TEST_CASE("the feeder of a congested stream is throttled and let go again") {
  Scene scene;
  scene.policy.chunk_max = 8 * 1024;
  End source(scene.taker, scene.net, scene.world);
  End sink(scene.taker, scene.net, scene.world);
  source.user.pass_to = &sink.stream;
  sink.stream.set_feeder(&source.stream);
  sink.peer.set_reading(false);
  const std::string load(1'000'000, 'x');
  source.peer.send(bytes(load));
  scene.net.run_until_quiet();
  CHECK(sink.stream.congested());
  CHECK(source.peer.paused());
  CHECK(source.user.got.size() < 64 * 1024 + proxy::kOutboxHighBytes + 3 * 8 * 1024);
  sink.peer.set_reading(true);
  scene.net.run_until_quiet();
  CHECK_FALSE(source.peer.paused());
  CHECK(sink.peer.received.size() == load.size());
  sink.stream.set_feeder(nullptr);
}

TEST_CASE("a feeder that is set free is read again") {
  Scene scene;
  End source(scene.taker, scene.net, scene.world);
  End sink(scene.taker, scene.net, scene.world);
  sink.peer.set_reading(false);
  sink.stream.put_copy(bytes(std::string(300'000, 'x')));
  scene.taker.settle();
  sink.stream.set_feeder(&source.stream);
  CHECK(source.peer.paused());
  sink.stream.set_feeder(nullptr);
  CHECK_FALSE(source.peer.paused());
}

TEST_CASE("on_sent() and the half-close come when all has left") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.peer.set_reading(false);
  end.stream.put_copy(bytes(std::string(100'000, 'x')));
  end.stream.tell_when_sent();
  end.stream.finish_when_sent();
  scene.taker.settle();
  scene.net.run_until_quiet();
  CHECK(end.user.sents == 0);
  end.peer.set_reading(true);
  scene.net.run_until_quiet();
  CHECK(end.user.sents == 1);
  CHECK(end.peer.ended());
  CHECK_FALSE(end.peer.closed());
  end.peer.send(bytes("still heard"));
  scene.net.run_until_quiet();
  CHECK(end.user.got == "still heard");
}

TEST_CASE("a detached connection keeps what is on its way") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  CHECK(end.stream.detach().socket == end.peer.number);
  end.peer.send(bytes("abc"));
  scene.net.run_until_quiet();
  User user;
  Stream next(scene.taker, user);
  next.adopt(scene.world, end.peer.number);
  scene.net.run_until_quiet();
  CHECK(user.got == "abc");
  next.close();
  CHECK(end.peer.closed());
}

TEST_CASE("a dial that is refused tells why") {
  Scene scene;
  User user;
  Stream stream(scene.taker, user);
  stream.dial(scene.world, {"nowhere", 1});
  scene.net.run_until_quiet();
  CHECK(user.opens == 0);
  CHECK(user.error == ECONNREFUSED);
  stream.close();
  scene.net.door("here", 1);
  Stream other(scene.taker, user);
  other.dial(scene.world, {"here", 1});
  scene.net.run_until_quiet();
  CHECK(user.opens == 1);
}
