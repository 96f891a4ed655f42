#include "proxy/background.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace weir::proxy {

namespace {

constexpr char kUp = 'u';

tl::unexpected<Fault> refuse(int error) {
  return fail("F0000", std::string{"cannot go into the background: "} + std::strerror(error));
}

// The end of the pipe without a word: the other has died, and has said why.
[[noreturn]] void wait_for_word(int from) {
  char word = 0;
  ssize_t got = 0;
  do {
    got = ::read(from, &word, 1);
  } while (got < 0 && errno == EINTR);
  ::_exit(got == 1 && word == kUp ? EXIT_SUCCESS : EXIT_FAILURE);
}

}  // namespace

Result<Background> Background::go() {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return refuse(errno);
  const pid_t child = ::fork();
  if (child < 0) return refuse(errno);
  if (child > 0) {
    ::close(pipe[1]);
    wait_for_word(pipe[0]);
  }
  ::close(pipe[0]);
  ::setsid();
  return Background{pipe[1]};
}

void Background::tell_up() const {
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(nowhere, standard);
  }
  if (nowhere > STDERR_FILENO) ::close(nowhere);
  // If nobody listens any more, nobody needs the word.
  [[maybe_unused]] const auto told = ::write(word_, &kUp, 1);
  ::close(word_);
}

}  // namespace weir::proxy
