// workers_test.cc: two workers and one pool: servers travel, limits hold, the console sees all.
#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

Setting two_workers(const std::string& config = "default_pool_size = 1") {
  return {.config = config, .workers = 2};
}

// Limits over the pools of two users of one database, and how many workers keep them.
std::vector<std::pair<std::string, std::size_t>> shared_limits() {
  return {{"max_db_connections", 1},
          {"max_db_connections", 2},
          {"max_server_connections", 1},
          {"max_server_connections", 2}};
}

// A row of SHOW POOLS as it is heard, its numbers and names without their lengths.
std::string shown(Caller& console, std::string_view sql) {
  console.say("Q'" + std::string{sql} + "'");
  return console.heard();
}

}  // namespace

TEST_CASE("an idle server is lent to the worker whose client asks, settings and all") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, two_workers());
    Caller& here = stage.caller(0).login({{"TimeZone", "Asia/Tokyo"}});
    Caller& there = stage.client(1);
    here.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    there.say("Q'select 2'");
    CHECK(stage.backend(1).heard() == "Q\"select 1\" Q\"select 2\"");
    REQUIRE(stage.backend(1).ran.size() == 2);
    CHECK(stage.backend(1).ran[1] == "RESET TimeZone;");
    stage.backend(1).say("T D C Z");
    CHECK(there.heard() == "T D C Z");
    here.say("Q'select 3'");
    stage.wait(kSecond);  // Who was pressed lately keeps its server a little.
    CHECK(stage.backend(1).ran.size() == 3);
    stage.backend(1).say("T D C Z");
    CHECK(here.heard().find("T D C Z") != std::string::npos);
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("a server that comes free goes to the other worker's client when none waits here") {
  however_cut([](InOrder& policy) {
    Stage stage(policy, two_workers());
    Caller& here = stage.client(0);
    Caller& there = stage.client(1);
    here.say("Q'begin'");
    there.say("Q'select 2'");
    stage.backend(1).say("C Z(T)");
    CHECK(stage.backend(1).heard() == "Q\"begin\"");
    here.say("Q'commit'");
    stage.backend(1).say("C Z");
    stage.wait(kSecond);
    CHECK(stage.backend(1).heard() == "Q\"commit\" Q\"select 2\"");
    stage.backend(1).say("T D C Z");
    CHECK(there.heard() == "T D C Z");
    CHECK(stage.backends() == 1);
  });
}

TEST_CASE("a cancel through another worker finds the server where it is now") {
  InOrder policy;
  Stage stage(policy, two_workers());
  stage.client(0);
  Caller& there = stage.client(1);
  there.say("Q'select pg_sleep(9)'");
  stage.caller(0).say(there.cancel_packet());
  REQUIRE(stage.backends() == 2);
  CHECK(stage.backend(2).cancel_pid == 101);
}

TEST_CASE("with verbose above 0 the log tells what happens to connections and cancels") {
  for (const bool verbose : {false, true}) {
    InOrder policy;
    Stage stage(policy, two_workers("default_pool_size = 1"));
    stage.town.log.debug = verbose;
    Caller& here = stage.client(0);
    Caller& there = stage.client(1);
    here.say("Q'select 1'");
    stage.caller(1).say(here.cancel_packet());
    stage.backend(2).hang_up();
    stage.backend(1).say("T D C Z");
    there.say("Q'select 2'");
    stage.wait(kSecond);
    for (const char* const line :
         {" connecting", " linked to S-", " cancel request", " goes to "}) {
      CAPTURE(line);
      CHECK(stage.town.log.contains(line) == verbose);
    }
  }
}

TEST_CASE("the pool's size holds over both workers") {
  InOrder policy;
  Stage stage(policy, two_workers("default_pool_size = 3"));
  std::vector<Caller*> callers;
  for (std::size_t i = 0; i < 10; ++i) callers.push_back(&stage.client(i % 2));
  for (Caller* caller : callers) caller->say("Q'select 1'");
  CHECK(stage.door.open == 3);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 1; i <= stage.backends(); ++i) {
      if (!stage.backend(i).heard().empty()) stage.backend(i).say("T D C Z");
    }
    stage.wait(kSecond);
  }
  for (Caller* caller : callers) CHECK(caller->heard() == "T D C Z");
  CHECK(stage.door.open_max == 3);
}

TEST_CASE("another user's idle server makes room under a limit that its pool shares") {
  for (const auto& [limit, workers] : shared_limits()) {
    CAPTURE(limit);
    CAPTURE(workers);
    InOrder policy;
    Stage stage(policy, {.config = limit + " = 1", .workers = workers});
    Caller& app = stage.client(0);
    app.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    Caller& bob = stage.caller(workers - 1).login({}, "bob");
    stage.wait(kSecond);
    bob.say("Q'select 2'");
    stage.wait(kSecond);
    CHECK(stage.backend(1).heard() == "Q\"select 1\" X .");
    REQUIRE(stage.backends() == 2);
    CHECK(stage.backend(2).user == "bob");
    CHECK(stage.backend(2).heard() == "Q\"select 2\"");
    CHECK(stage.door.open_max == 1);
  }
}

TEST_CASE("a busy pool gives way to one without a server, in turns of a second") {
  for (const auto& [limit, workers] : shared_limits()) {
    CAPTURE(limit);
    CAPTURE(workers);
    InOrder policy;
    Stage stage(policy, {.config = limit + " = 1", .workers = workers});
    stage.obliging = true;
    std::vector<Caller*> callers{&stage.client(), &stage.client()};
    for (int i = 0; i < 2; ++i) callers.push_back(&stage.caller(workers - 1).login({}, "bob"));
    stage.obliging = false;
    std::vector<int> served(callers.size());
    const std::size_t backends_before = stage.backends();
    for (Caller* caller : callers) caller->say("Q'select 1'");
    for (int tick = 0; tick < 200; ++tick) {
      stage.wait(50 * kMillisecond);
      for (std::size_t i = 1; i <= stage.backends(); ++i) {
        if (!stage.backend(i).heard().empty()) stage.backend(i).say("T D C Z");
      }
      for (std::size_t i = 0; i < callers.size(); ++i) {
        if (callers[i]->heard().empty()) continue;
        ++served[i];
        callers[i]->say("Q'select 1'");
      }
    }
    for (const int count : served) CHECK(count >= 30);
    CHECK(stage.backends() - backends_before <= 12);
    CHECK(stage.door.open_max == 1);
  }
}

TEST_CASE("max_server_connections holds over all databases and workers, and follows RELOAD") {
  InOrder policy;
  const std::string depot = "depot = host=db port=5432";
  Stage stage(policy, {.config = "max_server_connections = 2", .databases = depot, .workers = 2});
  stage.obliging = true;
  std::vector<Caller*> callers;
  for (std::size_t i = 0; i < 8; ++i) {
    callers.push_back(&stage.caller(i % 2).login({}, "app", i % 4 < 2 ? "shop" : "depot"));
  }
  stage.wait(3 * kSecond);
  stage.obliging = false;
  for (Caller* caller : callers) caller->heard();
  for (Caller* caller : callers) caller->say("Q'select 1'");
  stage.wait(kSecond);
  CHECK(stage.door.open == 2);
  CHECK(stage.door.open_max == 2);
  stage.town.reload(Stage::config_text(
      {.config = "max_server_connections = 3", .databases = depot, .workers = 2}));
  stage.wait(kSecond);
  CHECK(stage.door.open == 3);
  stage.town.reload(Stage::config_text(
      {.config = "max_server_connections = 1", .databases = depot, .workers = 2}));
  for (int round = 0; round < 40; ++round) {
    for (std::size_t i = 1; i <= stage.backends(); ++i) {
      if (!stage.backend(i).heard().empty()) stage.backend(i).say("T D C Z");
    }
    stage.wait(kSecond);
  }
  for (Caller* caller : callers) CHECK(caller->heard() == "T D C Z");
  CHECK(stage.door.open == 1);
}

TEST_CASE("SHOW POOLS counts both workers") {
  InOrder policy;
  Stage stage(policy, two_workers("default_pool_size = 5"));
  Caller& here = stage.client(0);
  Caller& there = stage.client(1);
  here.say("Q'select 1'");
  there.say("Q'select 2'");
  proxy::PoolCounts sum;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto row = stage.town.worker(i).count_pools().at(0);
    sum.cl_active += row.cl_active;
    sum.sv_active += row.sv_active;
  }
  CHECK(sum.cl_active == 2);
  CHECK(sum.sv_active == 2);
  Caller& boss = stage.caller(1).login({}, "boss", "pgbouncer");
  const std::string heard = shown(boss, "SHOW POOLS");
  CHECK(heard.find("T D") == 0);
  CHECK(heard.find("C\"SHOW\" Z") != std::string::npos);
  // One row for the pool, one for the console.
  std::size_t rows = 0;
  for (std::size_t at = heard.find(" D"); at != std::string::npos; at = heard.find(" D", at + 1)) {
    ++rows;
  }
  CHECK(rows == 2);
}

TEST_CASE("SHOW POOLS counts the console's clients of both workers") {
  InOrder policy;
  Stage stage(policy, two_workers());
  Caller& boss = stage.caller(0).login({}, "boss", "pgbouncer");
  for (const std::size_t worker : {0u, 1u, 1u}) {
    stage.caller(worker).login({}, "boss", "pgbouncer");
  }
  boss.say("Q'SHOW POOLS'");
  const Buffer bytes = boss.peer.take();
  const std::string_view row = as_text(bytes);
  const std::string_view name_and_four{
      "pgbouncer\0\0\0\1"
      "4",
      14};
  CHECK(row.find(name_and_four) != std::string::npos);
}

TEST_CASE("RELOAD answers when every worker has applied it") {
  InOrder policy;
  Stage stage(policy, two_workers());
  Caller& boss = stage.caller(1).login({}, "boss", "pgweir");
  CHECK(shown(boss, "RELOAD") == "C\"RELOAD\" Z");
  CHECK(stage.town.reloads_done == 1);
  stage.town.reload_text = "[pgweir]\nnonsense = 1\n";
  CHECK(shown(boss, "RELOAD").find("F0000 RELOAD failed: town.ini:2: ") != std::string::npos);
  CHECK(stage.town.reloads_done == 1);
  Caller& watcher = stage.caller(0).login({}, "watcher", "pgweir");
  CHECK(shown(watcher, "RELOAD") == "E\"42501 admin access needed\" Z");
  Caller& app = stage.caller(0);
  app.say(startup_bytes({{"user", "app"}, {"database", "pgweir"}}));
  CHECK(app.heard().find("E(FATAL)\"42501 ") != std::string::npos);
}

TEST_CASE("the console's owner comes in by unix socket without a proof") {
  InOrder policy;
  Stage stage(policy, {.config = "auth_type = plain"});
  Caller& owner = stage.caller(0, ::geteuid());
  owner.say(startup_bytes({{"user", "pgbouncer"}, {"database", "pgbouncer"}}));
  CHECK(owner.heard().find("R S") == 0);
  CHECK(shown(owner, "SHOW VERSION").find("T D") == 0);
  owner.say("P'show pools' B E S");
  CHECK(owner.heard() == "E\"0A000 extended query protocol not supported by admin console\" Z");
}

TEST_CASE("another user of the machine needs a proof at the console, by unix socket too") {
  InOrder policy;
  Stage stage(policy, {.config = "auth_type = plain"});
  Caller& other = stage.caller(0, ::geteuid() + 1);
  other.say(startup_bytes({{"user", "pgbouncer"}, {"database", "pgbouncer"}}));
  CHECK(other.heard() == "R(3)");  // AuthenticationCleartextPassword.
}

TEST_CASE("SHUTDOWN WAIT_FOR_CLIENTS ends when the last client of any worker has left") {
  InOrder policy;
  Stage stage(policy, two_workers());
  Caller& here = stage.client(0);
  Caller& there = stage.client(1);
  stage.town.shut_down(proxy::Stop::when_clients_left);
  stage.run();
  CHECK_FALSE(stage.town.accepting);
  here.say("Q'select 1'");
  stage.backend(1).say("T D C Z");
  CHECK(here.heard() == "T D C Z");
  Caller& late = stage.caller(0);
  late.say(startup_bytes({{"user", "app"}, {"database", "shop"}}));
  CHECK(late.heard().find("E(FATAL)\"57P03 ") != std::string::npos);
  here.say("X");
  CHECK_FALSE(stage.town.finished());
  there.say("X");
  CHECK(stage.town.finished());
}

TEST_CASE("SHUTDOWN WAIT_FOR_SERVERS ends when the last transaction is over") {
  InOrder policy;
  Stage stage(policy, two_workers("default_pool_size = 2"));
  Caller& here = stage.client(0);
  Caller& there = stage.client(1);
  here.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  here.heard();
  stage.town.shut_down(proxy::Stop::when_servers_left);
  stage.run();
  CHECK_FALSE(stage.town.finished());
  there.say("Q'select 2'");
  CHECK(there.heard() == "E(FATAL)\"57P01 server shutting down\" .");
  here.say("Q'commit'");
  stage.backend(1).say("C Z");
  CHECK(here.heard() == "C Z");
  CHECK(stage.backend(1).heard() == "Q\"begin\" Q\"commit\" X .");
  CHECK(stage.town.finished());
}

TEST_CASE("SHUTDOWN from the console ends at once") {
  InOrder policy;
  Stage stage(policy, two_workers());
  stage.client(1);
  Caller& boss = stage.caller(0).login({}, "boss", "pgweir");
  boss.say("Q'SHUTDOWN'");
  CHECK(stage.town.finished());
  REQUIRE(stage.town.stops.size() == 1);
  CHECK(stage.town.stops[0] == proxy::Stop::now);
}
