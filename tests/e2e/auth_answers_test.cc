// auth_answers_test.cc: what auth_query may answer, and that nothing odd lets anybody in; and what
// a client says while its question is under way.
#include <doctest/doctest.h>

#include "tests/e2e/harness/entry.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

constexpr const char* kUnknownTalk = "R3 E";

Session& root() {
  static Session session(Postgres::shared().conninfo());
  return session;
}

void make_role(const std::string& name, const std::string& more) {
  root().run("DROP ROLE IF EXISTS " + name);
  root().run("CREATE ROLE " + name + " " + more);
}

Settings asking(const std::string& type, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("auth_type = " + type)
      .line("auth_failures_before_delay = 0")
      .line("auth_failures_before_refusal = 0")
      .line("auth_user = postgres");
}

std::string refusal_of(const std::string& user) {
  return "password authentication failed for user \"" + user + "\"";
}

// Answers wait while this lives.
class Locked {
 public:
  Locked() : session_(Postgres::shared().conninfo()) {
    session_.run("SELECT pg_advisory_lock(4711)");
  }
  void open() { session_.run("SELECT pg_advisory_unlock(4711)"); }
  // One question waits for us.
  bool asked() {
    return eventually([&] {
      return session_.value(
                 "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
                 "NOT granted") != "0";
    });
  }

 private:
  Session session_;
};

// auth_query that waits for the lock; everybody's password is "known".
Settings asking_behind_lock(int workers = 1) {
  root().run(
      "CREATE OR REPLACE FUNCTION public.slow_auth(who text, OUT usename text, OUT passwd "
      "text) LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock_shared(4711); "
      "PERFORM pg_advisory_unlock_shared(4711); usename := who; passwd := 'known'; END $$");
  make_role("eve", "LOGIN");
  return asking("plain", workers)
      .line("auth_dbname = shop")
      .line("auth_query = SELECT usename, passwd FROM public.slow_auth($1)");
}

}  // namespace

TEST_CASE("B2: expired, NOLOGIN, without a password, unknown: the same words for all") {
  make_role("expired", "LOGIN PASSWORD 'right' VALID UNTIL '2001-01-01'");
  make_role("nologin", "NOLOGIN PASSWORD 'right'");
  make_role("no_password", "LOGIN");
  make_role("current", "LOGIN PASSWORD 'right' VALID UNTIL '2999-01-01'");
  make_role("infinite", "LOGIN PASSWORD 'right' VALID UNTIL 'infinity'");
  root().run("DROP ROLE IF EXISTS nobody_here");
  Pgweir pgweir(asking("plain"));
  for (const std::string user : {"expired", "nologin", "no_password", "nobody_here"}) {
    CAPTURE(user);
    for (const std::string password : {"right", "", "wrong"}) {
      const Entry entry = enter(pgweir, user, password);
      CHECK(entry.talk == kUnknownTalk);
      CHECK(entry.sqlstate == "28P01");
      if (!password.empty()) CHECK(entry.text == refusal_of(user));
    }
  }
  CHECK(enter(pgweir, "current", "right").in);
  CHECK(enter(pgweir, "infinite", "right").in);
  root().run("ALTER ROLE current VALID UNTIL '2001-01-01'");
  CHECK(enter(pgweir, "current", "right").sqlstate == "28P01");
}

TEST_CASE("B2: answers that are none let nobody in, and the log says why") {
  make_role("eve", "LOGIN PASSWORD 'known'");
  struct Odd {
    std::string query;
    std::string logged = {};
    bool unknown = false;  // It says that there is no such user.
  };
  const Odd odds[] = {
      {"SELECT $1::text, NULL", "", true},
      {"SELECT NULL::text, 'known' WHERE $1 <> ''", "a row of another user", true},
      {"SELECT $1::text, 'known' WHERE false", "", true},
      {"SELECT $1::text, ''", "", true},
      {"SELECT $1::text, 'known' UNION ALL SELECT $1::text, 'known'", "more than one row"},
      {"SELECT $1::text", "two columns"},
      {"SELECT $1::text, 'known' FROM generate_series(1, 100000)", "more than one row"},
      {"SELECT 'alice', 'known' WHERE $1 <> ''", "a row of another user", true},
      {"SELECT $1::text, 'known', 'more'", "two columns"},
      {"SELECT upper($1), 'known'", "a row of another user", true},
      {"SELECT $1::text, 1 / (length($1) - length($1))", "division by zero (22012)"},
      {"SELECT usename, passwd FROM no_such_table WHERE usename = $1", "no_such_table"},
      {"SELECT 'eve', 'known'", "(08P01)"},
      {"SELECT 'eve', 'known' WHERE $1 = $2", "(08P01)"},
      {"BEGIN", "(08P01)"},
      {"SELECT $1::text, 'known'; SELECT 1", "(42601)"},
      {"SELECT $1::text, repeat('x', 300000)", "the server's answer is too long"}};
  Settings settings = asking("plain");
  Pgweir pgweir(settings);
  for (const Odd& odd : odds) {
    CAPTURE(odd.query);
    settings.line("auth_query = " + odd.query);
    reload_by_right(pgweir, settings);
    const std::size_t before = pgweir.log().size();
    const Entry entry = enter(pgweir, "eve", "known");
    CHECK_FALSE(entry.in);
    CHECK(entry.talk == (odd.unknown ? kUnknownTalk : "E"));
    CHECK(entry.sqlstate == (odd.unknown ? "28P01" : "57P03"));
    CHECK(entry.text == (odd.unknown ? refusal_of("eve") : "the pooler cannot look up users now"));
    CHECK(eventually([&] { return pgweir.log().find(odd.logged, before) != std::string::npos; },
                     Deadline::in(20s)));
  }
  settings.line("auth_query = SELECT $1::text, 'known'");
  reload_by_right(pgweir, settings);
  CHECK(enter(pgweir, "eve", "known").in);  // The connection, or its next, goes on.
  CHECK(pgweir.log().find("'known'") == std::string::npos);
}

TEST_CASE("B2: a server that cannot be asked lets nobody in but those of auth_file") {
  const Port nobody_listens;
  const std::string dead =
      " = host=127.0.0.1 port=" + std::to_string(nobody_listens.number()) + " dbname=shop";
  Settings settings = asking("plain").line("client_login_timeout = 1");
  settings.accounts = {{"alice", "of the file"}};
  settings.database("dead" + dead).line("auth_dbname = dead");
  Pgweir pgweir(settings);
  const Entry entry = enter(pgweir, "eve", "known");
  CHECK(entry.talk == "E");
  CHECK(entry.text == "client_login_timeout");
  CHECK(logs(pgweir, "database dead: auth_query cannot be asked: "));
  CHECK(enter(pgweir, "alice", "of the file").in);
  CHECK(enter(pgweir, "alice", "wrong").sqlstate == "28P01");

  settings.line("auth_dbname = shop").line("auth_user = no_such_role");
  reload_by_right(pgweir, settings);
  CHECK(enter(pgweir, "eve", "known").text == "the pooler cannot look up users now");
  CHECK(logs(pgweir, "auth_query cannot be asked: login failed: role \"no_such_role\""));
}

TEST_CASE("F1: which databases there are is nothing for a stranger to know") {
  const std::string where = "* = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  make_role("eve", "LOGIN PASSWORD 'known'");
  Pgweir pgweir(asking("plain").database(where));
  for (const std::string database : {"depot", "nowhere", "template0"}) {
    CAPTURE(database);
    const Entry entry = enter(pgweir, "nobody_here", "known", database);
    CHECK(entry.talk == kUnknownTalk);
    CHECK(entry.text == refusal_of("nobody_here"));
  }
  CHECK(logs(pgweir, "database \"nowhere\" does not exist"));
  CHECK(enter(pgweir, "eve", "known", "depot").in);
}

TEST_CASE("A3: whatever is sent instead of a password ends the connection") {
  Pgweir pgweir(asking("plain"));
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    CAPTURE(type);
    Settings settings = asking(type);
    settings.accounts = {{"alice", "known"}};
    reload_by_right(pgweir, settings);
    for (const char tag : std::string("QPBDECSHFdcfRZ?\0\xff", 17)) {
      CAPTURE(static_cast<int>(tag));
      for (const std::string user : {"alice", "nobody_here"}) {
        RawClient client(pgweir.port());
        client.send(startup_packet({{"user", user}, {"database", "shop"}}));
        REQUIRE(client.read().has_value());
        client.send(message(tag, zero_ended("SELECT 1")));
        const Farewell farewell = client.farewell();
        CHECK(farewell.closed);
        CHECK(farewell.sqlstate == "08P01");
        CHECK(farewell.text == "expected a password message");
      }
    }
    RawClient leaves(pgweir.port());
    leaves.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
    REQUIRE(leaves.read().has_value());
    leaves.send(message('X', ""));
    const Farewell farewell = leaves.farewell();
    CHECK(farewell.closed);
    CHECK(farewell.sqlstate.empty());
  }
}

TEST_CASE("A4: passwords of every length, of known and unknown users alike") {
  Settings settings = asking("plain").line("auth_user =");
  settings.accounts = {{"alice", "known"}};
  Pgweir pgweir(settings);
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    CAPTURE(type);
    reload_by_right(pgweir, settings.line("auth_type = " + type));
    for (const std::size_t bytes : {0U, 1U, 1'023U, 1'024U, 65'535U, 65'536U, 65'537U}) {
      CAPTURE(bytes);
      std::string told[2];
      for (int i = 0; i < 2; ++i) {
        const std::string user = i == 0 ? "alice" : "nobody";
        RawClient client(pgweir.port());
        client.send(startup_packet({{"user", user}, {"database", "shop"}}));
        REQUIRE(client.read().has_value());
        client.send(message('p', zero_ended(std::string(bytes, 'L'))));
        const Farewell farewell = client.farewell();
        CHECK(farewell.closed);
        told[i] = farewell.sqlstate + farewell.text.substr(0, farewell.text.find('"'));
      }
      CHECK(told[0] == told[1]);
      const bool fits = bytes < 65'536 && type != "scram-sha-256";
      CHECK(told[0].substr(0, 5) == (fits ? "28P01" : "08P01"));
    }
  }
}

TEST_CASE("A3: what a client sends while its question is under way is kept, and run once") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Locked lock;
    root().run("DROP TABLE IF EXISTS public.runs");
    root().run("CREATE TABLE public.runs (word text)");
    root().run("GRANT ALL ON public.runs TO PUBLIC");
    Pgweir pgweir(asking_behind_lock(workers));
    RawClient client(pgweir.port());
    client.send(startup_packet({{"user", "eve"}, {"database", "shop"}}));
    REQUIRE(lock.asked());
    client.send(message('p', zero_ended("known")) + query("INSERT INTO runs VALUES ('first')"));
    client.send(query("INSERT INTO runs VALUES ('second')"));
    CHECK_FALSE(client.readable(50ms));
    lock.open();
    REQUIRE(client.read_through('Z').has_value());
    for (int i = 0; i < 2; ++i) {
      const auto answer = client.read_through('Z');
      REQUIRE(answer.has_value());
      CHECK(tags_of(*answer) == "CZ");
    }
    CHECK(root().value("SELECT string_agg(word, ' ' ORDER BY ctid) FROM runs") == "first second");
  }
}

TEST_CASE("A3: any message while a question is under way, and a flood of them") {
  Locked lock;
  Pgweir pgweir(asking_behind_lock());
  std::vector<std::pair<char, RawClient>> clients;
  for (const char tag : std::string("QPBDECSHFdcfXZ\0\xff", 16)) {
    clients.emplace_back(tag, RawClient(pgweir.port()));
    clients.back().second.send(startup_packet({{"user", "eve"}, {"database", "shop"}}));
    clients.back().second.send(tag == 'X' ? message('X', "") : message(tag, zero_ended("x")));
  }
  REQUIRE(lock.asked());
  RawClient gone(pgweir.port());
  gone.send(startup_packet({{"user", "eve"}, {"database", "shop"}}));
  gone.reset();
  RawClient flood(pgweir.port());
  flood.send(startup_packet({{"user", "eve"}, {"database", "shop"}}));
  const long before = pgweir.resident_kib();
  const std::string megabyte = message('p', zero_ended(std::string(1 << 20, 'p')));
  for (int i = 0; i < 64; ++i)
    if (!flood.send(megabyte, Deadline::in(20ms))) break;  // Nobody reads it.
  if (!is_sanitized()) CHECK(pgweir.resident_kib() - before < 4 * 1024);
  lock.open();
  for (auto& [tag, client] : clients) {
    CAPTURE(static_cast<int>(tag));
    const Farewell farewell = client.farewell();
    CHECK(farewell.closed);
    CHECK(farewell.sqlstate == (tag == 'X' ? "" : "08P01"));
  }
  CHECK(flood.farewell().closed);
  CHECK(enter(pgweir, "eve", "known").in);
}
