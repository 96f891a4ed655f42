// main.cc: from the command line to a House that runs.
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "proxy/background.h"
#include "proxy/config/load.h"
#include "proxy/doctor/doctor.h"
#include "proxy/doctor/report.h"
#include "proxy/house.h"
#include "proxy/log.h"
#include "proxy/options.h"
#include "proxy/tls/contexts.h"
#include "proxy/written_file.h"

namespace weir::proxy {

namespace {

int complain(const std::string& sentence) {
  std::fprintf(stderr, "pgweir: %s\n", sentence.c_str());
  return EXIT_FAILURE;
}

// Whether another process lives that the pidfile names. A container's first process has the same
// number each time: a file that names us is left over from the one before.
bool runs_already(const std::string& pidfile) {
  pid_t pid = 0;
  const bool read = static_cast<bool>(std::ifstream(pidfile) >> pid);
  return read && pid > 0 && pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM);
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

// `said_at`: `file:line: `, or empty, to stand before a complaint.
Result<void> become(const std::string& name, const std::string& said_at) {
  const passwd* const user = getpwnam(name.c_str());
  if (user == nullptr) return fail("F0000", said_at + "there is no user " + name);
  if (geteuid() == user->pw_uid) return {};
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
      setuid(user->pw_uid) != 0) {
    return fail("F0000", said_at + "cannot become user " + name + ": " + std::strerror(errno));
  }
  return {};
}

Result<void> check_group(const config::Config& config) {
  const std::string& name = config.settings.unix_socket_group;
  if (name.empty() || getgrnam(name.c_str()) != nullptr) return {};
  return fail("F0000", config.said_at("unix_socket_group") + "there is no group " + name);
}

// What the settings name and the operating system has to know.
void add_names(config::Report& report, const config::Config& config) {
  const config::Settings& settings = config.settings;
  if (!settings.user.empty() && getpwnam(settings.user.c_str()) == nullptr) {
    report.complaints.add(config.said_at("user") + "there is no user " + settings.user);
  }
  if (const auto group = check_group(config); !group) report.complaints.add(group.error().text);
  const std::pair<const char*, const std::string&> written[] = {{"logfile", settings.logfile},
                                                                {"pidfile", settings.pidfile}};
  for (const auto& [key, file] : written) {
    if (const auto there = check_directory(file); !there) {
      report.complaints.add(config.said_at(key) + key + ": " + there.error().text);
    }
  }
}

// What is wrong with certificates and keys: what is only expired can be started with.
void add_tls(config::Report& report, const config::Config& config) {
  tls::Contexts contexts;
  const auto& clients = config.settings.client_tls;
  const auto servers = config.all_server_tls();
  std::vector<std::string> sentences = contexts.load(clients, servers);
  for (std::string& sentence : sentences) {
    if (contexts.lacks(clients, servers)) {
      report.complaints.add(std::move(sentence));
    } else {
      report.warnings.push_back(std::move(sentence));
    }
  }
}

// What stops a start, before a certificate is read and a door is tried.
config::Report check_start(const config::Source& source) {
  config::Report report = config::check(source);
  if (!report.complaints.empty()) return report;
  if (const auto config = config::load(source)) {
    add_names(report, *config);
  } else {
    report.complaints.add(config.error().text);
  }
  return report;
}

// No core dump has a secret, and no other program of the same user looks into our memory.
void hide_memory(const config::Settings& settings) {
  if (!settings.core_dumps) prctl(PR_SET_DUMPABLE, 0);
}

// All complaints and warnings, one a line.
int print_check(const config::Source& source) {
  config::Report report = check_start(source);
  if (const auto config = config::load(source)) {
    hide_memory(config->settings);
    add_tls(report, *config);
  }
  for (const std::string& sentence : report.complaints.first) std::printf("%s\n", sentence.c_str());
  if (report.complaints.more > 0) std::printf("and %zu more\n", report.complaints.more);
  for (const std::string& sentence : report.warnings) {
    std::printf("warning: %s\n", sentence.c_str());
  }
  if (!report.complaints.empty()) return EXIT_FAILURE;
  std::printf("%s is in order\n", source.file.empty() ? "the environment" : source.file.c_str());
  return EXIT_SUCCESS;
}

// As the program's own user, who reads its files and whom PostgreSQL may know as its peer.
Result<void> become_configured(const Options& options, const config::Config& config) {
  const bool told = !options.user.empty();
  const std::string& user = told ? options.user : config.settings.user;
  if (user.empty()) return {};
  return become(user, told ? "--user: " : config.said_at("user"));
}

doctor::Findings consult(const Options& options, const config::Source& source) {
  const config::Report report = check_start(source);
  if (!report.complaints.empty()) {
    return doctor::as_findings(report.complaints.first, report.warnings);
  }
  const auto config = config::load(source);
  if (!config) return doctor::as_findings({config.error().text}, {});
  if (auto is = become_configured(options, *config); !is) {
    return doctor::as_findings({is.error().text}, report.warnings);
  }
  hide_memory(config->settings);
  return doctor::examine(*config);
}

int print_findings(const Options& options, const config::Source& source) {
  const doctor::Findings findings = consult(options, source);
  const std::string text = options.json ? doctor::as_json(source.file, findings)
                                        : doctor::as_text(source.file, findings);
  std::fputs(text.c_str(), stdout);
  return doctor::exit_status(findings);
}

// What needs no door: so that a mistake is found before the world sees anything.
Result<void> prepare(const Options& options, const config::Config& config) {
  const config::Settings& settings = config.settings;
  const bool silent = settings.logfile.empty() && !settings.syslog;
  if (options.daemon && (settings.pidfile.empty() || silent)) {
    return fail("F0000", "-d needs pidfile, and logfile or syslog");
  }
  if (auto group = check_group(config); !group) return group;
  // First of all: log, pidfile and unix socket belong to the user who has to remove or reopen them.
  if (auto is = become_configured(options, config); !is) return is;
  if (!settings.pidfile.empty() && runs_already(settings.pidfile)) {
    return fail("F0000", "the process that pidfile " + settings.pidfile + " names still runs");
  }
  return {};
}

int start(const Options& options) {
  config::Source source{options.file, config::read_environment(environ)};
  if (options.check) return print_check(source);
  if (options.doctor) return print_findings(options, source);
  auto loaded = config::load(source);
  if (!loaded) return complain(loaded.error().text);
  auto config = std::make_unique<const config::Config>(std::move(*loaded));
  const config::Settings settings = config->settings;
  if (auto prepared = prepare(options, *config); !prepared) {
    return complain(prepared.error().text);
  }
  std::optional<Background> background;
  if (options.daemon) {
    auto gone = Background::go();
    if (!gone) return complain(gone.error().text);
    background = *gone;
  }
  auto log = open_log({LogPlaces::from(settings), !options.quiet && !options.daemon,
                       settings.verbose > 0, options.verbose});
  if (!log) return complain(config->said_at("logfile") + log.error().text);
  std::signal(SIGPIPE, SIG_IGN);
  hide_memory(settings);  // Behind the last change of user, which would set it back.

  House house(std::move(config), std::move(source), **log);
  auto opened = house.open();
  if (opened && !settings.pidfile.empty()) opened = write_pidfile(settings.pidfile);
  if (!opened) {
    (*log)->line(Level::fatal, opened.error().text);
    // Whoever sees the log's lines on the terminal has read it.
    return background && !options.quiet ? complain(opened.error().text) : EXIT_FAILURE;
  }
  if (background) background->tell_up();
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
