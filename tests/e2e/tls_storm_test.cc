// tls_storm_test.cc: many handshakes at once, and those that never end, beside clients at work.
#include <doctest/doctest.h>
#include <poll.h>

#include <list>
#include <memory>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

Settings with_tls(int workers) {
  return papers().for_clients(Settings::on(Postgres::shared(), workers), "require");
}

std::string by(const Pgweir& pgweir) { return pgweir.conninfo("alice", "shop", "sslmode=require"); }

// libpq connections that all begin at once.
class Storm {
 public:
  Storm(const std::string& conninfo, int size) {
    for (int i = 0; i < size; ++i) guests_.push_back({PQconnectStart(conninfo.c_str())});
  }
  ~Storm() {
    for (const Guest& guest : guests_) PQfinish(guest.raw);
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  // Takes each as far as it can go now; true when all have arrived or failed.
  bool push(int wait_ms) {
    std::vector<pollfd> polled;
    std::vector<Guest*> whose;
    for (Guest& guest : guests_) {
      if (guest.done()) continue;
      const bool reads = guest.wants == PGRES_POLLING_READING;
      polled.push_back({PQsocket(guest.raw), static_cast<short>(reads ? POLLIN : POLLOUT), 0});
      whose.push_back(&guest);
    }
    ::poll(polled.data(), polled.size(), wait_ms);
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].revents != 0) whose[i]->wants = PQconnectPoll(whose[i]->raw);
    }
    return polled.empty();
  }
  int arrived() const {
    int count = 0;
    for (const Guest& guest : guests_) count += PQstatus(guest.raw) == CONNECTION_OK ? 1 : 0;
    return count;
  }

 private:
  struct Guest {
    PGconn* raw;
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    bool done() const { return wants == PGRES_POLLING_OK || wants == PGRES_POLLING_FAILED; }
  };
  std::list<Guest> guests_;
};

}  // namespace

TEST_CASE("a storm of new TLS clients is served whole, and those at work go on") {
  constexpr int kNew = 200;
  constexpr int kOld = 4;
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls(workers));
    Crowd old(by(pgweir), kOld);
    Storm storm(by(pgweir), kNew);
    bool over = false;
    int answers = 0;
    int failures = 0;
    const bool done = old.run(
        [&](int) -> std::optional<std::string> {
          if (over) return std::nullopt;
          return "SELECT 41 + 1";
        },
        [&](int, const Answer& answer) {
          ++answers;
          failures += answer.ok() ? 0 : 1;
        },
        [&] { over = storm.push(0); });
    CHECK(done);
    CHECK(storm.arrived() == kNew);
    CHECK(failures == 0);
    CHECK(answers > kOld);
  }
}

TEST_CASE("handshakes that stand still keep nobody out") {
  constexpr int kSilent = 200;
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls(workers));
    Session old(by(pgweir));
    std::list<RawClient> silent;
    for (int i = 0; i < kSilent; ++i) {
      RawClient& client = silent.emplace_back(pgweir.port());
      REQUIRE(client.ask_for_tls() == 'S');
      // Nothing; a byte; a record half way.
      client.send_raw(std::string_view("\x16\x03\x01\x02\x00\x01", 6).substr(0, i % 3 * 3));
    }
    CHECK(old.value("SELECT 41 + 1") == "42");
    for (int i = 0; i < 10; ++i) {
      Session fresh(by(pgweir));
      CHECK_MESSAGE(fresh.alive(), fresh.error());
      CHECK(fresh.value("SELECT 41 + 1") == "42");
    }
  }
}

TEST_CASE("clients that leave in the middle of a handshake leave nothing behind") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(with_tls(workers));
    Session old(by(pgweir));
    const long before = open_files(pgweir.pid());
    for (int i = 0; i < 60; ++i) {
      RawClient client(pgweir.port());
      REQUIRE(client.ask_for_tls() == 'S');
      Seal seal({});
      seal.shake();
      const std::string hello = seal.records();
      client.send_raw(std::string_view(hello).substr(0, hello.size() / 2 * (i % 3)));
      if (i % 2 == 0) client.reset();
    }
    CHECK(eventually([&] { return open_files(pgweir.pid()) == before; }));
    CHECK(old.value("SELECT 41 + 1") == "42");
  }
}
