// auth_query_test.cc: users whom PostgreSQL knows and auth_file does not. The connection that asks
// is nobody's but its own, and a name is a parameter, whatever is in it.
#include <doctest/doctest.h>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/entry.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

Session& root() {
  static Session session(Postgres::shared().conninfo());
  return session;
}

// Everybody's password is "pw of <name>".
void make_role(const std::string& name, const std::string& encryption,
               const std::string& more = {}) {
  root().run("SET password_encryption = '" + encryption + "'");
  root().run("DROP ROLE IF EXISTS " + name);
  root().run("CREATE ROLE " + name + " LOGIN PASSWORD 'pw of " + name + "' " + more);
}

std::string pw(const std::string& name) { return "pw of " + name; }

// As RDS needs it: a function that may read what its caller may not, and writes down what it sees.
void make_function(const std::string& schema = "public", const std::string& secret = "passwd") {
  root().run("CREATE SCHEMA IF NOT EXISTS " + schema);
  root().run("GRANT USAGE ON SCHEMA " + schema + " TO PUBLIC");
  root().run(
      "CREATE TABLE IF NOT EXISTS public.asked (name text, pid int, path text, role text,"
      " session text, application text, timezone text)");
  root().run("CREATE OR REPLACE FUNCTION " + schema +
             ".get_auth(who text, OUT usename text, OUT passwd text) RETURNS SETOF record"
             " LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$ BEGIN"
             " INSERT INTO public.asked VALUES (who, pg_backend_pid(),"
             " current_setting('search_path'), current_setting('role'), session_user,"
             " current_setting('application_name'), current_setting('TimeZone'));"
             " RETURN QUERY SELECT s.usename::text, s." +
             secret + "::text FROM pg_shadow s WHERE s.usename = who; END $$");
}

Settings asking(const std::string& type, int workers = 1) {
  return Settings::on(Postgres::shared(), workers)
      .line("auth_type = " + type)
      .line("auth_failures_before_delay = 0")
      .line("auth_failures_before_refusal = 0")
      .line("auth_user = postgres")
      .line("auth_dbname = shop");
}

constexpr const char* kOwnQuery = "SELECT usename, passwd FROM get_auth($1)";

Settings asking_by_function(const std::string& type, int workers = 1) {
  root().run("DROP TABLE IF EXISTS public.asked");
  make_function();
  root().exec("CREATE ROLE looker LOGIN");
  return asking(type, workers)
      .line("auth_user = looker")
      .line(std::string("auth_query = ") + kOwnQuery);
}

}  // namespace

TEST_CASE("auth_query: who is not in auth_file is asked of PostgreSQL, whatever its secret is") {
  make_role("eve", "scram-sha-256");
  make_role("mallory", "md5");
  for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
    CAPTURE(type);
    Pgweir pgweir(asking(type));
    for (const std::string user : {"eve", "mallory"}) {
      if (type == "scram-sha-256" && user == "mallory") continue;  // An md5 secret proves nobody.
      CAPTURE(user);
      Session session(pgweir.conninfo(user, "shop", password_is(pw(user))));
      CHECK_MESSAGE(session.alive(), session.error());
      CHECK(session.value("SELECT current_user") == user);
      CHECK_FALSE(Session(pgweir.conninfo(user, "shop", password_is("wrong"))).alive());
    }
  }
}

TEST_CASE("auth_query: auth_user, auth_query and auth_dbname of a database count there alone") {
  make_role("eve", "scram-sha-256");
  Settings settings = asking_by_function("plain");
  settings.line("auth_user =").line("auth_dbname =");
  const std::string where = " = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  settings.database("own" + where + " dbname=depot auth_user=looker auth_dbname=shop auth_query='" +
                    kOwnQuery + "'");
  Pgweir pgweir(settings);
  CHECK(enter(pgweir, "eve", pw("eve"), "own").in);
  CHECK(root().value("SELECT count(*) FROM asked WHERE name = 'eve'") == "1");
  CHECK(enter(pgweir, "eve", pw("eve"), "shop").sqlstate == "28P01");
  CHECK(root().value("SELECT count(*) FROM asked") == "1");
}

TEST_CASE("B3: auth_user is nobody's fallback") {
  make_role("keeper", "scram-sha-256", "SUPERUSER");
  Pgweir pgweir(asking("plain").line("auth_user = keeper"));
  const Entry unknown = enter(pgweir, "nobody_here", pw("keeper"));
  CHECK(unknown.sqlstate == "28P01");
  CHECK(unknown.text == "password authentication failed for user \"nobody_here\"");
  CHECK(enter(pgweir, "keeper", "").sqlstate == "28P01");
  CHECK(enter(pgweir, "keeper", "wrong").sqlstate == "28P01");
  CHECK(enter(pgweir, "keeper", pw("keeper")).in);
}

TEST_CASE("C1: nothing that a client sets reaches the connection that asks") {
  make_role("eve", "scram-sha-256");
  Settings settings = asking_by_function("plain");
  // What an intruder would like to be asked: a function of the same name that knows one password.
  root().run("CREATE SCHEMA IF NOT EXISTS evil");
  root().run("GRANT ALL ON SCHEMA evil TO PUBLIC");
  root().run(
      "CREATE OR REPLACE FUNCTION evil.get_auth(who text, OUT usename text, OUT passwd text)"
      " LANGUAGE sql AS $$ SELECT who, 'known'::text $$");
  settings.line("auth_user = postgres");
  Pgweir pgweir(settings);
  for (const std::string name : {"search_path", "role", "session_authorization"}) {
    CAPTURE(name);
    const std::string value = name == "search_path" ? "evil" : "alice";
    const Parameters all[] = {{{name, value}}, {{"options", "-c " + name + "=" + value}}};
    for (const Parameters& parameters : all) {
      Parameters startup = {{"user", "eve"}, {"database", "shop"}, {"TimeZone", "Etc/GMT+7"}};
      startup.insert(startup.end(), parameters.begin(), parameters.end());
      startup.emplace_back("application_name", "intruder");
      RawClient client(pgweir.port());
      client.send(startup_packet(startup));
      REQUIRE(client.read().has_value());
      client.send(message('p', zero_ended("known")));
      CHECK(client.farewell().sqlstate == "28P01");
    }
    Session inside(pgweir.conninfo("postgres", "shop", "password=known"));
    CHECK_FALSE(inside.alive());
    Session eve(pgweir.conninfo("eve", "shop", password_is(pw("eve"))));
    REQUIRE(eve.alive());
    eve.exec("SET " + name + " = '" + value + "'");
    CHECK(enter(pgweir, "eve", "known").sqlstate == "28P01");
    Session asked(pgweir.conninfo(
        "eve", "shop", password_is(pw("eve")) + " options='-c " + name + "=" + value + "'"));
    REQUIRE(asked.alive());
    if (name == "search_path") CHECK(asked.value("SHOW search_path") == "evil");
    CHECK(enter(pgweir, "eve", "known").sqlstate == "28P01");
  }
  CHECK(root().value("SELECT string_agg(DISTINCT concat_ws('|', path, role, session, application, "
                     "timezone), ';') FROM asked") ==
        "\"$user\", public|none|postgres||" + root().value("SHOW TimeZone"));
}

TEST_CASE("C1: the connection that asks is never a client's, one for all workers") {
  make_role("eve", "scram-sha-256");
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(asking_by_function("plain", workers).line("default_pool_size = 2"));
    std::string lent;
    for (int i = 0; i < 10; ++i) {
      // The user that asks is a client as well: its pool has servers of its own.
      for (const std::string user : {"eve", "looker"}) {
        const std::string secret = user == "eve" ? pw("eve") : "none";
        Session client(pgweir.conninfo(user, "shop", password_is(secret)));
        if (client.alive()) lent += client.value("SELECT pg_backend_pid()") + ",";
      }
    }
    CHECK(root().value("SELECT count(DISTINCT pid) FROM asked") == "1");
    CHECK(root().value("SELECT count(*) FROM asked WHERE pid IN (" + lent + "0)") == "0");
  }
}

TEST_CASE("C2, A4: a name is a parameter, whatever is in it") {
  Pgweir pgweir(asking_by_function("plain"));
  const std::string names[] = {"x'; DROP TABLE asked; --",
                               "%s%n%u",
                               "back\\slash\\'",
                               "\"quoted\"",
                               "$1 $$ $who$",
                               "line\nbreak",
                               std::string(63, 'n'),
                               "\xc3\xbc\xe2\x82\xac"};
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(enter(pgweir, name, "x").text ==
          "password authentication failed for user \"" + name + "\"");
    CHECK(root().params("SELECT count(*) FROM asked WHERE name = $1", {name}).value() == "1");
    const std::string made =
        root()
            .params("SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1::text, 'its own')",
                    {name})
            .value();
    root().run(made);
    Session session(
        pgweir.conninfo("'" + password_is(name).substr(10), "shop", password_is("its own")));
    CHECK_MESSAGE(session.alive(), session.error());
    root().run(root().params("SELECT format('DROP ROLE %I', $1::text)", {name}).value());
  }
  CHECK(root().value("SELECT count(*) > 0 FROM asked") == "t");
}

TEST_CASE("C2, A4: a name that PostgreSQL cannot have is an unknown user's") {
  make_role("eve", "scram-sha-256");
  root().run("DROP ROLE IF EXISTS " + std::string(63, 'n'));
  make_role(std::string(63, 'n'), "scram-sha-256");
  for (const std::string query : {"", kOwnQuery}) {
    Settings settings = asking_by_function("plain").line("auth_user = postgres");
    if (query.empty()) settings.lines.pop_back(), settings = asking("plain");
    Pgweir pgweir(settings);
    for (const std::string& name : {std::string("\xff\xfe"), std::string(64, 'n'),
                                    std::string(127, 'n'), std::string("eve\xc3")}) {
      CAPTURE(name);
      const Entry entry = enter(pgweir, name, pw(std::string(63, 'n')));
      CHECK(entry.talk == "R3 E");
      CHECK(entry.sqlstate == "28P01");
      CHECK(entry.text == "password authentication failed for user \"" + name + "\"");
    }
    for (const std::size_t bytes : {128U, 9'000U, 65'536U}) {
      const Entry entry = enter(pgweir, std::string(bytes, 'n'), "x");
      CHECK(entry.talk == "E");
      CHECK(entry.sqlstate == (bytes < 10'000 ? "28000" : "08P01"));
    }
    CHECK(enter(pgweir, "eve", pw("eve")).in);
  }
}

TEST_CASE("many logins at once: everybody gets in, and one connection asks for all") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Settings settings = asking_by_function("scram-sha-256", workers);
    Pgweir pgweir(settings.line("default_pool_size = 1"));
    std::vector<std::string> conninfos;
    for (int i = 0; i < 40; ++i) {
      const std::string name = "crowd" + std::to_string(i % 8);
      if (i < 8) make_role(name, "scram-sha-256");
      conninfos.push_back(pgweir.conninfo(name, "shop", password_is(pw(name))));
    }
    Crowd crowd(conninfos);
    for (int i = 0; i < 40; ++i)
      CHECK(crowd[i].value("SELECT current_user") == "crowd" + std::to_string(i % 8));
    CHECK(root().value("SELECT count(DISTINCT pid) FROM asked") == "1");
    CHECK(root().value("SELECT count(*) <= 40 FROM asked") == "t");
  }
}

TEST_CASE("a password that was changed works at the first try") {
  for (const std::string encryption : {"md5", "scram-sha-256"}) {
    for (const std::string type : {"plain", "md5", "scram-sha-256"}) {
      if (type == "scram-sha-256" && encryption == "md5") continue;
      CAPTURE(encryption);
      CAPTURE(type);
      make_role("eve", encryption);
      Pgweir pgweir(asking(type));
      REQUIRE(Session(pgweir.conninfo("eve", "shop", password_is(pw("eve")))).alive());
      for (const std::string changed : {"second", "third"}) {
        root().run("ALTER ROLE eve PASSWORD '" + changed + "'");
        CHECK_FALSE(Session(pgweir.conninfo("eve", "shop", password_is(pw("eve")))).alive());
        Session session(pgweir.conninfo("eve", "shop", password_is(changed)));
        CHECK_MESSAGE(session.alive(), session.error());
        CHECK(session.value("SELECT 1") == "1");
      }
    }
  }
}

TEST_CASE("RELOAD changes auth_query, auth_user and auth_dbname for the next login") {
  make_role("eve", "scram-sha-256");
  Settings settings =
      asking("plain").line("auth_query = SELECT usename, 'first' FROM pg_user WHERE usename = $1");
  Pgweir pgweir(settings);
  CHECK(enter(pgweir, "eve", "first").in);
  settings.line("auth_query = SELECT usename, 'second' FROM pg_user WHERE usename = $1");
  reload_by_right(pgweir, settings);
  CHECK(enter(pgweir, "eve", "first").sqlstate == "28P01");
  CHECK(enter(pgweir, "eve", "second").in);
  settings.line(
      "auth_query = SELECT current_user, current_database() FROM pg_user WHERE usename = $1");
  settings.line("auth_dbname = depot").line("auth_user = eve");
  reload_by_right(pgweir, settings);
  CHECK(enter(pgweir, "eve", "depot").in);
  settings.line("auth_user =");
  reload_by_right(pgweir, settings);
  CHECK(enter(pgweir, "eve", "depot").sqlstate == "28P01");
}

TEST_CASE("PostgreSQL restarts: the next login asks a new connection") {
  Postgres postgres;
  Session(postgres.conninfo()).run("CREATE ROLE eve LOGIN PASSWORD 'pw of eve'");
  Settings settings = Settings::on(postgres).line("auth_type = scram-sha-256");
  Pgweir pgweir(settings.line("auth_user = postgres").line("server_login_retry = 1"));
  const std::string conninfo = pgweir.conninfo("eve", "shop", password_is(pw("eve")));
  CHECK(Session(conninfo).value("SELECT 1") == "1");
  Session(postgres.conninfo()).run("CHECKPOINT");
  postgres.restart();
  Session again(conninfo);
  CHECK_MESSAGE(again.alive(), again.error());
  CHECK(again.value("SELECT 1") == "1");
}
