#include "proxy/io/command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "protocol/crypto.h"
#include "proxy/io/child.h"
#include "proxy/io/descriptor.h"
#include "proxy/io/engine.h"

namespace weir::proxy::io {

namespace {

constexpr const char* kSystemError = "58000";

// Runs of spaces and control characters (ASCII's, and C1 as UTF-8 has them) become one space.
std::string cleaned(std::string_view said) {
  std::string text;
  for (std::size_t at = 0; at < said.size(); ++at) {
    const auto byte = static_cast<unsigned char>(said[at]);
    const auto next = static_cast<unsigned char>(at + 1 < said.size() ? said[at + 1] : 0);
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (c1) ++at;
    if (!c1 && byte > ' ' && byte != 0x7f) {
      text += said[at];
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

// One end of a pipe from the child. What does not fit is read and dropped, or nobody could write
// on.
class Intake {
 public:
  explicit Intake(std::size_t bytes) : block_(bytes, '\0') {}
  ~Intake() {
    stop();
    protocol::wipe(block_);
  }
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Returns 0 and gives `to_child` its end, or an errno.
  int open(uv_loop_t* loop, void* owner, uv_poll_cb on_readable, Descriptor& to_child) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    from_.take(ends[0]);
    to_child.take(ends[1]);
    watcher_ = make_watcher<uv_poll_t>(
        [this, loop](uv_poll_t* fresh) { return uv_poll_init(loop, fresh, from_.get()); });
    if (!watcher_) return ENOMEM;
    watcher_->data = owner;
    uv_poll_start(watcher_.get(), UV_READABLE, on_readable);
    return 0;
  }
  bool is(const uv_poll_t* watcher) const { return watcher == watcher_.get(); }
  // False when there is nothing more to be had now, or ever.
  bool read_once() {
    std::array<char, 512> spill{};
    const bool full = got_ == block_.size();
    const ssize_t count = full ? ::read(from_.get(), spill.data(), spill.size())
                               : ::read(from_.get(), block_.data() + got_, block_.size() - got_);
    if (count < 0 && errno == EINTR) return true;
    if (count == 0) watcher_.reset();
    if (count > 0 && !full) got_ += static_cast<std::size_t>(count);
    return count > 0;
  }
  // All that was written before now, as far as it fits.
  void drain() {
    while (got_ < block_.size() && read_once()) continue;
  }
  void stop() {
    watcher_.reset();  // libuv first: it takes the number out of epoll.
    from_.close();
  }
  std::string_view text() const { return {block_.data(), got_}; }

 private:
  std::string block_;
  std::size_t got_ = 0;
  Descriptor from_;
  UvPtr<uv_poll_t> watcher_;
};

}  // namespace

struct Command::Run final : private Child::Parent {
  Run(Engine& of, Done tell) : engine(of), done(std::move(tell)) {}
  ~Run() { quit(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start(const std::string& text, Instant allowed);
  int start_child(const std::string& text);
  void start_timer(Instant wait);
  void on_readable(const uv_poll_t* watcher);
  void on_time();
  void on_end(int status) override;
  void quit();
  void fail_with(std::string why);
  void finish(Result<std::string> result);

  Engine& engine;
  Done done;
  Child* child = nullptr;  // Frees itself, after on_end() or kill().
  UvPtr<uv_timer_t> timer;
  Intake output{kCommandOutputMax + 1};  // One more tells what is too long.
  Intake complaint{kCommandComplaintMax};
  Instant allowed_us = 0;
  int start_error = 0;  // Met already, to be told in on_time().
};

Command::Command(Loop& loop, const std::string& text, Instant allowed, Done done)
    : run_(std::make_unique<Run>(loop.engine(), std::move(done))) {
  run_->start(text, allowed);
}

Command::~Command() = default;

void Command::Run::start(const std::string& text, Instant allowed) {
  allowed_us = allowed;
  timer = make_watcher<uv_timer_t>(
      [this](uv_timer_t* fresh) { return uv_timer_init(&engine.loop, fresh); });
  timer->data = this;
  start_error = start_child(text);
  start_timer(start_error == 0 ? allowed : 0);
}

// Returns 0, or an errno.
int Command::Run::start_child(const std::string& text) {
  const auto on_event = [](uv_poll_t* watcher, int, int) {
    static_cast<Run*>(watcher->data)->on_readable(watcher);
  };
  Descriptor output_end;
  Descriptor complaint_end;
  int error = output.open(&engine.loop, this, on_event, output_end);
  if (error == 0) error = complaint.open(&engine.loop, this, on_event, complaint_end);
  if (error != 0) return error;
  return Child::start(engine, text, output_end.get(), complaint_end.get(), *this, child);
}

void Command::Run::start_timer(Instant wait) {
  const auto wait_ms = static_cast<std::uint64_t>((wait + kMillisecond - 1) / kMillisecond);
  uv_timer_start(
      timer.get(), [](uv_timer_t* fired) { static_cast<Run*>(fired->data)->on_time(); }, wait_ms,
      0);
}

void Command::Run::on_readable(const uv_poll_t* watcher) {
  Intake& from = output.is(watcher) ? output : complaint;
  from.read_once();
  if (output.text().size() <= kCommandOutputMax) return;
  fail_with("printed more than " + std::to_string(kCommandOutputMax) + " bytes");
}

void Command::Run::on_time() {
  engine.turn_soon();
  if (start_error != 0) {
    return finish(fail(
        kSystemError, std::string{"the command cannot be started: "} + std::strerror(start_error)));
  }
  fail_with("did not end within " + std::to_string(allowed_us / kMillisecond) + " ms");
}

void Command::Run::on_end(int status) {
  child = nullptr;
  output.drain();
  complaint.drain();
  if (WIFSIGNALED(status)) {
    return fail_with("was ended by signal " + std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    return fail_with("exited with status " + std::to_string(WEXITSTATUS(status)));
  }
  std::string_view printed = output.text();
  if (printed.size() > kCommandOutputMax) {
    return fail_with("printed more than " + std::to_string(kCommandOutputMax) + " bytes");
  }
  if (printed.ends_with('\n')) printed.remove_suffix(1);
  if (printed.empty()) return fail_with("printed nothing");
  finish(std::string{printed});
}

void Command::Run::quit() {
  if (child != nullptr) std::exchange(child, nullptr)->kill();
  timer.reset();
  output.stop();
  complaint.stop();
}

void Command::Run::fail_with(std::string why) {
  const std::string said = cleaned(complaint.text());
  finish(fail(kSystemError, "the command " + std::move(why) + (said.empty() ? "" : ": " + said)));
}

// `this` may be gone afterwards.
void Command::Run::finish(Result<std::string> result) {
  quit();
  engine.begin_turn();
  const Done tell = std::exchange(done, nullptr);
  tell(std::move(result));
}

}  // namespace weir::proxy::io
