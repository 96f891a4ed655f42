// tls_rude_client_test.cc: D1: clients that speak in plain text where TLS was to be, alter records,
// and make a handshake a lie or a trickle.
#include <doctest/doctest.h>

#include <list>

#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

Settings for_clients(const std::string& mode, int workers = 1) {
  return papers().for_clients(Settings::on(Postgres::shared(), workers), mode);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::string kHello = startup_packet({{"user", "alice"}, {"database", "shop"}});
const std::string kCrime = query("CREATE TABLE stuffed ()");

bool crime_committed() {
  Session direct(Postgres::shared().conninfo());
  return direct.value("SELECT to_regclass('stuffed') IS NOT NULL") == "t";
}

// Ended, and whatever it was told on the way there was no answer to a query.
bool cut_off(RawClient& client) {
  while (const auto next = client.read()) {
    if (next->tag != 'E') return false;
  }
  return client.ends();
}

// The first record of a handshake, as far as `body` goes.
std::string record(std::string_view body, std::size_t announced) {
  return "\x16\x03\x01" + be16(static_cast<std::uint16_t>(announced)) + std::string(body);
}

}  // namespace

TEST_CASE("D1: bytes behind SSLRequest are refused and nothing of them is run") {
  for (const int workers : worker_counts()) {
    for (const std::string mode : {"disable", "prefer", "require"}) {
      CAPTURE(mode);
      Pgweir pgweir(for_clients(mode, workers));
      for (const std::uint32_t code : {kSslRequest, kGssencRequest}) {
        RawClient client(pgweir.port());
        client.send(untagged(code) + kHello + kCrime);
        const Farewell farewell = client.farewell();
        CHECK(farewell.closed);
        CHECK(farewell.sqlstate == "08P01");
        CHECK(holds(farewell.text, "received unencrypted data after"));
      }
      CHECK_FALSE(crime_committed());
    }
  }
}

TEST_CASE("D1: bytes behind our S that are no TLS are refused and nothing of them is run") {
  for (const int workers : worker_counts()) {
    Pgweir pgweir(for_clients("prefer", workers));
    RawClient waits(pgweir.port());
    REQUIRE(waits.ask_for_tls() == 'S');
    waits.send(kHello + kCrime);
    CHECK(cut_off(waits));
    RawClient hastens(pgweir.port());  // Before S has come, and in a segment of its own.
    hastens.send(untagged(kSslRequest));
    hastens.send(kHello + kCrime);
    CHECK(hastens.ends());
    CHECK_FALSE(crime_committed());
    CHECK(eventually([&] { return holds(pgweir.log(), "the client does not speak TLS"); }));
  }
}

TEST_CASE("D1: plain text in the middle of TLS ends the connection and is not run") {
  Pgweir pgweir(for_clients("require", 3).line("default_pool_size = 1"));
  RawClient other(pgweir.port());
  REQUIRE(other.start_tls());
  REQUIRE(other.login());
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  REQUIRE(client.login());
  REQUIRE(client.value("SELECT 1") == "1");
  client.send_raw(kCrime);
  CHECK(client.ends());
  CHECK_FALSE(crime_committed());
  CHECK(other.value("SELECT 41 + 1") == "42");
}

TEST_CASE("D1: an altered record is not run, nor one that comes twice") {
  Pgweir pgweir(for_clients("require"));
  for (const bool twice : {false, true}) {
    CAPTURE(twice);
    RawClient client(pgweir.port());
    REQUIRE(client.start_tls());
    REQUIRE(client.login());
    std::string bytes = client.sealed(twice ? query("SELECT 1") : kCrime);
    if (!twice) bytes.back() = static_cast<char>(bytes.back() ^ 1);
    client.send_raw(twice ? bytes + bytes : bytes);
    CHECK(client.ends());
    CHECK(eventually([&] { return holds(pgweir.log(), "a record was altered on its way"); }));
  }
  CHECK_FALSE(crime_committed());
}

TEST_CASE("a torn connection is no goodbye: an open transaction is rolled back") {
  Pgweir pgweir(for_clients("require").line("default_pool_size = 1"));
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  REQUIRE(client.login());
  REQUIRE(client.ask("BEGIN; CREATE TABLE stuffed ()"));
  client.close();
  Session next(pgweir.conninfo("alice", "shop", "sslmode=require"));
  CHECK(next.value("SELECT to_regclass('stuffed') IS NULL") == "t");
}

TEST_CASE("a handshake of nonsense is cut off") {
  Pgweir pgweir(for_clients("require"));
  const std::pair<const char*, std::string> lies[] = {
      {"a record longer than any", record("\x01", 0xffff)},
      {"a ClientHello of 16 MB", record(std::string("\x01\xff\xff\xff", 4), 4)},
      {"an empty ClientHello", record(std::string("\x01\x00\x00\x00", 4), 4)},
      {"a ServerHello", record(std::string("\x02\x00\x00\x00", 4), 4)},
      {"a record of data", std::string("\x17\x03\x03\x00\x01X", 6)},
      {"an alert", std::string("\x15\x03\x03\x00\x02\x02\x28", 7)},
      {"SSLv2", std::string("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 11)},
      {"HTTP", "GET / HTTP/1.1\r\n\r\n"},
  };
  for (const auto& [name, bytes] : lies) {
    CAPTURE(name);
    RawClient client(pgweir.port());
    REQUIRE(client.ask_for_tls() == 'S');
    client.send(bytes);
    CHECK(client.ends(Deadline::in(20s)));
  }
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  CHECK(client.login());
}

TEST_CASE(
    "A1: a record that is announced and trickles in costs what it is, and only for its time") {
  constexpr int kClients = 200;
  constexpr long kEachKib = 64;  // OpenSSL's state of one handshake, and a record.
  Settings settings = for_clients("require");
  Pgweir pgweir(settings);
  REQUIRE(Session(pgweir.conninfo("alice", "shop", "sslmode=require")).alive());
  const long before = pgweir.resident_kib();
  std::list<RawClient> clients;
  for (int i = 0; i < kClients; ++i) {
    RawClient& client = clients.emplace_back(pgweir.port());
    REQUIRE(client.ask_for_tls() == 'S');
    client.send(record("\x01", 16'384));
    client.send(std::string("\x00", 1));
  }
  // Who comes behind them all is served: so they have been looked at.
  CHECK(Session(pgweir.conninfo("alice", "shop", "sslmode=require")).value("SELECT 1") == "1");
  if (!is_sanitized()) CHECK(pgweir.resident_kib() - before < kClients * kEachKib);
  settings.line("client_login_timeout = 1ms");
  pgweir.write(settings);
  pgweir.signal(SIGHUP);  // No console: it would have a millisecond, too.
  for (RawClient& client : clients) CHECK(client.ends());
}

TEST_CASE("a client that asks for new keys without end is cut off, and costs nobody else") {
  Pgweir pgweir(for_clients("require"));
  RawClient other(pgweir.port());
  REQUIRE(other.start_tls());
  REQUIRE(other.login());
  RawClient client(pgweir.port());
  REQUIRE(client.start_tls());
  REQUIRE(client.login());
  client.send_raw(client.key_updates(1'000));
  CHECK(client.ends(Deadline::in(20s)));
  CHECK(eventually([&] { return holds(pgweir.log(), "asks for new keys without end"); }));
  CHECK(other.value("SELECT 41 + 1") == "42");
}
