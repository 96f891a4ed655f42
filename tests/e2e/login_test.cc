// login_test.cc: who gets in, by which method, and what a stranger learns: nothing.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

// The secret of a role as PostgreSQL has stored it.
std::string stored_secret(const std::string& role) {
  Session direct(Postgres::shared().conninfo());
  return direct.value("SELECT rolpassword FROM pg_authid WHERE rolname = '" + role + "'");
}

Settings with_auth(const std::string& type,
                   std::vector<std::pair<std::string, std::string>> accounts) {
  Settings settings = Settings::on(Postgres::shared());
  settings.line("auth_type = " + type)
      .line("server_login_retry = 1")
      .line("query_wait_timeout = 30");
  settings.accounts = std::move(accounts);
  return settings;
}

// A SCRAM secret proves clients but cannot log in to a server: the password for that stands in the
// database's line.
Settings with_forced_user(const std::string& type, const std::string& secret) {
  Settings settings = with_auth(type, {{"scram_role", secret}});
  for (std::string& database : settings.databases) {
    database += " user=scram_role password='" + std::string(kRolePassword) + "'";
  }
  return settings;
}

std::string password(const std::string& text) { return "password='" + text + "'"; }

// What the client is told when it tries this password.
struct Refusal {
  std::string sqlstate;
  std::string text;
};
Refusal refusal(const Pgweir& pgweir, const std::string& user, const std::string& text) {
  RawClient client(pgweir.port());
  client.send(startup_packet({{"user", user}, {"database", "shop"}}));
  const auto asked = client.read();
  if (!asked || asked->tag != 'R') return {"<not asked>", ""};
  if (from_be32(asked->body) != 3) return {"<not a cleartext password>", ""};
  client.send(message('p', zero_ended(text)));
  const Farewell farewell = client.farewell();
  return {farewell.sqlstate, farewell.text};
}

}  // namespace

TEST_CASE("plain: a password in the clear") {
  Pgweir pgweir(with_auth("plain", {{"plain_role", kRolePassword}}));
  Session right(pgweir.conninfo("plain_role", "shop", password(kRolePassword)));
  CHECK_MESSAGE(right.alive(), right.error());
  CHECK(right.value("SELECT current_user") == "plain_role");
  CHECK_FALSE(Session(pgweir.conninfo("plain_role", "shop", password("wrong"))).alive());
}

TEST_CASE("md5 against a plain and an md5 secret; the server wants md5 too") {
  for (const std::string& secret : {std::string(kRolePassword), stored_secret("md5_role")}) {
    CAPTURE(secret);
    Pgweir pgweir(with_auth("md5", {{"md5_role", secret}}));
    Session right(pgweir.conninfo("md5_role", "shop", password(kRolePassword)));
    CHECK_MESSAGE(right.alive(), right.error());
    CHECK(right.value("SELECT current_user") == "md5_role");
    Session wrong(pgweir.conninfo("md5_role", "shop", password("wrong")));
    CHECK_FALSE(wrong.alive());
    CHECK(wrong.error().find("password authentication failed") != std::string::npos);
  }
}

TEST_CASE("scram-sha-256 against a plain and a SCRAM secret; the server wants SCRAM too") {
  for (const std::string& secret : {std::string(kRolePassword), stored_secret("scram_role")}) {
    CAPTURE(secret);
    Pgweir pgweir(with_forced_user("scram-sha-256", secret));
    Session right(pgweir.conninfo("scram_role", "shop", password(kRolePassword)));
    CHECK_MESSAGE(right.alive(), right.error());
    CHECK(right.value("SELECT current_user") == "scram_role");
    CHECK_FALSE(Session(pgweir.conninfo("scram_role", "shop", password("wrong"))).alive());
  }
}

TEST_CASE("md5 in the configuration becomes SCRAM for a SCRAM secret") {
  Pgweir pgweir(with_forced_user("md5", stored_secret("scram_role")));
  Session session(pgweir.conninfo("scram_role", "shop", password(kRolePassword)));
  CHECK_MESSAGE(session.alive(), session.error());
  CHECK(session.value("SELECT current_user") == "scram_role");
}

TEST_CASE("servers that want a password in the clear, md5 or SCRAM get it from auth_file") {
  for (const std::string role : {"plain_role", "md5_role", "scram_role"}) {
    CAPTURE(role);
    Pgweir pgweir(with_auth("trust", {{role, kRolePassword}}));
    Session session(pgweir.conninfo(role));
    CHECK_MESSAGE(session.alive(), session.error());
    CHECK(session.value("SELECT current_user") == role);
  }
}

TEST_CASE("the password of a database line serves its forced user") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Pgweir pgweir(with_auth("trust", {})
                    .database("forced = " + where + " dbname=shop user=scram_role password='" +
                              kRolePassword + "'"));
  Session session(pgweir.conninfo("alice", "forced"));
  CHECK_MESSAGE(session.alive(), session.error());
  CHECK(session.value("SELECT current_user") == "scram_role");
}

TEST_CASE("SASLprep: a password is the same in every way to type it") {
  // Soft hyphen and a circled one on our side; both prepare to "1pass".
  Pgweir pgweir(with_auth("scram-sha-256", {{"alice", "\xe2\x91\xa0\xc2\xadpass"}}));
  Session session(pgweir.conninfo("alice", "shop", password("1pass")));
  CHECK_MESSAGE(session.alive(), session.error());
}

TEST_CASE("long passwords work") {
  const std::string longest(1'023, 'L');
  Pgweir pgweir(with_auth("plain", {{"alice", longest}}));
  CHECK(Session(pgweir.conninfo("alice", "shop", password(longest))).alive());
  CHECK_FALSE(Session(pgweir.conninfo("alice", "shop", password(longest + "L"))).alive());
}

TEST_CASE("B3: a wrong password and an unknown user get the same answer") {
  Pgweir pgweir(with_auth("plain", {{"plain_role", kRolePassword}}));
  const Refusal wrong = refusal(pgweir, "plain_role", "wrong");
  const Refusal empty = refusal(pgweir, "plain_role", "");
  if (!is_pgbouncer()) {
    const Refusal unknown = refusal(pgweir, "nobody_here", "wrong");
    CHECK(wrong.sqlstate == "28P01");
    CHECK(empty.sqlstate == "28P01");
    CHECK(unknown.sqlstate == "28P01");
    CHECK(unknown.text.find("nobody_here") == wrong.text.find("plain_role"));
  }
  CHECK(wrong.text.find("password authentication failed") != std::string::npos);
}

TEST_CASE("B3: SCRAM with an unknown user asks on as with a known one, and then refuses") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(with_auth("scram-sha-256", {{"scram_role", stored_secret("scram_role")}}));
  std::vector<std::string> salts;
  for (int i = 0; i < 2; ++i) {
    RawClient client(pgweir.port());
    client.send(startup_packet({{"user", "nobody_here"}, {"database", "shop"}}));
    const auto offered = client.read();
    REQUIRE(offered.has_value());
    REQUIRE(offered->tag == 'R');
    CHECK(from_be32(offered->body) == 10);
    const std::string first = "n,,n=,r=abcdefghijklmnopqr";
    client.send(message(
        'p', zero_ended("SCRAM-SHA-256") + be32(static_cast<std::uint32_t>(first.size())) + first));
    const auto challenge = client.read();
    REQUIRE(challenge.has_value());
    REQUIRE(challenge->tag == 'R');
    CHECK(from_be32(challenge->body) == 11);
    const std::size_t salt = challenge->body.find(",s=");
    REQUIRE(salt != std::string::npos);
    salts.push_back(challenge->body.substr(salt, challenge->body.find(',', salt + 1) - salt));
    const std::string nonce = challenge->body.substr(4, challenge->body.find(',') - 4);  // "r=…"
    client.send(message('p', "c=biws," + nonce + ",p=" + std::string(43, 'A') + "="));
    CHECK(client.farewell().sqlstate == "28P01");
  }
  CHECK(salts[0] == salts[1]);  // A salt that changed would tell that there is no such user.
}

TEST_CASE("F1: an unknown database is told only to those who got in") {
  Settings settings = with_auth("plain", {{"plain_role", kRolePassword}});
  Pgweir pgweir(settings);
  Session known(pgweir.conninfo("plain_role", "no_such_shop", password(kRolePassword)));
  CHECK_FALSE(known.alive());
  CHECK(known.error().find("no such database: no_such_shop") != std::string::npos);
  if (is_pgbouncer()) return;
  Session stranger(pgweir.conninfo("plain_role", "no_such_shop", password("wrong")));
  CHECK(stranger.error().find("no such database") == std::string::npos);

  Pgweir trusting(Settings::on(Postgres::shared()));
  RawClient client(trusting.port());
  client.send(startup_packet({{"user", "alice"}, {"database", "no_such_shop"}}));
  const Farewell farewell = client.farewell();
  CHECK(farewell.sqlstate == "3D000");
  CHECK(farewell.severity == "FATAL");
}

TEST_CASE("the server's own refusal reaches the client with its SQLSTATE") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Pgweir pgweir(with_auth("trust", {{"scram_role", "not its password"}})
                    .database("missing = " + where + " dbname=not_there"));
  RawClient missing(pgweir.port());
  missing.send(startup_packet({{"user", "alice"}, {"database", "missing"}}));
  Farewell farewell = missing.farewell();
  if (!is_pgbouncer()) CHECK(farewell.sqlstate == "3D000");
  CHECK(farewell.text.find("not_there") != std::string::npos);
  RawClient wrong(pgweir.port());
  wrong.send(startup_packet({{"user", "scram_role"}, {"database", "shop"}}));
  farewell = wrong.farewell();
  CHECK(farewell.closed);
  if (!is_pgbouncer()) CHECK(farewell.sqlstate == "28P01");
}

TEST_CASE("without a user name there is no login; without a database it is the user's name") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  RawClient nameless(pgweir.port());
  nameless.send(startup_packet({{"database", "shop"}}));
  const Farewell farewell = nameless.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate.size() == 5);
  RawClient alice(pgweir.port());
  alice.send(startup_packet({{"user", "alice"}}));
  CHECK(alice.farewell().text == "no such database: alice");
}

TEST_CASE("minor versions and options nobody knows are negotiated, not refused") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(Settings::on(Postgres::shared()));
  struct Wish {
    std::uint32_t minor;
    std::vector<std::string> options;
    std::optional<std::uint32_t> told;  // Nothing: it gets what it asked for, without a word.
    std::size_t key_bytes;
  };
  constexpr std::size_t kShortKey = 4 + 4;
  constexpr std::size_t kLongKey = 4 + 32;  // Since 3.2.
  const Wish wishes[] = {
      {0, {}, {}, kShortKey}, {0, {"_pq_.x"}, 0, kShortKey},
      {1, {}, 0, kShortKey},  // There never was a 3.1.
      {2, {}, {}, kLongKey},  {2, {"_pq_.x", "_pq_.another one"}, 2, kLongKey},
      {3, {}, 2, kLongKey},   {9'999, {"_pq_.test_protocol_negotiation"}, 2, kLongKey}};
  for (const Wish& wish : wishes) {
    CAPTURE(wish.minor);
    CAPTURE(wish.options.size());
    Parameters parameters = {{"user", "alice"}, {"database", "shop"}};
    std::string expected = be32(kProtocol30 + wish.told.value_or(0)) +
                           be32(static_cast<std::uint32_t>(wish.options.size()));
    for (const std::string& option : wish.options) {
      parameters.emplace_back(option, "1");
      expected += zero_ended(option);
    }
    RawClient client(pgweir.port());
    client.send(startup_packet(parameters, kProtocol30 + wish.minor));
    const auto messages = client.read_through('Z');
    REQUIRE(messages.has_value());
    const auto is = [](char tag) { return [=](const Message& it) { return it.tag == tag; }; };
    REQUIRE(std::ranges::count_if(*messages, is('v')) == (wish.told ? 1 : 0));
    if (wish.told) CHECK(messages->front().tag == 'v');  // Before anything is asked.
    if (wish.told) CHECK(messages->front().body == expected);
    const auto key = std::ranges::find_if(*messages, is('K'));
    REQUIRE(key != messages->end());
    CHECK(key->body.size() == wish.key_bytes);
    CHECK(client.value("SELECT 1") == "1");
    client.send(query("SELECT pg_sleep(600)"));
    CHECK(eventually([&] { return cancel(pgweir.port(), key->body), client.readable(20ms); }));
    const auto cancelled = client.read_through('Z');
    REQUIRE(cancelled.has_value());
    CHECK(sqlstate_in(*cancelled) == "57014");
  }
}

TEST_CASE("protocol 2 and 4 are refused") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  for (const std::uint32_t version : {2U << 16, 4U << 16}) {
    RawClient client(pgweir.port());
    client.send(startup_packet({{"user", "alice"}, {"database", "shop"}}, version));
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    if (!is_pgbouncer()) CHECK(farewell.sqlstate == "0A000");  // There it is always 08P01.
  }
}

TEST_CASE("SSLRequest and GSSENCRequest are answered N, one after the other too") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  RawClient client(pgweir.port());
  client.send(untagged(kGssencRequest));
  CHECK(client.read_exactly(1) == "N");
  client.send(untagged(kSslRequest));
  CHECK(client.read_exactly(1) == "N");
  CHECK(client.login());
  CHECK(client.value("SELECT 1") == "1");
}

TEST_CASE("D1: bytes stuffed behind an SSLRequest or GSSENCRequest are refused") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  for (const std::uint32_t code : {kSslRequest, kGssencRequest}) {
    RawClient client(pgweir.port());
    client.send(untagged(code) + startup_packet({{"user", "alice"}, {"database", "shop"}}));
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    if (is_pgbouncer()) continue;
    CHECK(farewell.sqlstate == "08P01");
    CHECK(farewell.text.starts_with("received unencrypted data after"));
  }
}

TEST_CASE("client_login_timeout ends a client that does not finish its login") {
  Pgweir pgweir(Settings::on(Postgres::shared())
                    .line("client_login_timeout = 1")
                    .line("tcp_defer_accept = 0"));
  RawClient silent(pgweir.port());
  RawClient half(pgweir.port());
  half.send(std::string_view("\0\0\0\x20\0\3", 6));
  for (RawClient* client : {&half, &silent}) {
    const Farewell farewell = client->farewell();
    CHECK(farewell.closed);
    if (!is_pgbouncer()) CHECK(farewell.sqlstate == "57014");
  }
}

TEST_CASE("A4: names of every length and kind are names, or refused") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  for (const std::string& name :
       {std::string(63, 'n'), std::string(64, 'n'), std::string(127, 'n'), std::string(128, 'n'),
        std::string(5'000, 'n'), std::string("\xff\xfe"), std::string("a\"b'c\n%s%n")}) {
    CAPTURE(name.size());
    RawClient user(pgweir.port());
    user.send(startup_packet({{"user", name}, {"database", "shop"}}));
    const Farewell stranger = user.farewell();
    CHECK(stranger.closed);
    CHECK(stranger.sqlstate.size() == 5);
    RawClient database(pgweir.port());
    database.send(startup_packet({{"user", "alice"}, {"database", name}}));
    const Farewell nowhere = database.farewell();
    CHECK(nowhere.closed);
    CHECK(nowhere.sqlstate.size() == 5);
  }
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE(
    "a SCRAM secret that nobody has proved is refused by the server at once, in plain words") {
  Pgweir pgweir(with_auth("trust", {{"scram_role", stored_secret("scram_role")}}));
  Session session(pgweir.conninfo("scram_role", "shop", password(kRolePassword)));
  CHECK_FALSE(session.alive());
  CHECK(session.error().find("only a hash of the password is known") != std::string::npos);
}
