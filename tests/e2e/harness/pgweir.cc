// pgweir.cc: writes the files, starts the program, waits until it listens, and looks at its log
// for what a sanitizer says.
#include "tests/e2e/harness/pgweir.h"

#include <sys/resource.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/e2e/harness/log_tail.h"
#include "tests/e2e/harness/session.h"

namespace weir::e2e {

namespace {

bool listens(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  return result == 0;
}

bool has_sanitizer_report(const std::string& log) {
  for (const char* mark : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                           "runtime error:", "WARNING: ThreadSanitizer"})
    if (log.find(mark) != std::string::npos) return true;
  return false;
}

std::string userlist(const Settings& settings) {
  std::string text;
  for (const auto& [name, secret] : settings.accounts)
    text += "\"" + name + "\" \"" + secret + "\"\n";
  for (const std::string name : {"alice", "bob", "carol", "admin", "postgres"}) {
    const auto is_it = [&](const auto& account) { return account.first == name; };
    if (std::ranges::any_of(settings.accounts, is_it)) continue;
    text += "\"" + name + "\" \"\"\n";
  }
  return text;
}

// names.cc in front of the C library, and AddressSanitizer told that this is meant.
std::vector<std::string> knows_names() {
  const char* const given = std::getenv("ASAN_OPTIONS");
  return {std::string("LD_PRELOAD=") + WEIR_NAMES_BUILT,
          std::string("ASAN_OPTIONS=verify_asan_link_order=0:") + (given != nullptr ? given : "")};
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t times = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++times;
  return times;
}

std::string section(const char* name, const std::vector<std::string>& lines) {
  std::string text = "[" + std::string(name) + "]\n";
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

std::string program_path() {
  const char* chosen = std::getenv("WEIR_PROGRAM");
  return chosen != nullptr && *chosen != '\0' ? chosen : WEIR_PROGRAM_BUILT;
}

std::string name_of(const std::vector<std::string>& addresses) {
  std::string name;
  for (const std::string& address : addresses) name += (name.empty() ? "" : "_") + address;
  return name + ".addresses.test";
}

bool is_pgbouncer() { return program_path().ends_with("pgbouncer"); }

std::vector<int> worker_counts() {
  return is_pgbouncer() ? std::vector<int>{1} : std::vector<int>{1, 3};
}

Settings Settings::on(const Postgres& postgres, int workers) {
  const std::string where = " = host=127.0.0.1 port=" + std::to_string(postgres.port());
  return {.databases = {"shop" + where + " dbname=shop", "depot" + where + " dbname=depot"},
          .lines = {"pool_mode = transaction", "auth_type = trust"},
          .workers = workers};
}

Pgweir::Pgweir(Settings settings) {
  bool up = false;
  for (int tries = 0; tries < 5 && !up; ++tries) {
    if (tries > 0) port_ = Port();
    write(settings);
    up = launch(settings);
    if (!up && log().find("in use") == std::string::npos) break;
  }
  REQUIRE_MESSAGE(up, program_path() << " does not start:\n" << log());
  watch_log(scratch_.file("log"));
}

Pgweir::~Pgweir() {
  signal(is_pgbouncer() ? SIGTERM : SIGQUIT);  // The end at once, in either's own language.
  const auto ending = wait();
  CHECK_MESSAGE(ending.has_value(), "the program did not end");
  if (!is_pgbouncer()) CHECK_MESSAGE(ending == good_ending_, "the program ended badly");
  CHECK_FALSE_MESSAGE(has_sanitizer_report(log()), log());
  keep_log(scratch_.file("log"));
}

bool Pgweir::die_leaving_core(int number) {
  const rlimit any{RLIM_INFINITY, RLIM_INFINITY};
  REQUIRE(::prlimit(pid(), RLIMIT_CORE, &any, nullptr) == 0);
  good_ending_ = -number;
  child_->signal(number);
  CHECK(wait() == good_ending_);
  return child_->left_core();
}

void Pgweir::signal(int number) {
  child_->signal(number);
  ++signals_sent_;
  if (is_pgbouncer()) return;
  CHECK(eventually([&] { return !running() || count(log(), "got SIG") >= signals_sent_; }));
}

bool Pgweir::launch(const Settings& settings) {
  ChildSpec spec = program_spec({scratch_.file("pgweir.ini")});
  spec.output_path = scratch_.file("log");
  spec.directory = scratch_.path();
  spec.open_files_max = settings.open_files_max;
  spec.open_files_soft_max = settings.open_files_soft_max;
  if (settings.made_up_names) spec.environment = knows_names();
  child_ = std::make_unique<Child>(spec);
  // Its word that all doors are open: the TCP port answers before the unix socket does.
  const auto open = [&] {
    return is_pgbouncer() ? listens(port()) : log().find("listening on") != std::string::npos;
  };
  return eventually([&] { return !child_->running() || open(); }) && child_->running();
}

void Pgweir::write(const Settings& settings) {
  std::vector<std::string> lines = {"listen_addr = 127.0.0.1",
                                    "listen_port = " + std::to_string(port()),
                                    "unix_socket_dir = " + scratch_.path(),
                                    "auth_file = " + scratch_.file("userlist.txt"),
                                    "admin_users = admin",
                                    "server_tls_sslmode = disable",
                                    "max_client_conn = 1000"};
  if (!is_pgbouncer()) lines.push_back("worker_threads = " + std::to_string(settings.workers));
  lines.insert(lines.end(), settings.lines.begin(), settings.lines.end());
  write_file(scratch_.file("userlist.txt"), userlist(settings));
  write_file(scratch_.file("pgweir.ini"), section("databases", settings.databases) +
                                              section("users", settings.users) +
                                              section("pgbouncer", lines));
}

void Pgweir::reload(const Settings& settings) {
  write(settings);
  Session(console()).run("RELOAD");
}

std::string Pgweir::conninfo(const std::string& user, const std::string& database,
                             const std::string& more) const {
  return "host=127.0.0.1 port=" + std::to_string(port()) + " dbname=" + database + " user=" + user +
         " sslmode=disable gssencmode=disable " + more;
}

std::string Pgweir::console() const {
  return conninfo("admin", is_pgbouncer() ? "pgbouncer" : "pgweir");
}

ChildSpec program_spec(std::vector<std::string> arguments) {
  ChildSpec spec;
  spec.argv = {program_path()};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  if (is_pgbouncer()) spec.run_as = "postgres";  // It refuses to be root.
  return spec;
}

Run run_program(const Scratch& scratch, std::vector<std::string> arguments,
                std::vector<std::string> environment) {
  ChildSpec spec = program_spec(std::move(arguments));
  spec.environment = std::move(environment);
  spec.output_path = scratch.file("run.log");
  spec.directory = scratch.path();
  Child child(spec);
  const auto ending = child.wait();
  Run run{ending, read_file(spec.output_path)};
  std::filesystem::remove(spec.output_path);
  return run;
}

}  // namespace weir::e2e
