// restart_test.cc: a crowd in line while PostgreSQL is away, and what its return is like.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"

using namespace weir::e2e;

namespace {

constexpr int kClients = 500;

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

Settings crowded(int workers) {
  return Settings::on(Postgres::shared(), workers)
      .line("max_client_conn = 1000")
      .line("default_pool_size = 20")
      .line("query_wait_notify = 0")
      .line("server_login_retry = 600");
}

std::size_t failures(const Pgweir& pgweir) { return count_of(pgweir.log(), "login failed"); }

}  // namespace

TEST_CASE("500 clients wait while PostgreSQL is down: asked for seldom, served when it is back") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(crowded(workers));
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<RawClient>(pgweir.port()));
      REQUIRE(clients.back()->login(i % 2 == 0 ? "alice" : "bob"));
    }
    Postgres::shared().stop();
    const auto stopped = std::chrono::steady_clock::now();
    for (auto& client : clients) client->send(query("SELECT 'served'"));
    REQUIRE(eventually([&] { return failures(pgweir) >= 10; }));
    Postgres::shared().start();
    const auto started = std::chrono::steady_clock::now();
    for (auto& client : clients) {
      const auto answer = client->read_through('Z');
      REQUIRE(answer.has_value());
      CHECK(tags_of(*answer) == "TDCZ");
    }
    const auto span = [](auto from, auto to) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
    };
    const auto over = std::chrono::steady_clock::now();
    MESSAGE(kClients, " clients, ", workers, " workers: all served ", span(started, over),
            " ms after the return");
    // The first pauses are shorter than half a second; those dialled together fail together.
    const auto most = 2 * span(stopped, over) / 1000 + 20;
    CHECK(static_cast<long>(failures(pgweir)) <= most);
    for (auto& client : clients) CHECK(client->value("SELECT 'again'") == "again");
  }
}
