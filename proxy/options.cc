#include "proxy/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "proxy/admin/show.h"

namespace weir::proxy {

namespace {

void add_doctor(CLI::App& app, Options& options) {
  CLI::App* const doctor =
      app.add_subcommand("doctor",
                         "Go to each server as pgweir would, and say what will hurt.\n"
                         "Exit status: 0 all is well, 1 warnings, 2 errors.");
  doctor->set_help_flag("-h,--help", "Show this and exit");
  doctor->add_option("file", options.file, "Settings, in the form of pgbouncer.ini");
  doctor->add_flag("--json", options.json, "One JSON object, for programs");
  doctor->add_option("-u,--user", options.user, "Become this user first");
  doctor->callback([&options] { options.doctor = true; });
}

}  // namespace

std::optional<Options> read_options(int argc, char** argv, int& exit_code) {
  Options options;
  bool version = false;
  bool reboot = false;
  CLI::App app{
      "pgweir: a connection pooler for PostgreSQL.\n"
      "Without a file it takes the database from DATABASE_URL and listens on 127.0.0.1:6432.\n"
      "Every setting may come from the environment: PGWEIR_LISTEN_PORT=6432."};
  app.set_help_flag("-h,--help", "Show this and exit");
  app.add_option("file", options.file, "Settings, in the form of pgbouncer.ini");
  app.add_flag("--check", options.check, "Say all that is wrong with the settings, and exit");
  app.add_flag("-q,--quiet", options.quiet, "Write nothing to standard error");
  app.add_flag("-v,--verbose", options.verbose, "Write debug lines, too");
  app.add_flag("-d,--daemon", options.daemon,
               "Go into the background (needs pidfile, and logfile or syslog)");
  app.add_option("-u,--user", options.user, "Become this user at the start");
  app.add_flag("-R,--reboot", reboot, "Not supported: start a second pgweir with so_reuseport");
  app.add_flag("-V,--version", version, "Show the version and exit");
  add_doctor(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& thrown) {
    exit_code = app.exit(thrown);
    return std::nullopt;
  }
  exit_code = reboot ? 1 : 0;
  if (version) std::printf("%s\n", version_line().c_str());
  if (reboot) std::fprintf(stderr, "pgweir: -R is not supported\n");
  if (version || reboot) return std::nullopt;
  return options;
}

}  // namespace weir::proxy
