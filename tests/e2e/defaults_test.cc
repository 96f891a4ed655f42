// defaults_test.cc: with DATABASE_URL and no file, the defaults seen from outside. It needs port
// 6432, the one fixed port of all tests; CMakeLists.txt tells ctest the words for "not run".
#include <doctest/doctest.h>
#include <sys/resource.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

constexpr int kPort = 6432;
constexpr int kClientsMax = 1000;
constexpr int kPoolSize = 20;

// The program with nothing but a URL, which names this user (and its password).
class Bare {
 public:
  explicit Bare(const std::string& user) {
    ChildSpec spec = program_spec({});
    spec.environment = {"DATABASE_URL=postgresql://" + user +
                        "@127.0.0.1:" + std::to_string(Postgres::shared().port()) + "/shop"};
    spec.output_path = scratch_.file("log");
    spec.directory = scratch_.path();
    child_ = std::make_unique<Child>(spec);
    // Its own word, not an answer on the port: that might be somebody else's.
    CHECK(eventually([&] { return !child_->running() || says("listening on 127.0.0.1:6432"); }));
    taken_ = !child_->running() && says("127.0.0.1:6432: Address already in use");
    if (taken_) MESSAGE("SKIPPED: port 6432 is taken; free it and run e2e_defaults again");
    if (!taken_) REQUIRE_MESSAGE(child_->running(), read_file(scratch_.file("log")));
  }
  bool taken() const { return taken_; }
  void end() {
    child_->signal(SIGTERM);
    CHECK(child_->wait() == 0);
  }

 private:
  Scratch scratch_;
  std::unique_ptr<Child> child_;
  bool taken_ = false;

  bool says(const std::string& part) const {
    return read_file(scratch_.file("log")).find(part) != std::string::npos;
  }
};

std::string conninfo(const std::string& user, const std::string& database = "shop") {
  return "host=127.0.0.1 port=" + std::to_string(kPort) + " dbname=" + database + " user=" + user +
         " sslmode=disable gssencmode=disable";
}

void raise_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

TEST_CASE("with a DATABASE_URL alone it serves on 6432, and a thousand clients at most") {
  if (is_pgbouncer()) return;
  raise_open_files();
  Bare bare("alice");
  if (bare.taken()) return;
  {
    Session first(conninfo("alice"));
    CHECK(first.value("SELECT current_user || '@' || current_database()") == "alice@shop");
    std::vector<RawClient> crowd;
    for (int i = 1; i < kClientsMax; ++i) {
      crowd.emplace_back(kPort);
      REQUIRE(crowd.back().login());
    }
    RawClient one_more(kPort);
    REQUIRE(one_more.send(startup_packet({{"user", "alice"}, {"database", "shop"}})));
    CHECK(one_more.farewell().text == "no more connections allowed (max_client_conn)");
    CHECK(first.value("SELECT 1") == "1");
  }
  bare.end();
}

TEST_CASE("with a DATABASE_URL that has a password it pools by transaction, twenty servers") {
  if (is_pgbouncer()) return;
  Bare bare("scram_role:Tr0ub4dor%20%26%203");  // kRolePassword
  if (bare.taken()) return;
  const std::string password = " password='" + std::string{kRolePassword} + "'";
  {
    Session stranger(conninfo("scram_role") + " password=wrong");
    CHECK_FALSE(stranger.alive());
    Session console(conninfo("scram_role", "pgweir") + password);
    REQUIRE_MESSAGE(console.alive(), console.error());
    std::vector<std::unique_ptr<Session>> busy;
    for (int i = 0; i < kPoolSize; ++i) {
      busy.push_back(std::make_unique<Session>(conninfo("scram_role") + password));
      busy.back()->run("BEGIN");
    }
    Session waiting(conninfo("scram_role") + password);
    waiting.send("SELECT 'served'");
    CHECK(eventually([&] { return pool_figure(console, "cl_waiting", "scram_role") == 1; }));
    CHECK(pool_figure(console, "sv_active", "scram_role") == kPoolSize);
    const Answer pools = console.exec("SHOW POOLS");
    for (int row = 0; row < pools.rows(); ++row) {
      if (pools.value(row, 0) == "shop") CHECK(pools.value(row, 15) == "transaction");
    }
    busy.front()->run("COMMIT");  // And keeps its session.
    CHECK(waiting.next().value() == "served");
  }
  bare.end();
}
