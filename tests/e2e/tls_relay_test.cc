// tls_relay_test.cc: what passes through TLS on both sides: many bytes, many queries at once, from
// worker to worker, and cancel requests.
#include <doctest/doctest.h>

#include <atomic>
#include <set>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/fake_server.h"
#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

Postgres& sealed() {
  static Postgres postgres(100, PostgresTls{.certificate = papers().pooler});
  return postgres;
}

Settings both_sides(int workers) {
  return papers()
      .for_clients(Settings::on(sealed(), workers), "require")
      .line("server_tls_sslmode = verify-full")
      .line("server_tls_ca_file = " + papers().path("root.crt"));
}

std::string by(const Pgweir& pgweir) {
  return pgweir.conninfo("alice", "shop",
                         "sslmode=verify-full sslrootcert=" + papers().path("root.crt"));
}

// Rows that differ, of lengths that fit no record.
std::vector<std::string> rows(std::size_t bytes) {
  std::vector<std::string> all;
  std::size_t total = 0;
  for (int number = 0; total < bytes; ++number) {
    const auto length = static_cast<std::size_t>(number * 7919 % 30'011);
    all.push_back(std::to_string(number) + "\t" +
                  std::string(length, static_cast<char>('a' + number % 26)) + "\n");
    total += all.back().size();
  }
  return all;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

}  // namespace

TEST_CASE("COPY of 64 MB goes in and comes out byte for byte") {
  const std::vector<std::string> sent = rows((is_sanitized() ? 8U : 64U) << 20);
  for (const int workers : worker_counts()) {
    Pgweir pgweir(both_sides(workers));
    Session session(by(pgweir));
    REQUIRE_MESSAGE(session.alive(), session.error());
    session.run("DROP TABLE IF EXISTS heap; CREATE UNLOGGED TABLE heap (number int, text text)");
    const Answer taken = copy_in(session, "COPY heap FROM STDIN", sent);
    CHECK_MESSAGE(taken.tag() == "COPY " + std::to_string(sent.size()), taken.text());
    const std::string got = copy_out(session, "COPY (TABLE heap ORDER BY number) TO STDOUT");
    const bool same = got == joined(sent);  // Nobody wants to read them when they differ.
    CHECK(same);
    CHECK(session.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t");
  }
}

TEST_CASE("500 queries in one pipeline are answered in order") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(both_sides(workers));
    RawClient client(pgweir.port());
    REQUIRE(client.start_tls());
    REQUIRE(client.login());
    constexpr int kQueries = 500;
    std::string all;
    for (int i = 0; i < kQueries; ++i) {
      all += query("SELECT '" + std::to_string(i) + ":' || repeat('x', " + std::to_string(i) + ")");
    }
    REQUIRE(client.send(all));
    for (int i = 0; i < kQueries; ++i) {
      const auto answer = client.read_through('Z');
      REQUIRE(answer);
      REQUIRE(tags_of(*answer) == "TDCZ");
      const std::string wanted =
          std::to_string(i) + ":" + std::string(static_cast<std::size_t>(i), 'x');
      REQUIRE((*answer)[1].body.substr(6) == wanted);
    }
  }
}

TEST_CASE("a row of many records comes whole, also to a client that reads slowly") {
  Pgweir pgweir(both_sides(1));
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  REQUIRE(client.login());
  constexpr std::size_t kBytes = 5'000'000;
  client.send(query("SELECT repeat('0123456789', " + std::to_string(kBytes / 10) + ")"));
  const auto described = client.read();
  REQUIRE(described);
  std::string body;
  const auto head = client.read_exactly(5 + 6);
  REQUIRE(head);
  while (body.size() < kBytes) {
    const auto part = client.read_exactly(std::min<std::size_t>(4'999, kBytes - body.size()));
    REQUIRE(part);
    body += *part;
  }
  CHECK(body.substr(kBytes - 10) == "0123456789");
  CHECK(client.read_through('Z'));
  CHECK(client.value("SELECT 41 + 1") == "42");
}

TEST_CASE("one byte in each record is as good as a record of 16 KB") {
  Pgweir pgweir(both_sides(1));
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  REQUIRE(client.login());
  for (const char byte : query("SELECT 41 + 1")) REQUIRE(client.send({&byte, 1}));
  const auto answer = client.read_through('Z');
  REQUIRE(answer);
  CHECK((*answer)[1].body.substr(6) == "42");
}

TEST_CASE("an encrypted server goes from worker to worker") {
  Pgweir pgweir(both_sides(3).line("default_pool_size = 1"));
  constexpr int kClients = 9;
  constexpr int kEach = 40;
  Crowd crowd(by(pgweir), kClients);
  std::vector<int> asked(kClients, 0);
  std::set<std::string> backends;
  const bool done = crowd.run(
      [&](int client) -> std::optional<std::string> {
        if (asked[static_cast<std::size_t>(client)]++ == kEach) return std::nullopt;
        return "SELECT pid || ' ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
      },
      [&](int, const Answer& answer) { backends.insert(answer.value()); });
  CHECK(done);
  REQUIRE(backends.size() == 1);  // One server for all of them, and it was never dialled again.
  CHECK(backends.begin()->ends_with(" true"));
}

TEST_CASE("settings go with an encrypted server, and each client sees its own") {
  Pgweir pgweir(both_sides(3).line("default_pool_size = 1"));
  constexpr int kClients = 6;
  std::vector<std::string> names;
  std::vector<std::string> conninfos;
  for (int i = 0; i < kClients; ++i) {
    names.push_back("app " + std::to_string(i));
    conninfos.push_back(by(pgweir) + " application_name='" + names.back() + "'");
  }
  Crowd crowd(conninfos);
  std::vector<int> asked(kClients, 0);
  int wrong = 0;
  const bool done = crowd.run(
      [&](int client) -> std::optional<std::string> {
        if (asked[static_cast<std::size_t>(client)]++ == 20) return std::nullopt;
        return "SHOW application_name";
      },
      [&](int client, const Answer& answer) {
        wrong += answer.value() == names[static_cast<std::size_t>(client)] ? 0 : 1;
      });
  CHECK(done);
  CHECK(wrong == 0);
}

// --- Cancels.

TEST_CASE("a cancel request goes through TLS where its connection does, and only so") {
  for (const int workers : worker_counts()) {
    for (const std::string mode : {"prefer", "require", "verify-full"}) {
      CAPTURE(mode);
      std::atomic<int> sealed_cancels = 0;
      std::atomic<int> plain_cancels = 0;
      std::atomic<bool> asked = false;
      FakeServer server([&](FakeSession& session) {
        const bool sealed = session.start_tls({.own = papers().pooler});
        if (!sealed) {
          ++plain_cancels;
          return;
        }
        const auto head = session.read_exactly(8);
        if (!head) return;
        if (from_be32(head->substr(4)) == kCancelRequest) {
          if (session.read_exactly(8) == be32(4711) + be32(815)) ++sealed_cancels;
          return;
        }
        session.read_exactly(from_be32(*head) - 8);
        session.welcome();
        while (const auto next = session.next()) {
          if (next->body.find("pg_sleep") == std::string::npos) {
            session.answer(*next);
            continue;
          }
          asked = true;
          eventually([&] { return sealed_cancels + plain_cancels > 0; });
          session.send(error_response("57014", "canceled") + ready_for_query());
        }
      });
      Pgweir pgweir(both_sides(workers)
                        .line("client_tls_sslmode = allow")
                        .line("server_tls_sslmode = " + mode)
                        .database("fake = host=127.0.0.1 port=" + std::to_string(server.port())));
      RawClient client(pgweir.port());
      REQUIRE(client.login("alice", "fake"));
      client.send(query("SELECT pg_sleep(600)"));
      REQUIRE(eventually([&] { return asked.load(); }));
      cancel(pgweir.port(), client.key());
      const auto answer = client.read_through('Z');
      REQUIRE(answer);
      CHECK(sqlstate_in(*answer) == "57014");
      CHECK(sealed_cancels == 1);
      CHECK(plain_cancels == 0);
    }
  }
}

TEST_CASE("a cancel request through TLS hits its query at PostgreSQL") {
  Pgweir pgweir(both_sides(3));
  Session session(by(pgweir));
  session.send("SELECT pg_sleep(600)");
  Session direct(sealed().conninfo());
  REQUIRE(eventually([&] {
    return direct.value(
               "SELECT count(*) FROM pg_stat_activity WHERE usename = 'alice' AND "
               "state = 'active' AND query LIKE '%pg_sleep%'") == "1";
  }));
  PGcancel* const key = PQgetCancel(session.raw());
  char error[256] = "";
  CHECK(PQcancel(key, error, sizeof error) == 1);
  PQfreeCancel(key);
  CHECK(session.next().sqlstate() == "57014");
}
