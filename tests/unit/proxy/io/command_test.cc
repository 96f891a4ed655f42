// command_test.cc: real shells, whose end is waited for by what they hold open, not by the clock.
#include "proxy/io/command.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>

#include "unit/proxy/io/scratch.h"
#include "unit/proxy/io/town.h"

namespace weir::proxy::io {

using town::FewFiles;
using town::kPatience;
using town::run_turns;
using town::run_until;
using town::Scratch;

namespace {

struct Shell {
  Street street{1};
  Loop& loop = street[0];
  std::unique_ptr<Command> command;
  std::optional<Result<std::string>> result;
  int calls = 0;

  ~Shell() { command.reset(); }
  void start(const std::string& text, Instant allowed = kPatience) {
    command = std::make_unique<Command>(loop, text, allowed, [this](Result<std::string> output) {
      result = std::move(output);
      ++calls;
    });
  }
  Result<std::string> run(const std::string& text, Instant allowed = kPatience) {
    start(text, allowed);
    REQUIRE(run_until(loop, [this] { return result.has_value(); }));
    return *std::exchange(result, std::nullopt);
  }
  std::string complaint(const std::string& text) {
    const auto outcome = run(text);
    REQUIRE(!outcome.has_value());
    return outcome.error().text;
  }
};

// A FIFO: what a process and its children hold open as long as they live.
class Rope {
 public:
  Rope() : name_(scratch_.path + "/rope") {
    REQUIRE(::mkfifo(name_.c_str(), 0600) == 0);
    end_ = ::open(name_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(end_ >= 0);
  }
  ~Rope() { ::close(end_); }
  Rope(const Rope&) = delete;
  Rope& operator=(const Rope&) = delete;

  const std::string& name() const { return name_; }
  bool pulled() const {
    char word = 0;
    return ::read(end_, &word, 1) == 1;
  }
  // Everybody who held it has gone.
  bool let_go() const {
    pollfd wanted{end_, 0, 0};
    return ::poll(&wanted, 1, static_cast<int>(kPatience / kMillisecond)) == 1 &&
           (wanted.revents & POLLHUP) != 0;
  }

 private:
  Scratch scratch_;
  std::string name_;
  int end_;
};

// A shell with a child and a grandchild that hold the rope and would never end.
std::string family(const Rope& rope) {
  return "exec 9>" + rope.name() + "; (sleep 100000 & echo x >&9; wait) & wait";
}

}  // namespace

TEST_CASE("a command's output, without one newline at its end") {
  Shell shell;
  CHECK(shell.run("echo secret") == "secret");
  CHECK(shell.run("printf secret") == "secret");
  CHECK(shell.run("printf 'a b\\n\\n'") == "a b\n");
  CHECK(shell.run("echo \"$((6 * 7))\" | cat; echo noise >&2") == "42");
  CHECK(shell.calls == 4);
}

TEST_CASE("a command's input is at its end at once") {
  Shell shell;
  CHECK(shell.run("cat; echo end") == "end");
}

TEST_CASE("the longest output is taken whole, and one byte more is a fault without a byte of it") {
  Shell shell;
  const auto zeros = [](std::size_t count) {
    return "head -c " + std::to_string(count) + " /dev/zero | tr '\\0' 'z'";
  };
  const auto longest = shell.run(zeros(kCommandOutputMax));
  REQUIRE(longest.has_value());
  CHECK(*longest == std::string(kCommandOutputMax, 'z'));
  CHECK(shell.complaint(zeros(kCommandOutputMax + 1)) ==
        "the command printed more than 65536 bytes");
  CHECK(shell.complaint("yes") == "the command printed more than 65536 bytes");
}

TEST_CASE("a command that fails is quoted with what it said on stderr, and not on stdout") {
  Shell shell;
  CHECK(shell.complaint("echo secret; echo no such role >&2; exit 3") ==
        "the command exited with status 3: no such role");
  CHECK(shell.complaint("exit 1") == "the command exited with status 1");
  CHECK(shell.complaint("kill -9 $$") == "the command was ended by signal 9");
  CHECK(shell.complaint("true") == "the command printed nothing");
  CHECK(shell.complaint("echo; echo why >&2") == "the command printed nothing: why");
  CHECK(shell.complaint("/nowhere/at-all").find("exited with status 127: ") != std::string::npos);
}

TEST_CASE("what a command says on stderr is cleaned and cut") {
  Shell shell;
  CHECK(shell.complaint("printf '\\033[31m no\\r\\n\\n\\ttoken\\302\\233\\177\\n' >&2; exit 1") ==
        "the command exited with status 1: [31m no token");
  CHECK(shell.complaint("printf 'Gr\\303\\274\\303\\237e' >&2; exit 1") ==
        "the command exited with status 1: Gr\u00fc\u00dfe");
  const std::string long_one = shell.complaint("yes a | tr -d '\\n' | head -c 300000 >&2; exit 1");
  CHECK(long_one == "the command exited with status 1: " + std::string(kCommandComplaintMax, 'a'));
}

TEST_CASE("what a command leaves in the background is not waited for") {
  Shell shell;
  const Rope rope;
  const auto background = shell.run("exec 9>" + rope.name() + "; sleep 100000 & echo $!");
  REQUIRE(background.has_value());
  CHECK(::kill(std::stoi(*background), SIGKILL) == 0);  // A successful command's children live.
  CHECK(rope.let_go());
}

TEST_CASE("when its time is over a command is killed with all it has started") {
  for (Instant allowed = 100 * kMillisecond;; allowed *= 2) {
    REQUIRE(allowed < kPatience);
    Shell shell;
    const Rope rope;
    const auto outcome = shell.run(family(rope), allowed);
    REQUIRE(!outcome.has_value());
    CHECK(outcome.error().text ==
          "the command did not end within " + std::to_string(allowed / kMillisecond) + " ms");
    if (!rope.pulled()) continue;  // A busy machine: it had not come so far.
    CHECK(rope.let_go());
    break;
  }
}

TEST_CASE("a command that prints too much is killed with all it has started") {
  Shell shell;
  const Rope rope;
  CHECK(shell.complaint("exec 9>" + rope.name() + "; sleep 100000 & echo x >&9; yes") ==
        "the command printed more than 65536 bytes");
  CHECK(rope.pulled());
  CHECK(rope.let_go());
}

TEST_CASE("destroying a command kills it with all it has started and calls nobody") {
  Shell shell;
  const Rope rope;
  shell.start(family(rope));
  CHECK(run_until(shell.loop, [&] {
    shell.loop.post(0, Mail{Nudge{}});  // Keeps turning until the rope is pulled.
    return rope.pulled();
  }));
  shell.command.reset();
  CHECK(rope.let_go());
  run_turns(shell.loop, 0, 20);
  CHECK(shell.calls == 0);
}

TEST_CASE("a loop that ends reaps what was left to it") {
  {
    Shell shell;
    shell.start("sleep 100000 & wait");
  }
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("the callback may destroy its command and start the next") {
  Street street{1};
  std::unique_ptr<Command> command;
  std::string heard;
  command = std::make_unique<Command>(street[0], "echo one", kPatience, [&](auto first) {
    heard += *first;
    command = std::make_unique<Command>(street[0], "echo two", kPatience,
                                        [&](auto second) { heard += *second; });
  });
  CHECK(heard.empty());
  CHECK(run_until(street[0], [&] { return heard == "onetwo"; }));
}

TEST_CASE("several commands at a time") {
  Street street{1};
  std::vector<std::unique_ptr<Command>> commands;
  std::string heard(20, '.');
  for (std::size_t at = 0; at < heard.size(); ++at) {
    commands.push_back(std::make_unique<Command>(
        street[0], "echo " + std::to_string(at % 10), kPatience,
        [&heard, at](Result<std::string> digit) { heard[at] = digit->front(); }));
  }
  CHECK(run_until(street[0], [&] { return heard.find('.') == std::string::npos; }));
  CHECK(heard == "01234567890123456789");
}

TEST_CASE("none of our descriptors reaches a command, whoever opened it and how") {
  Shell shell;
  const int careless = ::open("/dev/null", O_RDONLY);  // As libraries do.
  REQUIRE(careless > STDERR_FILENO);
  const auto [near, far] = town::connected_pair(shell.street);
  CHECK(shell.run("ls /proc/$$/fd; true") == "0\n1\n2");
  shell.street.drop(near);
  shell.street.drop(far);
  ::close(careless);
}

TEST_CASE("a command is the first of a session of its own") {
  Shell shell;
  // pid, ppid, pgrp and session: manual page proc(5), fields 1, 4, 5 and 6 of stat.
  CHECK(shell.run("set -- $(cat /proc/$$/stat); test $1 = $5 && test $1 = $6 && echo own") ==
        "own");
}

TEST_CASE("a command finds no signal ignored or blocked, though the thread that starts it has") {
  std::optional<Result<std::string>> result;
  const auto former = std::signal(SIGPIPE, SIG_IGN);
  // Another loop turns in its own thread, which is free to take signals meanwhile.
  Street street{2};
  std::atomic<bool> over = false;
  std::thread other{[&] { run_until(street[1], [&] { return over.load(); }); }};
  std::thread deaf{[&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const Command command{street[0], "exec grep -E '^Sig(Blk|Ign)' /proc/self/status", kPatience,
                          [&](Result<std::string> output) { result = std::move(output); }};
    run_until(street[0], [&] { return result.has_value(); });
  }};
  deaf.join();
  over = true;
  street.post(1, Mail{Nudge{}});
  other.join();
  std::signal(SIGPIPE, former);
  REQUIRE(result.has_value());
  REQUIRE(result->has_value());
  const std::string& masks = **result;
  const auto mask = [&masks](const char* name) {
    return std::stoull(masks.substr(masks.find(name) + 7), nullptr, 16);
  };
  CHECK(mask("SigBlk:") == 0);
  CHECK((mask("SigIgn:") & 0x7fff'ffff) == 0);  // Behind it are two of glibc's own.
}

TEST_CASE("two loops run commands in two threads") {
  Street street{2};
  std::array<std::string, 2> heard;
  std::vector<std::thread> threads;
  for (std::size_t at = 0; at < 2; ++at) {
    threads.emplace_back([&street, &heard, at] {
      for (int round = 0; round < 10; ++round) {
        bool done = false;
        const Command command{street[at], "echo " + std::to_string(round), kPatience,
                              [&](Result<std::string> output) {
                                heard[at] += output ? *output : output.error().text;
                                done = true;
                              }};
        run_until(street[at], [&] { return done; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(heard[0] == "0123456789");
  CHECK(heard[1] == "0123456789");
}

TEST_CASE("without a descriptor to tell of its end a command is looked after all the same") {
  Shell shell;
  std::array<int, 4> pipes{};  // What the two pipes need, and one more is too many.
  for (int& number : pipes) number = ::dup(STDIN_FILENO);
  for (const int number : pipes) ::close(number);
  const FewFiles few{*std::max_element(pipes.begin(), pipes.end()) + 1};
  CHECK(shell.run("echo secret") == "secret");
  CHECK(shell.complaint("exit 2") == "the command exited with status 2");
}

TEST_CASE("a command has a status even if our own parent had us ignore the end of children") {
  const auto former = std::signal(SIGCHLD, SIG_IGN);
  Shell shell;
  CHECK(shell.complaint("exit 2") == "the command exited with status 2");
  CHECK(shell.run("echo secret") == "secret");
  std::signal(SIGCHLD, former);
}

TEST_CASE("a command that cannot be started is a fault in a later turn") {
  Shell shell;
  {
    const FewFiles few{3};
    shell.start("echo secret");
  }
  CHECK(shell.calls == 0);
  REQUIRE(run_until(shell.loop, [&] { return shell.calls == 1; }));
  REQUIRE(!shell.result->has_value());
  CHECK(shell.result->error().text == "the command cannot be started: Too many open files");
}

}  // namespace weir::proxy::io
