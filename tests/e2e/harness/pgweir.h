// pgweir.h: the real program with a configuration of its own, its log, and its end.
//
// WEIR_PROGRAM in the environment names another binary: with Debian's pgbouncer the tests that
// ask for what both do still run, which is how they are known to ask for the right thing.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/harness/child.h"
#include "tests/e2e/harness/port.h"
#include "tests/e2e/harness/postgres.h"
#include "tests/e2e/harness/scratch.h"

namespace weir::e2e {

std::string program_path();
// A name for these addresses, in this order, that a program with made_up_names knows.
std::string name_of(const std::vector<std::string>& addresses);
bool is_pgbouncer();               // The program under test is PgBouncer, not pgweir.
std::vector<int> worker_counts();  // {1, 3}; PgBouncer has one.

// What becomes pgweir.ini and userlist.txt. Later lines win, as in PgBouncer.
struct Settings {
  std::vector<std::string> databases;  // "name = connection string"
  std::vector<std::string> users = {};
  std::vector<std::string> lines = {};  // "key = value" of the main section
  std::vector<std::pair<std::string, std::string>> accounts = {};  // auth_file, beside trusted ones
  int workers = 1;
  unsigned open_files_max = 0;  // See ChildSpec.
  unsigned open_files_soft_max = 0;
  bool made_up_names = false;  // The program knows the names of name_of().

  // Databases `shop` and `depot` of this PostgreSQL, everybody trusted, transaction mode.
  static Settings on(const Postgres& postgres, int workers = 1);
  Settings& line(std::string text) { return lines.push_back(std::move(text)), *this; }
  Settings& user(std::string text) { return users.push_back(std::move(text)), *this; }
  Settings& database(std::string text) { return databases.push_back(std::move(text)), *this; }
};

class Pgweir {
 public:
  explicit Pgweir(Settings settings);  // Returns when all its doors are open.
  ~Pgweir();                           // REQUIREs nothing, CHECKs that it ends cleanly.

  int port() const { return port_.number(); }
  pid_t pid() const { return child_->pid(); }
  bool running() { return child_->running(); }
  std::string conninfo(const std::string& user = "alice", const std::string& database = "shop",
                       const std::string& more = {}) const;
  std::string console() const;
  // Returns when the program says that it has got it. Under TSan a second signal on the heels of
  // the first can stop it for good: TSan calls libuv's handler within libuv's handler.
  void signal(int number);
  std::optional<Ending> wait(Deadline deadline = Deadline::generous()) {
    return child_->wait(deadline);
  }
  // Its end by a signal that it does not handle; whether it has left a core dump.
  bool die_leaving_core(int number);
  long resident_kib() const { return e2e::resident_kib(pid()); }
  std::string log() const { return read_file(scratch_.file("log")); }
  std::string file(const char* name) const { return scratch_.file(name); }
  void write(const Settings& settings);   // The files only; RELOAD or SIGHUP makes them count.
  void reload(const Settings& settings);  // The files, and a RELOAD that every worker has made.

 private:
  Scratch scratch_;
  Port port_;
  std::unique_ptr<Child> child_;
  std::size_t signals_sent_ = 0;
  Ending good_ending_ = 0;

  bool launch(const Settings& settings);
};

// Runs the program to its end with these arguments: for starts that must fail.
struct Run {
  std::optional<Ending> ending;
  std::string output;
};
Run run_program(const Scratch& scratch, std::vector<std::string> arguments,
                std::vector<std::string> environment = {});
// How to start it: argv[0] and the user it runs as.
ChildSpec program_spec(std::vector<std::string> arguments);

}  // namespace weir::e2e
