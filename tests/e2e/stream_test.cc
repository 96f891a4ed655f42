// stream_test.cc: what is longer than any buffer: rows, parameters and COPY pass through little
// memory. Its highest point is judged, not what is left afterwards.
//
// WEIR_COPY_MB in the environment sets how much goes through COPY; the default is the full figure,
// and less in a sanitizer's build, where everything is slow and no memory is judged.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

constexpr long kCopyGrowthKibMax = 8 * 1024;
constexpr long kRowGrowthKibMax = 1024;
constexpr std::size_t kPieceBytes = 1 << 20;
// As long as PostgreSQL's own limit for a row or a parameter allows, in round figures.
constexpr std::size_t kLongest = 1'000'000'000;

// PostgreSQL itself takes four times a row's length. A machine without that gets a shorter one,
// which the test's messages tell.
bool has_room_for_the_longest() {
  std::istringstream lines(read_file("/proc/meminfo"));
  long available_kib = 0;
  for (std::string word; lines >> word && word != "MemAvailable:";) continue;
  return lines >> available_kib && available_kib > 6'000'000;
}

std::size_t row_bytes() {
  return is_sanitized() || !has_room_for_the_longest() ? 64'000'000 : kLongest;
}

int copy_megabytes() {
  const char* chosen = std::getenv("WEIR_COPY_MB");
  if (chosen != nullptr) return std::max(1, std::atoi(chosen));
  return is_sanitized() ? 256 : 1024;
}

Settings pool_of(int size, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = " + std::to_string(size));
}

// The highest growth of the program's resident memory from here on.
class Growth {
 public:
  explicit Growth(const Pgweir& pgweir) : pid_(pgweir.pid()), before_kib_(resident_kib(pid_)) {
    reset_peak(pid_);
  }
  long kib() const { return peak_kib(pid_) - before_kib_; }

 private:
  pid_t pid_;
  long before_kib_;
};

// Reads this many bytes in pieces; true if they came and all are `fill`.
bool all_are(char fill, std::size_t bytes, Wire& wire) {
  const std::string expected(kPieceBytes, fill);
  for (std::size_t left = bytes; left > 0;) {
    const std::size_t now = std::min(left, kPieceBytes);
    const auto piece = wire.read_exactly(now);
    if (!piece || expected.compare(0, now, *piece) != 0) return false;
    left -= now;
  }
  return true;
}

long long bytes_copied_out(Session& session) {
  long long bytes = 0;
  char* data = nullptr;
  for (int got = 0; (got = PQgetCopyData(session.raw(), &data, 0)) > 0; bytes += got)
    PQfreemem(data);
  for (const Answer& answer : session.rest()) CHECK(answer.ok());
  return bytes;
}

// The table `copied_in`, whose rows are counted in `rows_seen` and not kept: no disk is filled.
class Dropping {
 public:
  Dropping() : direct_(Postgres::shared().conninfo()) {
    direct_.run(
        "CREATE UNLOGGED TABLE copied_in (a text); GRANT ALL ON copied_in TO PUBLIC;"
        "CREATE SEQUENCE rows_seen CACHE 1; GRANT ALL ON rows_seen TO PUBLIC;"
        "CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM nextval('rows_seen'); RETURN NULL; END $$;"
        "CREATE TRIGGER dropping BEFORE INSERT ON copied_in FOR EACH ROW WHEN (NEW.a <> 'last') "
        "EXECUTE FUNCTION drop_row()");
  }
  ~Dropping() {
    direct_.exec("DROP TABLE copied_in; DROP FUNCTION drop_row; DROP SEQUENCE rows_seen");
  }
  Dropping(const Dropping&) = delete;
  Dropping& operator=(const Dropping&) = delete;

 private:
  Session direct_;
};

}  // namespace

TEST_CASE("a row of 1 GB passes through a few KiB") {
  Pgweir pgweir(pool_of(1));
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  REQUIRE(client.value("SELECT 1") == "1");
  const std::size_t bytes = row_bytes();
  const Growth growth(pgweir);
  client.send(query("SELECT repeat(repeat('w', 1000), " + std::to_string(bytes / 1'000) + ")"));
  REQUIRE(client.read_through('T').has_value());
  const auto head = client.read_exactly(1 + 4 + 2 + 4);  // Tag, length, columns, length of one.
  REQUIRE(head.has_value());
  CHECK(from_be32(std::string_view(*head).substr(1)) == bytes + 10);
  CHECK(from_be32(std::string_view(*head).substr(7)) == bytes);
  CHECK(all_are('w', bytes, client));
  const auto after = client.read_through('Z');
  REQUIRE(after.has_value());
  CHECK(tags_of(*after) == "CZ");
  MESSAGE(bytes << " bytes: resident memory grew by " << growth.kib() << " KiB");
  if (!is_sanitized()) CHECK(growth.kib() < kRowGrowthKibMax);
  CHECK(client.value("SELECT 1") == "1");
}

TEST_CASE("a parameter of 1 GB passes through a few KiB") {
  Pgweir pgweir(pool_of(1));
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  REQUIRE(client.value("SELECT 1") == "1");
  const auto bytes = static_cast<std::uint32_t>(row_bytes());
  const Growth growth(pgweir);
  const std::string nothing = zero_ended("");
  client.send(message('P', nothing +
                               zero_ended("SELECT octet_length($1::bytea)::text || "
                                          "get_byte($1, octet_length($1) - 1)") +
                               be16(0)));
  const std::string head = nothing + nothing + be16(1) + be16(1) + be16(1) + be32(bytes);
  const auto length = static_cast<std::uint32_t>(4 + head.size() + bytes + 2);
  client.send(message_with_length('B', length, head));
  const std::string piece(kPieceBytes, 'v');
  for (std::size_t left = bytes; left > 0; left -= std::min(left, kPieceBytes)) {
    REQUIRE(client.send(std::string_view(piece).substr(0, std::min(left, kPieceBytes))));
  }
  client.send(be16(0) + message('E', nothing + be32(0)) + message('S', ""));
  const auto answer = client.read_through('Z');
  REQUIRE(answer.has_value());
  REQUIRE(tags_of(*answer) == "12DCZ");
  CHECK(answer->at(2).body.substr(6) == std::to_string(bytes) + std::to_string(int{'v'}));
  MESSAGE(bytes << " bytes: resident memory grew by " << growth.kib() << " KiB");
  if (!is_sanitized()) CHECK(growth.kib() < kRowGrowthKibMax);
  CHECK(client.value("SELECT 1") == "1");
}

TEST_CASE("COPY out and back in passes through a few KiB") {
  Pgweir pgweir(pool_of(2, 2));
  Session session(pgweir.conninfo());
  session.run("SELECT 1");
  const Dropping table;
  const int megabytes = copy_megabytes();
  const Growth growth(pgweir);
  const Answer out = session.exec("COPY (SELECT repeat('r', 1023) FROM generate_series(1, " +
                                  std::to_string(megabytes * 1024) + ")) TO STDOUT");
  REQUIRE(out.status() == PGRES_COPY_OUT);
  CHECK(bytes_copied_out(session) == megabytes * 1024LL * 1024);
  MESSAGE(megabytes << " MB out: resident memory grew by " << growth.kib() << " KiB");

  REQUIRE(session.exec("COPY copied_in FROM STDIN").status() == PGRES_COPY_IN);
  std::string chunk;
  for (int i = 0; i < 64; ++i) chunk += std::string(1'023, 'r') + "\n";
  for (int i = 0; i < megabytes * 16; ++i) {
    REQUIRE(PQputCopyData(session.raw(), chunk.data(), static_cast<int>(chunk.size())) == 1);
  }
  REQUIRE(PQputCopyData(session.raw(), "last\n", 5) == 1);
  PQputCopyEnd(session.raw(), nullptr);
  for (const Answer& answer : session.rest()) CHECK_MESSAGE(answer.ok(), answer.text());
  CHECK(session.value("SELECT string_agg(a, ' ') FROM copied_in") == "last");
  CHECK(session.value("SELECT last_value FROM rows_seen") == std::to_string(megabytes * 1024));
  MESSAGE(megabytes << " MB out and in: resident memory grew by " << growth.kib() << " KiB");
  if (!is_sanitized()) CHECK(growth.kib() < kCopyGrowthKibMax);
}

TEST_CASE("a client that does not read slows the server, not the pooler's memory") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  const long before = pgweir.resident_kib();
  client.send(query("SELECT repeat('u', 1000) FROM generate_series(1, 100000)"));
  // Meanwhile another client is served.
  Session other(pgweir.conninfo());
  for (int i = 0; i < 100; ++i) CHECK(other.value("SELECT 1") == "1");
  if (!is_sanitized()) CHECK(pgweir.resident_kib() - before < 8 * 1024);
  const auto messages = client.read_through('Z');
  REQUIRE(messages.has_value());
  CHECK(messages->size() == 100'003);
}
