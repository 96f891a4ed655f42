// engine.h: what is behind a Loop: the libuv loop, its turns, its mailbox. Private to this folder.
//
// One round of libuv is one turn: sockets, mail and names are taken in by libuv's poll phase, then
// the check phase does what was put off, looks at the time, and ends the turn.
#pragma once

#include <mutex>
#include <vector>

#include "pool/instant.h"
#include "proxy/io/loop.h"
#include "proxy/io/resolver.h"
#include "proxy/io/spare_polls.h"
#include "proxy/io/watcher.h"

namespace weir::proxy::io {

class PollTransport;

inline constexpr std::uint64_t kDialAgainMs = 20;

class Engine {
 public:
  explicit Engine(Street& street);
  ~Engine();

  void run(TurnTaker& taker);
  void send(Mail mail);  // From any thread.

  // Every callback of libuv that leads out of this folder begins with it: the first one after
  // epoll_wait has returned reads the clock, for all of the turn.
  void begin_turn();
  Instant now() const { return now_; }

  // A turn follows without waiting for an event. For callbacks of timers, which libuv runs between
  // two turns: what they have done is given out and counted in that one.
  void turn_soon();

  // transport.on_deferred() is called in this turn or the next, never within the caller.
  void defer(PollTransport& transport);
  // The same in kDialAgainMs.
  void defer_a_while(PollTransport& transport);
  void forget(PollTransport& transport);
  // Frees it when nothing of the turn can be on the stack.
  void bury(std::unique_ptr<PollTransport> transport);

  uv_loop_t loop;
  Street& street;
  Resolver resolver;
  IoCounts counts;
  std::unique_ptr<std::uint8_t[]> block;
  SparePolls spare_polls;

 private:
  void end_turn();
  void run_deferred();
  void take_mail();
  void arm_timer();
  void start_timer();
  void before_poll();

  TurnTaker* taker_ = nullptr;
  Instant now_ = 0;
  bool clock_read_ = false;
  Instant armed_ = kNever;  // The deadline that timer_ was last started for.
  UvPtr<uv_prepare_t> prepare_;
  UvPtr<uv_check_t> check_;
  UvPtr<uv_idle_t> hurry_;  // While it is active, epoll_wait does not wait.
  UvPtr<uv_timer_t> timer_;
  UvPtr<uv_timer_t> dial_timer_;
  UvPtr<uv_async_t> bell_;
  std::vector<PollTransport*> deferred_;
  std::vector<PollTransport*> running_;  // The part of them that is being called now.
  std::vector<PollTransport*> later_;    // Waiting for dial_timer_.
  std::vector<std::unique_ptr<PollTransport>> graves_;
  std::mutex mailbox_mutex_;
  std::vector<Mail> mailbox_;
  std::vector<Mail> letters_;  // Taken out, being delivered.
};

}  // namespace weir::proxy::io
