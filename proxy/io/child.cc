#include "proxy/io/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "protocol/check.h"
#include "proxy/io/engine.h"

namespace weir::proxy::io {

namespace {

// Not uv_spawn(): that forks, which copies the page tables while the loop waits, and closes nothing
// in the child, where not every library says O_CLOEXEC.
class Orders {
 public:
  Orders(int output, int complaint) {
    WEIR_CHECK(posix_spawnattr_init(&attributes_) == 0);
    WEIR_CHECK(posix_spawn_file_actions_init(&actions_) == 0);
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes_, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes_, &set);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    note(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    note(posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    note(posix_spawn_file_actions_adddup2(&actions_, complaint, STDERR_FILENO));
    note(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
  }
  ~Orders() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  int carry_out(std::string text, pid_t& pid) const {
    if (error_ != 0) return error_;
    std::string shell = "/bin/sh";
    std::string option = "-c";
    const std::array<char*, 4> words{shell.data(), option.data(), text.data(), nullptr};
    return posix_spawn(&pid, shell.c_str(), &actions_, &attributes_, words.data(), environ);
  }

 private:
  void note(int error) {
    if (error != 0) error_ = error;
  }

  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
  int error_ = 0;
};

}  // namespace

int Child::start(Engine& engine, const std::string& text, int output, int complaint, Parent& parent,
                 Child*& child) {
  // One would overwrite the other on its way to the places of stdout and stderr.
  if (output <= STDERR_FILENO || complaint <= STDERR_FILENO) return EBADF;
  // Whoever started us may have had it ignored, and then no end has a status. Nobody else in this
  // program has children.
  std::signal(SIGCHLD, SIG_DFL);
  pid_t pid = 0;
  if (const int error = Orders{output, complaint}.carry_out(text, pid); error != 0) return error;
  child = std::make_unique<Child>(engine, parent, pid).release();  // From here on it frees itself.
  return 0;
}

Child::Child(Engine& engine, Parent& parent, pid_t pid)
    : engine_(engine), parent_(&parent), pid_(pid) {
  watch();
}

void Child::watch() {
  pidfd_.take(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (pidfd_.get() >= 0) {
    watcher_ = make_watcher<uv_poll_t>(
        [this](uv_poll_t* fresh) { return uv_poll_init(&engine_.loop, fresh, pidfd_.get()); });
  }
  if (watcher_) {
    watcher_->data = this;
    uv_poll_start(watcher_.get(), UV_READABLE,
                  [](uv_poll_t* poll, int, int) { static_cast<Child*>(poll->data)->reap(); });
    return;
  }
  clock_ = make_watcher<uv_timer_t>(
      [this](uv_timer_t* fresh) { return uv_timer_init(&engine_.loop, fresh); });
  clock_->data = this;
  const auto on_time = [](uv_timer_t* timer) { static_cast<Child*>(timer->data)->reap(); };
  uv_timer_start(clock_.get(), on_time, kReapMs, kReapMs);
}

void Child::reap() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == 0) return;
  const std::unique_ptr<Child> last{this};
  watcher_.reset();  // libuv first: it takes the number out of epoll.
  if (clock_) engine_.turn_soon();
  if (parent_ != nullptr) parent_->on_end(status);
}

// It has not been reaped, so the number is still its own.
void Child::kill() {
  parent_ = nullptr;
  ::kill(-pid_, SIGKILL);
}

}  // namespace weir::proxy::io
