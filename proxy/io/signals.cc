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

Signals::~Signals() = default;

}  // namespace weir::proxy::io
