// main.cc: from the command line to a House that runs.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "proxy/config/load.h"
#include "proxy/house.h"
#include "proxy/log.h"
#include "proxy/options.h"

namespace weir::proxy {

namespace {

int complain(const std::string& sentence) {
  std::fprintf(stderr, "pgweir: %s\n", sentence.c_str());
  return EXIT_FAILURE;
}

Result<config::Config> load(const Options& options) {
  if (!options.file.empty()) return config::load(options.file);
  const char* const url = std::getenv("DATABASE_URL");
  if (url == nullptr) {
    return fail("F0000", "no settings: name a file, or set DATABASE_URL (see --help)");
  }
  return config::from_environment(url);
}

// The process that a pidfile names, if it lives.
bool runs_already(const std::string& pidfile) {
  pid_t pid = 0;
  const bool read = static_cast<bool>(std::ifstream(pidfile) >> pid);
  return read && pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

Result<void> write_pidfile(const std::string& pidfile) {
  std::FILE* const file = std::fopen(pidfile.c_str(), "w");
  if (file == nullptr) {
    return fail("F0000", "cannot write pidfile " + pidfile + ": " + std::strerror(errno));
  }
  std::fprintf(file, "%ld\n", static_cast<long>(getpid()));
  std::fclose(file);
  return {};
}

Result<void> become(const std::string& name) {
  const passwd* const user = getpwnam(name.c_str());
  if (user == nullptr) return fail("F0000", "there is no user " + name);
  if (geteuid() == user->pw_uid) return {};
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
      setuid(user->pw_uid) != 0) {
    return fail("F0000", "cannot become user " + name + ": " + std::strerror(errno));
  }
  return {};
}

int start(const Options& options) {
  auto loaded = load(options);
  if (!loaded) return complain(loaded.error().text);
  auto config = std::make_unique<const config::Config>(std::move(*loaded));
  const config::Settings settings = config->settings;
  if (options.daemon && (settings.pidfile.empty() || settings.logfile.empty())) {
    return complain("-d needs pidfile and logfile");
  }
  if (!settings.pidfile.empty() && runs_already(settings.pidfile)) {
    return complain("the process that pidfile " + settings.pidfile + " names still runs");
  }
  if (options.daemon && daemon(1, 0) != 0) {
    return complain(std::string{"cannot go into the background: "} + std::strerror(errno));
  }
  auto log = open_log({settings.logfile, !options.quiet && !options.daemon,
                       options.verbose || settings.verbose > 0});
  if (!log) return complain(log.error().text);
  std::signal(SIGPIPE, SIG_IGN);

  House house(std::move(config), options.file, **log);
  auto opened = house.open();
  if (opened && !settings.pidfile.empty()) opened = write_pidfile(settings.pidfile);
  const std::string& user = options.user.empty() ? settings.user : options.user;
  if (opened && !user.empty()) opened = become(user);
  if (!opened) {
    (*log)->line(Level::fatal, opened.error().text);
    return options.quiet ? EXIT_FAILURE : complain(opened.error().text);
  }
  house.run();
  if (!settings.pidfile.empty()) unlink(settings.pidfile.c_str());
  return EXIT_SUCCESS;
}

}  // namespace

}  // namespace weir::proxy

int main(int argc, char** argv) {
  int exit_code = EXIT_SUCCESS;
  const auto options = weir::proxy::read_options(argc, argv, exit_code);
  return options ? weir::proxy::start(*options) : exit_code;
}
