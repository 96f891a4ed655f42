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
