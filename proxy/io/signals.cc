#include "proxy/io/signals.h"

#include <array>
#include <csignal>
#include <utility>

#include "protocol/check.h"
#include "proxy/io/engine.h"

namespace weir::proxy::io {

namespace {
constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
}

struct Signals::Watch {
  Engine& engine;
  std::function<void(int)> on_signal;
  std::array<UvPtr<uv_signal_t>, kSignals.size()> watchers;
};

Signals::Signals(Loop& loop, std::function<void(int signal)> on_signal)
    : watch_(std::make_unique<Watch>(Watch{loop.engine(), std::move(on_signal), {}})) {
  for (std::size_t at = 0; at < kSignals.size(); ++at) {
    auto& watcher = watch_->watchers[at];
    watcher = make_watcher<uv_signal_t>(
        [this](uv_signal_t* fresh) { return uv_signal_init(&watch_->engine.loop, fresh); });
    WEIR_CHECK(watcher != nullptr);  // At start, with descriptors to spare.
    watcher->data = watch_.get();
    uv_signal_start(
        watcher.get(),
        [](uv_signal_t* told, int signal) {
          auto* watch = static_cast<Watch*>(told->data);
          watch->engine.begin_turn();
          watch->on_signal(signal);
        },
        kSignals[at]);
  }
}

// libuv gives the signals their default meaning back, which would end the process in the middle of
// its orderly end: what comes now has been done already.
Signals::~Signals() {
  sigset_t ours;
  sigset_t before;
  sigemptyset(&ours);
  for (const int number : kSignals) sigaddset(&ours, number);
  pthread_sigmask(SIG_BLOCK, &ours, &before);
  watch_.reset();
  for (const int number : kSignals) std::signal(number, SIG_IGN);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace weir::proxy::io
