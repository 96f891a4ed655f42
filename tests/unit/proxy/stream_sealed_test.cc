// stream_sealed_test.cc: a stream behind a codec: what goes out before it, through it, and when a
// handshake has to wait its turn.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/shakes.h"
#include "proxy/stream.h"
#include "tests/street/fake_world.h"
#include "tests/street/net.h"
#include "tests/street/policy.h"
#include "tests/street/toy_codec.h"

using namespace weir;
using proxy::Stream;
using street::ToyCodec;

namespace {

class Taker final : public proxy::TurnTaker, public proxy::Turn {
 public:
  void deliver(proxy::Mail) override {}
  Instant next_deadline() const override { return kNever; }
  void on_time() override {}
  void end_turn() override {}
  bool finished() const override { return false; }
  void settle() override { flush_touched(); }
  bool may_shake() override { return shakes.take(); }
  void queue_shake(Stream& stream) override { shakes.queue(stream); }
  void forget_shake(Stream& stream) override { shakes.forget(stream); }
  // Ends the turn: when the next step is due.
  Instant shake_at() {
    return shakes.end_turn(0, [] { return std::uint64_t{0}; });
  }

  proxy::Shakes shakes;
};

class User final : public proxy::StreamUser {
 public:
  std::size_t appetite = 1'000'000;
  std::string got;
  std::string fault;
  int secured = 0, sents = 0, gones = 0;
  std::function<void()> then = [] {};  // Behind a call, within it; once.

  std::size_t on_bytes(Bytes bytes) override {
    const std::size_t taken = std::min(appetite, bytes.size());
    got += as_text(bytes.first(taken));
    std::exchange(then, [] {})();
    return taken;
  }
  void on_sent() override { ++sents; }
  void on_gone(int) override { ++gones; }
  void on_secured() override {
    ++secured;
    std::exchange(then, [] {})();
  }
  void on_broken(const Fault& why) override {
    fault = why.text;
    std::exchange(then, [] {})();
  }
};

Buffer bytes(std::string_view text) { return {text.begin(), text.end()}; }

struct End {
  End(Taker& taker, street::FakeNet& net, proxy::World& world)
      : stream(taker, user), peer(net.accepted()) {
    stream.adopt(world, peer.number);
  }
  void answer(std::string_view first = {}) {
    stream.encrypt(std::make_unique<ToyCodec>(ToyCodec::Side::answers), bytes(first));
  }
  std::string heard() {
    const Buffer taken = peer.take();
    return std::string{as_text(taken)};
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

  void run() { net.run_until_quiet(); }
  // The next turn: a step for one who waits.
  void next_turn() {
    taker.shake_at();
    if (Stream* const next = taker.shakes.next(0)) next->shake();
    taker.settle();
    run();
  }
  void say(End& end, std::string_view text) {
    taker.shake_at();
    end.peer.send(bytes(text));
    run();
  }
};

// A stream whose handshake is over.
struct Secured : Scene {
  End end{taker, net, world};
  Secured() {
    end.answer();
    say(end, "hello.");
    CHECK(end.user.secured == 1);
    CHECK(end.heard() == "welcome.");
  }
};

}  // namespace

TEST_CASE("what was put before encryption goes out as it is, and before the handshake") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.stream.put_copy(bytes("S"));
  end.stream.encrypt(std::make_unique<ToyCodec>(ToyCodec::Side::begins));
  scene.taker.settle();
  scene.run();
  CHECK(end.heard() == "Shello.");
  CHECK(end.user.secured == 0);
  scene.say(end, "welcome.");
  CHECK(end.user.secured == 1);
}

TEST_CASE("plaintext of one turn is one run of records, and comes out as it went in") {
  Secured scene;
  scene.say(scene.end, "3:nop.2:qr.");
  CHECK(scene.end.user.got == "abcde");
  scene.end.stream.put_copy(bytes("x"));
  scene.end.stream.put_copy(bytes("yz"));
  scene.taker.settle();
  scene.run();
  CHECK(scene.end.heard() == "3:klm.");
}

TEST_CASE("nothing of a user's is sealed before the handshake is over") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.answer();
  end.stream.put_copy(bytes("abc"));
  scene.taker.settle();
  scene.run();
  CHECK(end.heard().empty());
  CHECK_FALSE(end.stream.quiet());
}

TEST_CASE("a fault sends its alert and is told once") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.answer();
  scene.say(end, "3:nop.");
  CHECK(end.heard() == "no.");
  CHECK(end.user.fault == "not in the toy's language");
  CHECK(end.user.got.empty());
}

TEST_CASE("records that the kernel did not take go out before anything else is sealed") {
  Secured scene;
  scene.end.peer.set_capacity(4);
  scene.end.stream.put_copy(bytes("abcdef"));
  scene.taker.settle();
  scene.end.stream.put_copy(bytes("gh"));
  scene.taker.settle();
  scene.run();
  CHECK(scene.end.heard() == "6:nopqrs.2:tu.");
  CHECK(scene.end.stream.quiet());
}

TEST_CASE("a slow reader behind a codec throttles its feeder and lets it go again") {
  Secured scene;
  End source(scene.taker, scene.net, scene.world);
  scene.end.stream.set_feeder(&source.stream);
  scene.end.peer.set_reading(false);
  const std::string load(400'000, 'x');
  scene.end.stream.put_copy(bytes(load));
  scene.taker.settle();
  scene.run();
  CHECK(scene.end.stream.congested());
  CHECK(source.stream.throttled());
  scene.end.peer.set_reading(true);
  scene.run();
  CHECK_FALSE(source.stream.throttled());
}

TEST_CASE("plaintext that the user does not take waits for it") {
  Secured scene;
  scene.end.user.appetite = 1;
  scene.say(scene.end, "3:nop.");
  CHECK(scene.end.user.got == "a");
  CHECK_FALSE(scene.end.stream.quiet());
  scene.end.user.appetite = 10;
  scene.end.stream.resume_feeding();
  CHECK(scene.end.user.got == "abc");
}

TEST_CASE("the end of what we send is said before the connection is half-closed") {
  Secured scene;
  scene.end.stream.put_copy(bytes("a"));
  scene.end.stream.finish_when_sent();
  scene.taker.settle();
  scene.run();
  CHECK(scene.end.heard() == "1:n.bye.");
  CHECK(scene.end.peer.ended());
}

TEST_CASE("a peer that has said its last is gone, what it said before is not lost") {
  Secured scene;
  scene.say(scene.end, "1:n.bye.");
  CHECK(scene.end.user.got == "a");
  CHECK(scene.end.user.gones == 1);
}

TEST_CASE("one who dials anew within a call hears nothing more of the connection before") {
  struct Story {
    std::string before, says;
    std::string got, fault;  // Of the connection before.
    int secured;
  };
  const Story stories[] = {{"", "hello.3:nop.bye.", "", "", 1},
                           {"hello.", "3:nop.bye.", "abc", "", 1},
                           {"hello.", "3:nop.oops.", "", "not in the toy's language", 1}};
  for (const Story& story : stories) {
    CAPTURE(story.says);
    Scene scene;
    End end(scene.taker, scene.net, scene.world);
    end.answer();
    if (!story.before.empty()) scene.say(end, story.before);
    street::Peer& anew = scene.net.accepted();
    end.user.then = [&] {
      end.stream.close();
      end.stream.adopt(scene.world, anew.number);
    };
    scene.say(end, story.says);
    CHECK(end.user.got == story.got);
    CHECK(end.user.fault == story.fault);
    CHECK(end.user.secured == story.secured);
    CHECK(end.user.gones == 0);
    anew.send(bytes("plain"));
    scene.run();
    CHECK(end.user.got == story.got + "plain");
  }
}

TEST_CASE("one step of a handshake a turn; the others wait in order, and what they send waits") {
  Scene scene;
  End first(scene.taker, scene.net, scene.world);
  End second(scene.taker, scene.net, scene.world);
  End third(scene.taker, scene.net, scene.world);
  for (End* end : {&first, &second, &third}) end->answer();
  scene.taker.shake_at();
  for (End* end : {&first, &second, &third}) end->peer.send(bytes("hello.1:n."));
  scene.run();
  CHECK(first.user.got == "a");
  CHECK(second.heard().empty());
  scene.next_turn();
  CHECK(second.user.got == "a");
  CHECK(third.user.secured == 0);
  third.peer.send(bytes("1:o."));
  scene.run();
  CHECK(third.user.secured == 0);
  scene.next_turn();
  CHECK(third.user.got == "ab");
}

TEST_CASE("one who goes while it waits its turn is forgotten") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.answer("hello.");
  CHECK(scene.taker.shake_at() == 0);
  end.stream.close();
  CHECK(scene.taker.shake_at() == kNever);
  scene.next_turn();
}

TEST_CASE("records that came before the codec are opened in a turn of their own") {
  Scene scene;
  End end(scene.taker, scene.net, scene.world);
  end.answer("hello.1:n.");
  CHECK(end.user.secured == 0);
  scene.next_turn();
  CHECK(end.user.secured == 1);
  CHECK(end.user.got == "a");
}

TEST_CASE("a connection between two records moves with its codec; half a record keeps it") {
  Secured scene;
  scene.say(scene.end, "2:n");
  CHECK_FALSE(scene.end.stream.quiet());
  scene.say(scene.end, "o.");
  CHECK(scene.end.stream.quiet());
  auto moved = scene.end.stream.detach();
  CHECK(moved.codec != nullptr);
  User user;
  Stream other(scene.taker, user);
  other.adopt(scene.world, moved.socket, std::move(moved.codec));
  scene.end.peer.send(bytes("1:p."));
  scene.run();
  CHECK(user.got == "c");
}
