#include "proxy/io/engine.h"

#include <algorithm>
#include <ctime>
#include <utility>
#include <variant>

#include "protocol/check.h"
#include "proxy/io/poll.h"

namespace weir::proxy::io {

namespace {

Instant read_clock() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant{time.tv_sec} * kSecond + time.tv_nsec / 1000;
}

// A letter that nobody will open: the connection in it must not leak.
void drop_letter(Street& street, const Mail& mail) {
  if (const auto* accepted = std::get_if<Accepted>(&mail.letter)) street.drop(accepted->socket);
  if (const auto* server = std::get_if<HandOver>(&mail.letter)) street.drop(server->socket);
}

template <typename Kind>
Engine& engine_of(Kind* watcher) {
  return *static_cast<Engine*>(watcher->data);
}

}  // namespace

Engine::Engine(Street& owner)
    : street(owner),
      resolver(*this),
      block(std::make_unique<std::uint8_t[]>(kReadBlockBytes)),
      now_(read_clock()) {
  WEIR_CHECK(uv_loop_init(&loop) == 0);
  prepare_ =
      make_watcher<uv_prepare_t>([this](auto* fresh) { return uv_prepare_init(&loop, fresh); });
  check_ = make_watcher<uv_check_t>([this](auto* fresh) { return uv_check_init(&loop, fresh); });
  hurry_ = make_watcher<uv_idle_t>([this](auto* fresh) { return uv_idle_init(&loop, fresh); });
  timer_ = make_watcher<uv_timer_t>([this](auto* fresh) { return uv_timer_init(&loop, fresh); });
  dial_timer_ =
      make_watcher<uv_timer_t>([this](auto* fresh) { return uv_timer_init(&loop, fresh); });
  bell_ = make_watcher<uv_async_t>([this](auto* fresh) {
    return uv_async_init(&loop, fresh, [](uv_async_t* bell) { engine_of(bell).take_mail(); });
  });
  WEIR_CHECK(bell_ != nullptr);
  prepare_->data = check_->data = hurry_->data = timer_->data = dial_timer_->data = bell_->data =
      this;
  uv_prepare_start(prepare_.get(), [](uv_prepare_t* at) { engine_of(at).before_poll(); });
  uv_check_start(check_.get(), [](uv_check_t* at) { engine_of(at).end_turn(); });
}

Engine::~Engine() {
  taker_ = nullptr;
  for (const Mail& mail : mailbox_) drop_letter(street, mail);
  resolver.stop();
  prepare_.reset();
  check_.reset();
  hurry_.reset();
  timer_.reset();
  dial_timer_.reset();
  bell_.reset();
  spare_polls.clear();
  uv_run(&loop, UV_RUN_DEFAULT);
  graves_.clear();
  WEIR_CHECK(uv_loop_close(&loop) == 0);  // Else a transport has outlived its Street.
}

void Engine::run(TurnTaker& taker) {
  taker_ = &taker;
  now_ = read_clock();
  arm_timer();
  if (!taker.finished()) uv_run(&loop, UV_RUN_DEFAULT);
  taker_ = nullptr;
}

void Engine::begin_turn() {
  if (std::exchange(clock_read_, true)) return;
  now_ = read_clock();
}

void Engine::end_turn() {
  begin_turn();
  run_deferred();
  if (taker_->next_deadline() <= now_) taker_->on_time();
  taker_->end_turn();
  graves_.clear();
  arm_timer();
  if (taker_->finished()) uv_stop(&loop);
}

// The timer only wakes epoll up; whether it is time is asked of our own clock in end_turn().
void Engine::arm_timer() {
  const Instant deadline = taker_->next_deadline();
  if (deadline == armed_) return;
  armed_ = deadline;
  if (deadline == kNever) {
    uv_timer_stop(timer_.get());
  } else {
    start_timer();
  }
}

void Engine::start_timer() {
  const Instant wait_us = std::max<Instant>(armed_ - now_, 0);
  const auto wait_ms = static_cast<std::uint64_t>((wait_us + kMillisecond - 1) / kMillisecond);
  uv_timer_start(
      timer_.get(), [](uv_timer_t*) {}, wait_ms, 0);
}

// libuv's clock counts milliseconds and may run ahead of ours: the timer can fire after a turn
// that found it too early. Fired without on_time(), it is started again before epoll waits.
void Engine::before_poll() {
  clock_read_ = false;
  if (armed_ == kNever || uv_is_active(plain(timer_.get())) != 0) return;
  now_ = read_clock();
  start_timer();
}

void Engine::turn_soon() { uv_async_send(bell_.get()); }

void Engine::defer(PollTransport& transport) {
  deferred_.push_back(&transport);
  uv_idle_start(hurry_.get(), [](uv_idle_t*) {});
}

void Engine::defer_a_while(PollTransport& transport) {
  later_.push_back(&transport);
  if (uv_is_active(plain(dial_timer_.get())) != 0) return;
  uv_timer_start(
      dial_timer_.get(),
      [](uv_timer_t* timer) {
        Engine& engine = engine_of(timer);
        for (PollTransport* waiting : std::exchange(engine.later_, {})) engine.defer(*waiting);
      },
      kDialAgainMs, 0);
}

void Engine::forget(PollTransport& transport) {
  if (!std::exchange(transport.deferred_, false)) return;
  std::erase(deferred_, &transport);
  std::erase(later_, &transport);
  std::replace(running_.begin(), running_.end(), &transport, static_cast<PollTransport*>(nullptr));
}

void Engine::run_deferred() {
  if (deferred_.empty()) return;
  running_.swap(deferred_);
  for (std::size_t at = 0; at < running_.size(); ++at) {
    if (running_[at] != nullptr) running_[at]->on_deferred();
  }
  running_.clear();
  if (deferred_.empty()) uv_idle_stop(hurry_.get());
}

void Engine::send(Mail mail) {
  bool first = false;
  {
    const std::lock_guard guard{mailbox_mutex_};
    first = mailbox_.empty();
    mailbox_.push_back(std::move(mail));
  }
  // Behind the first letter the bell has been rung already, and not yet been answered.
  if (first) uv_async_send(bell_.get());
}

void Engine::take_mail() {
  begin_turn();
  {
    const std::lock_guard guard{mailbox_mutex_};
    letters_.swap(mailbox_);
  }
  for (Mail& mail : letters_) taker_->deliver(std::move(mail));
  letters_.clear();
}

void Engine::bury(std::unique_ptr<PollTransport> transport) {
  graves_.push_back(std::move(transport));
}

}  // namespace weir::proxy::io
