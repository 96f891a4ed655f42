// scratch.cc: the temporary directory and its caretaker.
#include "tests/e2e/harness/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace weir::e2e {

namespace {

// Runs in the caretaker. The directory's users may die a little after us, so it tries again.
[[noreturn]] void remove_when_orphaned(int pipe_end, const char* path) {
  ::setsid();
  ::dup2(pipe_end, 0);
  ::close_range(1, ~0U, 0);
  char byte = 0;
  while (::read(0, &byte, 1) > 0) {
  }
  for (int tries = 0; tries < 20; ++tries) {
    const pid_t remover = ::fork();
    if (remover == 0) {
      ::execl("/bin/rm", "rm", "-rf", path, static_cast<char*>(nullptr));
      ::_exit(127);
    }
    int status = 1;
    ::waitpid(remover, &status, 0);
    if (status == 0) break;
    ::usleep(100'000);
  }
  ::_exit(0);
}

}  // namespace

Scratch::Scratch() {
  char name[] = "/tmp/weir-e2e-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  path_ = name;
  ::chmod(name, 0777);  // Children may run as another user.
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  caretaker_pid_ = ::fork();
  if (caretaker_pid_ == 0) remove_when_orphaned(ends[0], name);
  ::close(ends[0]);
  caretaker_pipe_ = ends[1];
}

Scratch::~Scratch() {
  ::close(caretaker_pipe_);
  int status = 0;
  ::waitpid(caretaker_pid_, &status, 0);
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  REQUIRE_MESSAGE(out.good(), "cannot write " << path);
  ::chmod(path.c_str(), 0644);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace weir::e2e
