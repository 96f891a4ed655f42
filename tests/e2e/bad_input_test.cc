// bad_input_test.cc: clients that lie. The one connection gets an error with a real SQLSTATE and
// is closed; memory is not allocated by an announced length; everybody else goes on.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

constexpr std::uint32_t kLies[] = {0, 1, 2, 3, 0x7fffffffU, 0x80000000U, 0xffffffffU};
constexpr std::string_view kTags = "QPBDECSHFdcfXp";

// A pgweir with a client inside that nothing may disturb, and a look at its memory.
struct Bystander {
  Pgweir pgweir;
  Session inside;
  long before_kib;

  explicit Bystander(Settings settings)
      : pgweir(std::move(settings)), inside(pgweir.conninfo()), before_kib(0) {
    inside.run("SELECT 1");
    before_kib = pgweir.resident_kib();
  }
  ~Bystander() {
    CHECK(inside.exec("SELECT 'unharmed'").value() == "unharmed");
    CHECK(Session(pgweir.conninfo()).exec("SELECT 'new'").value() == "new");
    if (!is_sanitized()) CHECK(pgweir.resident_kib() - before_kib < 4 * 1024);
  }
};

Settings trusting(int workers = 1) {
  return Settings::on(Postgres::shared(), workers).line("default_pool_size = 3");
}

bool real_sqlstate(const Farewell& farewell) {
  if (is_pgbouncer()) return true;  // Always 08P01, or just closed.
  return farewell.sqlstate.size() == 5 && farewell.sqlstate != "00000";
}

// The one that PostgreSQL has for it; where PostgreSQL only logs and closes, the one of its log.
bool says(const std::string& sqlstate, const Farewell& farewell) {
  return is_pgbouncer() || farewell.sqlstate == sqlstate;
}

}  // namespace

TEST_CASE("A1: first packets with lengths that lie") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Bystander bystander(trusting(workers));
    for (const std::uint32_t length :
         {0U, 1U, 2U, 3U, 4U, 5U, 7U, 10'240U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
      CAPTURE(length);
      RawClient client(bystander.pgweir.port());
      client.send(be32(length) + be32(kProtocol30) + std::string(20, 'x'));
      const Farewell farewell = client.farewell();
      CHECK(farewell.closed);
      CHECK(says("08P01", farewell));
    }
  }
}

TEST_CASE("A3: first packets that are no startup") {
  Bystander bystander(trusting());
  const std::string user = zero_ended("user") + zero_ended("alice");
  const std::string bodies[] = {
      "",
      "user",
      zero_ended("user"),
      user,
      user + "database",
      user + zero_ended("database") + "shop",
      std::string(1, '\0'),
      user + zero_ended("database") + zero_ended("shop") + zero_ended("") + "x",
      std::string(3'000, 'x')};
  for (const std::string& body : bodies) {
    CAPTURE(body.size());
    RawClient client(bystander.pgweir.port());
    client.send(untagged(kProtocol30, body));
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    const bool well_formed = body == std::string(1, '\0');  // It only lacks the user.
    CHECK(says(well_formed ? "28000" : "08P01", farewell));
  }
  for (const std::string& noise :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(10'000, '\xff'),
        std::string("\x16\x03\x01\x02", 4) + std::string(600, 'T')}) {
    CAPTURE(noise.size());
    RawClient client(bystander.pgweir.port());
    client.send(noise);
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(says("08P01", farewell));
  }
}

TEST_CASE("A4: a startup packet of 10 kB, and one of 10,000 parameters") {
  Bystander bystander(trusting());
  RawClient big(bystander.pgweir.port());
  big.send(startup_packet(
      {{"user", "alice"}, {"database", "shop"}, {"options", std::string(10'240, 'o')}}));
  Farewell farewell = big.farewell();
  CHECK(farewell.closed);
  CHECK(says("08P01", farewell));
  Parameters many = {{"user", "alice"}, {"database", "shop"}};
  for (int i = 0; i < 10'000; ++i) many.emplace_back("p" + std::to_string(i), "v");
  RawClient crowded(bystander.pgweir.port());
  crowded.send(startup_packet(many));
  farewell = crowded.farewell();
  CHECK(farewell.closed);
  CHECK(says("08P01", farewell));
}

TEST_CASE("A1: requests of eight bytes with another length") {
  Bystander bystander(trusting());
  for (const std::uint32_t code : {kSslRequest, kGssencRequest, kCancelRequest}) {
    for (const std::uint32_t length : {4U, 7U, 9U, 11U, 12U, 15U, 10'000U}) {
      CAPTURE(code);
      CAPTURE(length);
      RawClient half(bystander.pgweir.port());
      half.send(be32(length) + be32(code));
      ::shutdown(half.fd(), SHUT_WR);
      const Farewell cut_short = half.farewell();
      CHECK(cut_short.closed);
      if (is_pgbouncer()) continue;  // It waits for its login timeout when the rest comes.
      // What never comes cannot be wrong: as PostgreSQL, we take the end for a change of mind.
      CHECK(cut_short.sqlstate == (length > 8 ? "" : "08P01"));
      RawClient whole(bystander.pgweir.port());
      whole.send(be32(length) + be32(code) + std::string(length > 8 ? length - 8 : 0, '\0'));
      const Farewell farewell = whole.farewell();
      CHECK(farewell.closed);
      CHECK(farewell.sqlstate == "08P01");
    }
  }
}

TEST_CASE("A1: password messages with lengths that lie") {
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    CAPTURE(type);
    Settings settings = trusting();
    settings.line("auth_type = " + type);
    settings.accounts = {{"carol", "secret"}};
    settings.accounts.emplace_back("alice", "secret");
    Pgweir pgweir(settings);
    const long before = pgweir.resident_kib();
    for (const std::uint32_t length : kLies) {
      CAPTURE(length);
      RawClient client(pgweir.port());
      client.send(startup_packet({{"user", "carol"}, {"database", "shop"}}));
      REQUIRE(client.read().has_value());
      client.send(message_with_length('p', length, std::string(40, 's')));
      const Farewell farewell = client.farewell();
      CHECK(farewell.closed);
      CHECK(real_sqlstate(farewell));
    }
    if (!is_sanitized()) CHECK(pgweir.resident_kib() - before < 4 * 1024);
    CHECK(Session(pgweir.conninfo("alice", "shop", "password=secret")).alive());
  }
}

TEST_CASE("A3: SCRAM messages that are none") {
  if (is_pgbouncer()) return;
  Settings settings = trusting();
  settings.line("auth_type = scram-sha-256");
  settings.accounts = {{"carol", "secret"}};
  Pgweir pgweir(settings);
  const auto initial = [](std::string_view mechanism, std::string_view first) {
    return message('p', zero_ended(mechanism) + be32(static_cast<std::uint32_t>(first.size())) +
                            std::string(first));
  };
  const std::string messages[] = {
      message('p', ""),
      message('p', "SCRAM-SHA-256"),
      message('p', zero_ended("SCRAM-SHA-256")),
      message('p', zero_ended("SCRAM-SHA-256") + be32(0x7fffffff) + "n,,n=,r=x"),
      initial("SCRAM-SHA-1", "n,,n=,r=abc"),
      initial("SCRAM-SHA-256-PLUS", "n,,n=,r=abc"),
      initial("SCRAM-SHA-256", ""),
      initial("SCRAM-SHA-256", "n"),
      initial("SCRAM-SHA-256", "n,,"),
      initial("SCRAM-SHA-256", "n,,n="),
      initial("SCRAM-SHA-256", "n,,n=,r="),
      initial("SCRAM-SHA-256", "p=tls-unique,,n=,r=abc"),
      initial("SCRAM-SHA-256", "n,a=other,n=,r=abc"),
      initial("SCRAM-SHA-256", "n,,m=x,n=,r=abc"),
      initial("SCRAM-SHA-256", std::string(60'000, ',')),
      message('p', std::string(60'000, 'x'))};
  for (const std::string& text : messages) {
    CAPTURE(text.substr(0, 60));
    RawClient client(pgweir.port());
    client.send(startup_packet({{"user", "carol"}, {"database", "shop"}}));
    REQUIRE(client.read().has_value());
    client.send(text);
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(real_sqlstate(farewell));
  }
  const std::string first = "n,,n=,r=abcdefghijklmnopqr";
  for (const std::string last : {"", "c=biws", "c=biws,r=", "c=biws,r=other,p=AAAA",
                                 "c=eSws,r=x,p=", ",,,,,,", "p=AAAA,c=biws"}) {
    CAPTURE(last);
    RawClient client(pgweir.port());
    client.send(startup_packet({{"user", "carol"}, {"database", "shop"}}));
    REQUIRE(client.read().has_value());
    client.send(initial("SCRAM-SHA-256", first));
    REQUIRE(client.read().has_value());
    client.send(message('p', last));
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(real_sqlstate(farewell));
  }
}

TEST_CASE("A1: messages with lengths that lie, after login") {
  for (const int workers : worker_counts()) {
    Bystander bystander(trusting(workers));
    for (const char tag : kTags) {
      for (const std::uint32_t length : kLies) {
        CAPTURE(workers);
        CAPTURE(tag);
        CAPTURE(length);
        RawClient client(bystander.pgweir.port());
        REQUIRE(client.login());
        client.send(message_with_length(tag, length, std::string(30, '\0')));
        if (is_pgbouncer()) ::shutdown(client.fd(), SHUT_WR);  // It believes some of them.
        const Farewell farewell = client.farewell();
        CHECK(farewell.closed);
        CHECK(says("08P01", farewell));
      }
    }
  }
}

TEST_CASE("A1: messages with lengths that lie, in a transaction and in a COPY") {
  Bystander bystander(trusting());
  for (const std::string before :
       {"BEGIN", "COPY (SELECT 1) TO STDOUT", "CREATE TEMP TABLE t (a int); COPY t FROM STDIN"}) {
    for (const char tag : kTags) {
      for (const std::uint32_t length : {3U, 0xffffffffU}) {
        CAPTURE(before);
        CAPTURE(tag);
        RawClient client(bystander.pgweir.port());
        REQUIRE(client.login());
        client.send(query(before));
        REQUIRE(client.read_through(before.ends_with("STDIN") ? 'G' : 'Z').has_value());
        client.send(message_with_length(tag, length, std::string(30, '\0')));
        const Farewell farewell = client.farewell();
        CHECK(farewell.closed);
        CHECK(says("08P01", farewell));
      }
    }
  }
}

TEST_CASE("A1: announced and never sent: 200 clients promise 1 GB each, memory stays") {
  Bystander bystander(trusting());
  std::vector<RawClient> clients;
  for (int i = 0; i < 200; ++i) {
    clients.emplace_back(bystander.pgweir.port());
    REQUIRE(clients.back().login());
  }
  const long before = bystander.pgweir.resident_kib();
  for (RawClient& client : clients) {  // Two of three servers believe it; the rest is read past.
    const char tag = &client == &clients[0] ? 'Q' : &client == &clients[1] ? 'P' : 'd';
    client.send(message_with_length(tag, (1U << 30) - 2, "SELECT"));
  }
  CHECK(bystander.inside.value("SELECT 1") == "1");
  if (!is_sanitized()) CHECK(bystander.pgweir.resident_kib() - before < 4 * 1024);
  for (RawClient& client : clients) client.reset();
}

TEST_CASE("A3: unknown tags") {
  Bystander bystander(trusting());
  for (const char tag : {'z', '?', '\0', '\xff', 'R', 'K', 'Z', 'T', 'v', ' ', '\n'}) {
    CAPTURE(static_cast<int>(tag));
    RawClient client(bystander.pgweir.port());
    REQUIRE(client.login());
    client.send(message(tag, "body"));
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(real_sqlstate(farewell));
  }
}

TEST_CASE("A3: messages in the wrong state") {
  Bystander bystander(trusting());
  const auto closed_after = [&](const std::string& bytes) {
    RawClient client(bystander.pgweir.port());
    REQUIRE(client.login());
    client.send(bytes);
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(real_sqlstate(farewell));
  };
  closed_after(message('p', zero_ended("password")));
  closed_after(startup_packet({{"user", "alice"}}));
  closed_after(untagged(kSslRequest));
  closed_after(untagged(kCancelRequest, std::string(8, 'k')));

  for (const char tag : kTags) {  // A message instead of the startup packet.
    CAPTURE(tag);
    RawClient client(bystander.pgweir.port());
    client.send(message(tag, zero_ended("SELECT 1")));  // Its tag is the length's first byte.
    ::shutdown(client.fd(), SHUT_WR);
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(says("08P01", farewell));
  }
}

TEST_CASE("late COPY messages outside of a COPY are ignored, as PostgreSQL ignores them") {
  Bystander bystander(trusting());
  RawClient client(bystander.pgweir.port());
  REQUIRE(client.login());
  client.send(message('d', "stray") + message('c', "") + message('f', zero_ended("stray")));
  CHECK(client.value("SELECT 'in step'") == "in step");
}

TEST_CASE("Sync and Flush in the middle of nothing") {
  Bystander bystander(trusting());
  RawClient client(bystander.pgweir.port());
  REQUIRE(client.login());
  client.send(message('H', "") + message('S', "") + message('H', "") + message('S', ""));
  for (int i = 0; i < 2; ++i) {
    const auto messages = client.read_through('Z');
    REQUIRE(messages.has_value());
    CHECK(tags_of(*messages) == "Z");
  }
  CHECK(client.value("SELECT 1") == "1");
}

TEST_CASE("A1: counts inside of messages that lie reach PostgreSQL and come back as its errors") {
  Bystander bystander(trusting());
  const std::string nothing = zero_ended("");
  const std::string bodies[] = {
      message('P', "no terminator"),
      message('P', nothing + zero_ended("SELECT 1") + be16(0xffff)),
      message('P', nothing + zero_ended("SELECT 1") + be16(7)),
      message('P', nothing + zero_ended("SELECT 1")),
      message('B', nothing + nothing + be16(0xffff) + be16(0xffff) + be16(0xffff)),
      message('B', nothing + nothing + be16(0) + be16(1) + be32(0x7fffffff)),
      message('B', "x"),
      message('B', ""),
      message('D', ""),
      message('D', "Q" + nothing),
      message('E', ""),
      message('E', "no end"),
      message('C', "X" + nothing),
      message('C', ""),
      message('Q', ""),
      message('Q', "no terminator"),
      message('F', "")};
  for (const std::string& bytes : bodies) {
    CAPTURE(bytes);
    RawClient client(bystander.pgweir.port());
    REQUIRE(client.login());
    client.send(bytes + message('S', ""));
    std::string sqlstate;
    while (const auto next = client.read()) {
      if (next->tag == 'E') sqlstate = fields_of(next->body)['C'];
      if (next->tag == 'Z') break;
    }
    if (!is_pgbouncer()) CHECK(sqlstate.size() == 5);
  }
}
