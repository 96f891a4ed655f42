// child.cc: fork and exec with everything prepared before the fork.
#include "tests/e2e/harness/child.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace weir::e2e {

bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

namespace {

// DATABASE_URL and the PG* variables of whoever runs the tests must not reach the program.
std::vector<std::string> environment_of(const ChildSpec& spec) {
  std::vector<std::string> out = spec.environment;  // In front: the first of equal names counts.
  for (const char* const ours : {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"})
    out.emplace_back(ours);
  // LeakSanitizer has to look into the program's memory.
  if (is_sanitized()) out.emplace_back("PGWEIR_CORE_DUMPS=1");
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

bool limit_open_files(const ChildSpec& spec) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (spec.open_files_max > 0) limit = {spec.open_files_max, spec.open_files_max};
  if (spec.open_files_soft_max > 0) limit.rlim_cur = spec.open_files_soft_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// The rest of the line of this /proc file that begins with `key`.
std::string proc_line(pid_t pid, const char* file, std::string_view key) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key)) return line.substr(key.size());
  return {};
}

}  // namespace

Child::Child(const ChildSpec& spec) {
  std::vector<std::string> argv = spec.argv;
  std::vector<std::string> environment = environment_of(spec);
  const std::vector<char*> argv_pointers = pointers(argv);
  const std::vector<char*> environment_pointers = pointers(environment);
  const passwd* user =
      spec.run_as.empty() || !are_root() ? nullptr : ::getpwnam(spec.run_as.c_str());
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ > 0) return;
  if (!limit_open_files(spec)) ::_exit(126);
  if (user != nullptr &&
      (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0))
    ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, spec.death_signal);  // After setuid, which clears it.
  if (::getppid() != parent) ::_exit(126);
  if (!spec.directory.empty() && ::chdir(spec.directory.c_str()) != 0) ::_exit(126);
  const int in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, 0);
  const int out = ::open(spec.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (out >= 0) {
    ::dup2(out, 1);
    ::dup2(out, 2);
  }
  ::close_range(3, ~0U, 0);
  ::execve(argv_pointers[0], argv_pointers.data(), environment_pointers.data());
  ::_exit(127);
}

Child::~Child() {
  if (!running()) return;
  signal(SIGKILL);
  wait();
}

bool Child::running() {
  if (!ending_) wait(Deadline::in(0ms));
  return !ending_;
}

void Child::signal(int number) {
  if (!ending_) ::kill(pid_, number);
}

std::optional<Ending> Child::wait(Deadline deadline) {
  eventually(
      [&] {
        int status = 0;
        if (!ending_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
          ending_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
          left_core_ = WIFSIGNALED(status) && WCOREDUMP(status);
        }
        return ending_.has_value();
      },
      deadline);
  return ending_;
}

bool are_root() { return ::geteuid() == 0; }

long resident_kib(pid_t pid) {
  return std::strtol(proc_line(pid, "status", "VmRSS:").c_str(), nullptr, 10);
}

long peak_kib(pid_t pid) {
  return std::strtol(proc_line(pid, "status", "VmHWM:").c_str(), nullptr, 10);
}

void reset_peak(pid_t pid) { std::ofstream("/proc/" + std::to_string(pid) + "/clear_refs") << "5"; }

long open_files(pid_t pid) {
  std::error_code gone;
  long count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

OpenFilesLimit open_files_limit(pid_t pid) {
  OpenFilesLimit limit;
  std::istringstream(proc_line(pid, "limits", "Max open files")) >> limit.soft >> limit.hard;
  return limit;
}

}  // namespace weir::e2e
