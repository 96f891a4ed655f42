// command.h: one run of an operator's command, for what it prints. That is taken to be a secret: it
// goes to the callee and nowhere else, and the block it was collected in is wiped.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "pool/instant.h"
#include "protocol/result.h"
#include "proxy/io/loop.h"

namespace weir::proxy::io {

inline constexpr std::size_t kCommandOutputMax = 64 * 1024;
inline constexpr std::size_t kCommandComplaintMax = 1024;  // Of stderr; what follows is dropped.

// Runs from its construction on. The shell has /dev/null for input, our environment, none of our
// descriptors, no signal blocked or ignored, and a session of its own: when it must be killed, all
// that it has started goes with it, but for what has made itself a session or a group.
class Command {
 public:
  // What was printed, without one newline at its end; at least one byte. The fault is for the log:
  // it quotes what the command said on stderr, cleaned of control characters.
  using Done = std::function<void(Result<std::string> output)>;

  // `/bin/sh -c text`. `done` is called once, on the loop's thread, never within the constructor:
  // when the shell has ended, whatever it left behind in the background, or when `allowed` is over.
  // Done may destroy the Command.
  Command(Loop& loop, const std::string& text, Instant allowed, Done done);
  // Kills what is running and calls nobody. The Loop reaps it.
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

 private:
  struct Run;
  std::unique_ptr<Run> run_;
};

}  // namespace weir::proxy::io
