// volume_test.cc: the figures of "How much" that are about crowds: fair shares, what an idle client
// costs, the limit of open files. Counts and memory, never time.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

constexpr long kIdleClientBytesMax = 2 * 1024;

Settings pool_of(int size, int workers) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size))
      .line("max_client_conn = 20000")
      .line("log_connections = 0")
      .line("log_disconnections = 0");
}

// Descriptors that this process may open, raised as far as allowed.
int open_files_max() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1'000'000));
}

int most_worker_count() { return is_pgbouncer() ? 1 : 2; }

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

void make_pgbench_tables() {
  Child init({.argv = words("/usr/bin/pgbench -i -q -h 127.0.0.1 -p " +
                            std::to_string(Postgres::shared().port()) + " -U postgres shop")});
  REQUIRE(init.wait() == 0);
  Session direct(Postgres::shared().conninfo());
  direct.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC");
}

// What pgbench has to tell: its words, and how many transactions each client had, least first.
struct Bench {
  std::optional<Ending> ending;
  std::string output;
  std::vector<int> served;
};

bool fair(const Bench& bench) {
  return bench.served.front() * 4 >= bench.served[bench.served.size() / 2];
}

// --log: a file a thread, a line a transaction, and the client's number in front.
std::vector<int> count_by_client(const Scratch& scratch, int clients) {
  std::vector<int> served(static_cast<std::size_t>(clients), 0);
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
    if (!entry.path().filename().string().starts_with("transactions.")) continue;
    std::ifstream lines(entry.path());
    std::size_t client = 0;
    for (std::string rest; lines >> client && std::getline(lines, rest);) ++served.at(client);
  }
  std::ranges::sort(served);
  return served;
}

Bench run_pgbench(const Pgweir& pgweir, const std::string& protocol, int clients, int seconds,
                  const std::function<void()>& meanwhile) {
  const Scratch scratch;
  Child pgbench(
      {.argv = words("/usr/bin/pgbench -n -S -M " + protocol + " -c " + std::to_string(clients) +
                     " -j 2 -T " + std::to_string(seconds) +
                     " --log --log-prefix=" + scratch.file("transactions") + " -h 127.0.0.1 -p " +
                     std::to_string(pgweir.port()) + " -U alice shop"),
       .environment = {"PGSSLMODE=disable", "PGGSSENCMODE=disable"},
       .output_path = scratch.file("output")});
  eventually([&] { return meanwhile(), !pgbench.running(); }, Deadline::in(300s));
  return {pgbench.wait(Deadline::in(0s)), read_file(scratch.file("output")),
          count_by_client(scratch, clients)};
}

}  // namespace

TEST_CASE("pgbench -S with 500 clients on a pool of 20: no error, never a 21st, fair shares") {
  constexpr int kEnoughToJudge = 20;
  constexpr int kSecondsMax = 40;
  make_pgbench_tables();
  for (const int workers : worker_counts()) {
    for (const std::string protocol : {"simple", "extended"}) {
      CAPTURE(workers);
      CAPTURE(protocol);
      Pgweir pgweir(pool_of(20, workers));
      Witness witness(Postgres::shared());
      const Limit limit(witness, "ROLE alice", 20);
      Bench bench;
      // Where the machine has other work, one of pgbench's two threads may get less of it for some
      // seconds, and its clients ask less. Whom the pooler starves stays behind for ever.
      for (int seconds = 5; seconds <= kSecondsMax; seconds *= 2) {
        bench =
            run_pgbench(pgweir, protocol, 500, seconds, [&] { witness.look("usename = 'alice'"); });
        if (bench.served[250] >= kEnoughToJudge && fair(bench)) break;
      }
      CAPTURE(bench.output);
      CHECK(bench.ending == 0);
      CHECK(bench.output.find("number of failed transactions: 0 ") != std::string::npos);
      CHECK(limit.excesses() == 0);
      CHECK(witness.most() <= 20);
      CHECK(witness.most() > 0);
      MESSAGE(workers << " workers, " << protocol << ": least " << bench.served.front()
                      << ", median " << bench.served[250] << ", most " << bench.served.back());
      CHECK(bench.served[250] >= kEnoughToJudge);
      CHECK(fair(bench));
    }
  }
}

TEST_CASE("100 clients on 4 servers: the slowest gets at least a quarter of the median") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(pool_of(4, workers));
    Crowd crowd(pgweir.conninfo(), 100);
    int left = 10'000;
    std::vector<int> served(100, 0);
    const bool all = crowd.run(
        [&](int) -> std::optional<std::string> {
          return left-- > 0 ? std::optional<std::string>("SELECT pg_sleep(0.0005)") : std::nullopt;
        },
        [&](int client, const Answer& answer) {
          CHECK(answer.ok());
          ++served[static_cast<std::size_t>(client)];
        });
    CHECK(all);
    std::ranges::sort(served);
    MESSAGE(workers << " workers served: least " << served.front() << ", median " << served[50]
                    << ", most " << served.back());
    CHECK(served.front() * 4 >= served[50]);
  }
}

TEST_CASE("10,000 idle clients cost at most 2 KiB each, and every one is answered") {
  const int spare = open_files_max() - 200;
  const int wanted = is_sanitized() ? 1'000 : 10'000;
  const int size = std::min(wanted, spare);
  if (size < wanted) MESSAGE("only " << size << " clients: the limit of open files is lower here");
  Pgweir pgweir(pool_of(20, most_worker_count()).line("client_login_timeout = 0"));
  {
    Session first(pgweir.conninfo());
    first.run("SELECT 1");
  }
  const long before = pgweir.resident_kib();
  std::vector<RawClient> clients;
  clients.reserve(static_cast<std::size_t>(size));
  int inside = 0;
  for (int i = 0; i < size; ++i) {
    clients.emplace_back(pgweir.port());
    inside += clients.back().login();
  }
  CHECK(inside == size);
  const long each = (pgweir.resident_kib() - before) * 1024 / size;
  const long whole = pgweir.resident_kib() * 1024 / size;
  MESSAGE(size << " idle clients: " << each << " bytes more for each, " << whole << " in all");
  if (!is_sanitized() && size == wanted) CHECK(whole <= kIdleClientBytesMax);
  int answered = 0;
  for (RawClient& client : clients) client.send(query("SELECT 'awake'"));
  for (RawClient& client : clients) {
    const auto messages = client.read_through('Z');
    answered += messages.has_value() && tags_of(*messages) == "TDCZ";
  }
  CHECK(answered == size);
}

TEST_CASE("at the limit of open files accepting pauses and the clients inside stay unharmed") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Settings settings = pool_of(2, workers);
    settings.open_files_max = is_pgbouncer() ? 80 : 120;
    if (is_pgbouncer()) settings.line("max_client_conn = 1000");
    Pgweir pgweir(settings);
    Session inside(pgweir.conninfo());
    inside.run("SELECT 1");
    std::vector<RawClient> crowd;
    const std::string startup = startup_packet({{"user", "alice"}, {"database", "shop"}});
    for (int i = 0; i < 150; ++i) {  // Those beyond the limit wait in the kernel's queue.
      crowd.emplace_back(pgweir.port());
      crowd.back().send(startup);
    }
    CHECK(eventually([&] { return open_files(pgweir.pid()) >= 80 - 10; }));
    for (int i = 0; i < 50; ++i) CHECK(inside.value("SELECT 'unharmed'") == "unharmed");
    while (crowd.size() > 10) crowd.pop_back();
    CHECK(Session(pgweir.conninfo()).exec("SELECT 'room again'").ok());
    CHECK(inside.value("SELECT 1") == "1");
    CHECK(pgweir.running());
  }
}

TEST_CASE("at the limit of open files the operator still comes in by the unix socket") {
  if (is_pgbouncer()) return;
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Settings settings = pool_of(2, workers);
    settings.open_files_max = 120;
    Pgweir pgweir(settings);
    std::vector<RawClient> crowd;
    for (int i = 0; i < 150; ++i) {
      crowd.emplace_back(pgweir.port());
      crowd.back().send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
    }
    CHECK(eventually([&] { return pgweir.log().find("out of file desc") != std::string::npos; }));
    Session console("host=" + pgweir.file("") + " port=" + std::to_string(pgweir.port()) +
                    " dbname=pgweir user=pgweir");
    REQUIRE_MESSAGE(console.alive(), console.error());
    CHECK(eventually([&] { return pool_figure(console, "cl_active") > 0; }));
  }
}
