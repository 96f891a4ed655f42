// start_test.cc: from the command line to open doors and back: user, log, pidfile, background, end.
#include <doctest/doctest.h>
#include <pwd.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
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

// A program in the background is nobody's child: it is ended by the number in its pidfile.
class Daemon {
 public:
  explicit Daemon(std::string pidfile) : pidfile_(std::move(pidfile)) {}
  ~Daemon() {
    if (pid() > 0) ::kill(pid(), SIGKILL);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  pid_t pid() const { return static_cast<pid_t>(std::atol(read_file(pidfile_).c_str())); }

 private:
  std::string pidfile_;
};

std::string daemon_settings(const Scratch& scratch, int port) {
  return "[databases]\nshop = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()) +
         "\n[pgweir]\nlisten_addr = 127.0.0.1\nunix_socket_dir =\nauth_type = trust\n"
         "listen_port = " +
         std::to_string(port) + "\nauth_file = " + scratch.file("users") +
         "\npidfile = " + scratch.file("pid") + "\nlogfile = " + scratch.file("log") + "\n";
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

TEST_CASE("a RELOAD that fails still begins a new log file, and says there why it failed") {
  if (is_pgbouncer()) return;
  const auto settings = [] { return Settings::on(Postgres::shared()).line("logfile = own.log"); };
  Pgweir pgweir(settings());
  std::filesystem::rename(pgweir.file("own.log"), pgweir.file("own.log.1"));
  pgweir.write(settings().line("no_such_key = 1"));
  CHECK(Session(pgweir.console()).exec("RELOAD").text().find("no_such_key") != std::string::npos);
  CHECK(says(read_file(pgweir.file("own.log")), "RELOAD failed: "));
  CHECK_FALSE(says(read_file(pgweir.file("own.log.1")), "RELOAD failed: "));
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

TEST_CASE("-d returns when the doors are open, and the program goes on without its terminal") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  const Port held;
  const int port = held.number();
  write_file(scratch.file("users"), "\"alice\" \"\"\n");
  write_file(scratch.file("pgweir.ini"), daemon_settings(scratch, port));
  const Run run = run_program(scratch, {"-d", scratch.file("pgweir.ini")});
  const Daemon daemon(scratch.file("pid"));
  REQUIRE_MESSAGE(run.ending == 0, run.output);
  CHECK(run.output.empty());
  Session session("host=127.0.0.1 port=" + std::to_string(port) +
                  " dbname=shop user=alice sslmode=disable gssencmode=disable");
  REQUIRE_MESSAGE(session.alive(), session.error());
  CHECK(session.value("SELECT 1") == "1");
  const pid_t pid = daemon.pid();
  REQUIRE(pid > 0);
  const std::string of = "/proc/" + std::to_string(pid) + "/fd/";
  for (const char* standard : {"0", "1", "2"}) {
    CHECK(std::filesystem::read_symlink(of + standard) == "/dev/null");
  }
  CHECK(::getpgid(pid) == pid);  // No terminal's signals reach it.
  const Run second = run_program(scratch, {"-d", scratch.file("pgweir.ini")});
  CHECK(second.ending == 1);
  CHECK(says(second.output, "still runs"));
  ::kill(pid, SIGQUIT);
  CHECK(eventually([&] { return !exists(scratch.file("pid")); }));
}

TEST_CASE("-d fails when the port is taken, and says so once") {
  if (is_pgbouncer()) return;
  Pgweir first(Settings::on(Postgres::shared()));
  const Scratch scratch;
  write_file(scratch.file("users"), "");
  write_file(scratch.file("pgweir.ini"), daemon_settings(scratch, first.port()));
  const Run run = run_program(scratch, {"-d", scratch.file("pgweir.ini")});
  const Daemon none(scratch.file("pid"));
  CAPTURE(run.output);
  CHECK(run.ending == 1);
  const std::string sentence = "cannot listen on 127.0.0.1:" + std::to_string(first.port());
  CHECK(says(run.output, sentence));
  CHECK(run.output.find(sentence) == run.output.rfind(sentence));
  CHECK(says(read_file(scratch.file("log")), sentence));
  CHECK_FALSE(exists(scratch.file("pid")));
}

TEST_CASE("a pidfile left over from a process of our number is no hurdle") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  write_file(scratch.file("pgweir.ini"), "[pgweir]\nunix_socket_dir = " + scratch.path() +
                                             "\npidfile = " + scratch.file("own.pid") + "\n");
  ChildSpec spec = program_spec({});
  spec.argv = {"/bin/sh", "-c", "echo $$ > own.pid; exec \"$0\" pgweir.ini", program_path()};
  spec.output_path = scratch.file("log");
  spec.directory = scratch.path();
  Child child(spec);
  const auto log = [&] { return read_file(scratch.file("log")); };
  CHECK(eventually([&] { return !child.running() || says(log(), "listening on"); }));
  CHECK_MESSAGE(child.running(), log());
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
  CHECK_FALSE(exists(scratch.file("own.pid")));
}

TEST_CASE("the soft limit of open files is raised to the hard one") {
  if (is_pgbouncer()) return;
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Settings settings = Settings::on(Postgres::shared(), workers);
    settings.open_files_soft_max = 64;
    Pgweir pgweir(settings);
    const OpenFilesLimit limit = open_files_limit(pgweir.pid());
    REQUIRE(limit.hard > 200);
    CHECK(limit.soft == limit.hard);
    std::vector<RawClient> clients;
    for (int i = 0; i < 100; ++i) {
      clients.emplace_back(pgweir.port());
      REQUIRE(clients.back().login());
    }
    for (RawClient& client : clients) CHECK(client.value("SELECT 1") == "1");
    CHECK(open_files(pgweir.pid()) > 100);
  }
}
