// child.h: a process that a test started: its output in a file, its limits, and its end by pid.
// The kernel ends it when the test program dies first.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/harness/deadline.h"

namespace weir::e2e {

bool is_sanitized();  // Memory figures mean nothing.

struct ChildSpec {
  std::vector<std::string> argv;
  std::vector<std::string> environment = {};  // "KEY=value", before PATH and the sanitizers' own.
  std::string output_path = "/dev/null";
  std::string run_as = {};           // A user's name; empty: as we are. Only root can change.
  std::string directory = {};        // Working directory; empty: ours.
  unsigned open_files_max = 0;       // RLIMIT_NOFILE, hard; 0: ours.
  unsigned open_files_soft_max = 0;  // Soft; 0: as hard, or ours if that is ours.
  int death_signal = SIGKILL;        // What it gets when we die first.
};

// How a process ended: its exit code, or the signal's number negated.
using Ending = int;

class Child {
 public:
  explicit Child(const ChildSpec& spec);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);
  std::optional<Ending> wait(Deadline deadline = Deadline::generous());
  bool left_core() const { return left_core_; }  // After its end.

 private:
  pid_t pid_ = -1;
  bool left_core_ = false;
  std::optional<Ending> ending_;
};

bool are_root();
// Resident memory of a process in KiB.
long resident_kib(pid_t pid);
// Its highest since reset_peak(), or since the start where the kernel cannot forget that.
long peak_kib(pid_t pid);
void reset_peak(pid_t pid);
long open_files(pid_t pid);
struct OpenFilesLimit {
  long soft = 0;
  long hard = 0;
};
OpenFilesLimit open_files_limit(pid_t pid);

}  // namespace weir::e2e
