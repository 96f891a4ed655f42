#include "proxy/io/loop.h"

#include <sys/random.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "protocol/check.h"
#include "proxy/io/command.h"
#include "proxy/io/engine.h"
#include "proxy/io/poll.h"
#include "proxy/io/user_name.h"

namespace weir::proxy::io {

Loop::Loop(Street& street) : street_(street), engine_(std::make_unique<Engine>(street)) {}
Loop::~Loop() = default;

void Loop::run(TurnTaker& taker) { engine_->run(taker); }
Instant Loop::now() const { return engine_->now(); }
uv_loop_s* Loop::raw() { return &engine_->loop; }
const IoCounts& Loop::counts() const { return engine_->counts; }

std::int64_t Loop::wall_clock_s() const { return std::time(nullptr); }

void Loop::random(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    WEIR_CHECK(got > 0 || errno == EINTR);
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

TransportPtr Loop::dial(const Target& target, Endpoint& endpoint) {
  auto* transport = std::make_unique<PollTransport>(*engine_, endpoint).release();
  TransportPtr owned{transport};  // From here on it frees itself.
  transport->dial(target);
  return owned;
}

bool Loop::leads_to(const std::string& host, const std::string& address) {
  return engine_->resolver.leads_to(host, address);
}

TransportPtr Loop::adopt(Socket socket, Endpoint& endpoint) {
  auto* transport = std::make_unique<PollTransport>(*engine_, endpoint).release();
  TransportPtr owned{transport};  // From here on it frees itself.
  transport->adopt(socket);
  return owned;
}

namespace {

// A Command, as the workers know one.
class Running final : public RunningCommand {
 public:
  Running(Loop& loop, const std::string& text, CommandUser& user)
      : command_(loop, text, kCommandTimeMax,
                 [&user](Result<std::string> output) { user.on_output(std::move(output)); }) {}

 private:
  Command command_;
};

}  // namespace

CommandPtr Loop::run(const std::string& command, CommandUser& user) {
  return std::make_unique<Running>(*this, command, user);
}

std::optional<std::string> Loop::user_name(std::uint32_t uid) { return user_name_of(uid); }

void Loop::post(std::size_t worker, Mail mail) { street_.post(worker, std::move(mail)); }

Street::Street(std::size_t workers, const SocketOptions& options) : options_(options) {
  for (std::size_t worker = 0; worker < workers; ++worker) {
    loops_.push_back(std::make_unique<Loop>(*this));
  }
}
Street::~Street() = default;

void Street::post(std::size_t worker, Mail mail) { loops_[worker]->engine().send(std::move(mail)); }

void Street::set_options(const SocketOptions& options) {
  const std::lock_guard guard{options_mutex_};
  options_ = options;
}

SocketOptions Street::options() const {
  const std::lock_guard guard{options_mutex_};
  return options_;
}

void Street::drop(Socket socket) {
  ::close(socket);
  count_connection(-1);
}

}  // namespace weir::proxy::io
