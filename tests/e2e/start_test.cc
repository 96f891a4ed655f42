// start_test.cc: from the command line to open doors and back: user, log, pidfile, background, end.
#include <doctest/doctest.h>
#include <pwd.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

constexpr const char* kOtherUser = "postgres";

bool exists(const std::string& path) { return std::filesystem::exists(path); }

std::string owner(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return "nobody: it is not there";
  const passwd* user = ::getpwuid(found.st_uid);
  return user == nullptr ? std::to_string(found.st_uid) : user->pw_name;
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("user: what is opened is that user's, RELOAD reopens the log, and the end tidies up") {
  if (is_pgbouncer()) return;
  if (!are_root()) {
    MESSAGE("SKIPPED: only root can become another user");
    return;
  }
  Pgweir pgweir(Settings::on(Postgres::shared())
                    .line("user = " + std::string{kOtherUser})
                    .line("logfile = own.log")
                    .line("pidfile = own.pid"));
  const std::string socket = pgweir.file(".s.PGSQL.") + std::to_string(pgweir.port());
  REQUIRE(eventually([&] { return exists(pgweir.file("own.pid")); }));
  CHECK(owner("/proc/" + std::to_string(pgweir.pid())) == kOtherUser);
  CHECK(owner(pgweir.file("own.log")) == kOtherUser);
  CHECK(owner(pgweir.file("own.pid")) == kOtherUser);
  CHECK(owner(socket) == kOtherUser);
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");

  std::filesystem::rename(pgweir.file("own.log"), pgweir.file("own.log.1"));
  CHECK(Session(pgweir.console()).exec("RELOAD").tag() == "RELOAD");
  CHECK(eventually([&] { return says(read_file(pgweir.file("own.log")), "reloaded"); }));
  CHECK_FALSE(says(pgweir.log(), "cannot reopen"));

  pgweir.signal(SIGTERM);
  CHECK(pgweir.wait() == 0);
  CHECK_FALSE(exists(pgweir.file("own.pid")));
  CHECK_FALSE(exists(socket));
}

TEST_CASE("a logfile in a directory that is not there stops the start and makes no directory") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  write_file(scratch.file("pgweir.ini"), "[pgweir]\nunix_socket_dir = " + scratch.path() +
                                             "\nlogfile = " + scratch.file("none/pgweir.log") +
                                             "\n");
  const Run run = run_program(scratch, {scratch.file("pgweir.ini")});
  CAPTURE(run.output);
  REQUIRE(run.ending.has_value());
  CHECK(*run.ending > 0);
  CHECK(says(run.output, "pgweir.ini:3: cannot open the log file: directory " +
                             scratch.file("none") + ": No such file or directory"));
  CHECK_FALSE(exists(scratch.file("none")));
}

TEST_CASE("RELOAD with a logfile in a directory that is not there goes on in the old one") {
  if (is_pgbouncer()) return;
  const auto settings = [] { return Settings::on(Postgres::shared()); };
  Pgweir pgweir(settings().line("logfile = own.log"));
  pgweir.write(settings().line("logfile = none/own.log"));
  CHECK(Session(pgweir.console()).exec("RELOAD").tag() == "RELOAD");
  CHECK(eventually([&] { return says(read_file(pgweir.file("own.log")), "reloaded"); }));
  CHECK(says(read_file(pgweir.file("own.log")), "cannot reopen the log file: directory none: "));
  CHECK_FALSE(exists(pgweir.file("none")));
}

TEST_CASE("verbose writes debug lines from the next RELOAD on") {
  if (is_pgbouncer()) return;
  const auto settings = [] { return Settings::on(Postgres::shared()); };
  Pgweir pgweir(settings());
  Session(pgweir.conninfo()).run("SELECT 1");
  CHECK_FALSE(says(pgweir.log(), "DEBUG"));
  pgweir.reload(settings().line("verbose = 1"));
  Session(pgweir.conninfo()).run("SELECT 1");
  CHECK(eventually([&] { return says(pgweir.log(), " linked to S-"); }));
}
