// town.h: the smallest worker that can drive a Loop in a test, and an endpoint that writes down
// what it is told. Every wait is for a condition, with a bound that fails the test.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/loop.h"

namespace weir::proxy::io::town {

inline constexpr Instant kPatience = 120 * kSecond;

class Taker final : public TurnTaker {
 public:
  Taker(Loop& loop, std::function<bool()> done)
      : loop_(loop), done_(std::move(done)), give_up_at_(loop.now() + kPatience) {}

  std::function<void(Mail)> on_mail = [](const Mail&) {};
  std::function<void()> on_timer = [] {};
  std::function<void()> on_end = [] {};
  Instant deadline = kNever;
  int turns = 0;
  bool gave_up = false;

  void deliver(Mail mail) override { on_mail(std::move(mail)); }
  Instant next_deadline() const override { return std::min(deadline, give_up_at_); }
  void on_time() override {
    if (loop_.now() >= give_up_at_) {
      gave_up = true;
    } else {
      on_timer();
    }
  }
  void end_turn() override {
    ++turns;
    on_end();
  }
  bool finished() const override { return gave_up || done_(); }

 private:
  Loop& loop_;
  std::function<bool()> done_;
  Instant give_up_at_;
};

// True if `done` came to be.
inline bool run_until(Loop& loop, std::function<bool()> done) {
  Taker taker{loop, std::move(done)};
  loop.run(taker);
  return !taker.gave_up;
}

// A few more turns, in which something might wrongly happen: each posts itself a letter.
inline void run_turns(Loop& loop, std::size_t worker, int turns) {
  int left = turns;
  Taker taker{loop, [&left] { return left <= 0; }};
  taker.on_mail = [&](const Mail&) {
    if (--left > 0) loop.post(worker, Mail{Nudge{}});
  };
  loop.post(worker, Mail{Nudge{}});
  loop.run(taker);
}

struct Ear final : Endpoint {
  std::string heard;
  Target peer;  // As on_open() told it.
  int opened = 0;
  int writable = 0;
  int gone_count = 0;
  std::optional<int> gone;
  TransportPtr transport;
  std::function<void()> when_heard = [] {};
  std::function<void()> when_writable = [] {};

  void on_open(const Target& at) override { ++opened, peer = at; }
  void on_bytes(Bytes bytes) override {
    heard += as_text(bytes);
    when_heard();
  }
  void on_writable() override {
    ++writable;
    when_writable();
  }
  void on_gone(int error) override {
    gone = error;
    ++gone_count;
  }
  std::size_t say(std::string_view text) { return transport->write(as_bytes(text), {}); }
};

// Two ends of one connection, not blocking.
inline std::pair<int, int> connected_pair(Street& street) {
  int ends[2] = {-1, -1};
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
  street.count_connection(2);
  return {ends[0], ends[1]};
}

// A listening TCP socket on 127.0.0.1 and its port.
struct Harbour {
  int descriptor;
  std::uint16_t port;
};
Harbour open_harbour(int backlog);
// A port of 127.0.0.1 on which nobody listens, nor can while this lives: it is bound to it.
class RefusedPort {
 public:
  RefusedPort() : harbour_(open_harbour(0)) {}
  ~RefusedPort();
  RefusedPort(const RefusedPort&) = delete;
  RefusedPort& operator=(const RefusedPort&) = delete;
  std::uint16_t number() const { return harbour_.port; }

 private:
  Harbour harbour_;
};
// What a blocking read gives, within the patience; "" at the end.
std::string read_from(int descriptor, std::size_t bytes);

}  // namespace weir::proxy::io::town
