// passthrough_test.cc: servers that want SCRAM and a pooler that knows only its secret: the keys of
// the client's proof log in, and nothing else does.
#include <doctest/doctest.h>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/entry.h"

using namespace weir::e2e;

namespace {

const std::string kOnlyHash = "only a hash of the password is known";

Session& root() {
  static Session session(Postgres::shared().conninfo());
  return session;
}

std::string stored_secret() {
  return root().value("SELECT rolpassword FROM pg_authid WHERE rolname = 'scram_role'");
}

// Another secret of the same password: another salt.
std::string another_secret() {
  const std::string before = stored_secret();
  root().run(std::string("ALTER ROLE scram_role PASSWORD '") + kRolePassword + "'");
  const std::string made = stored_secret();
  root().run("ALTER ROLE scram_role PASSWORD '" + before + "'");
  return made;
}

Settings with_secret(const std::string& secret, int workers = 1) {
  Settings settings = Settings::on(Postgres::shared(), workers)
                          .line("auth_type = scram-sha-256")
                          .line("server_login_retry = 1")
                          .line("query_wait_timeout = 3");
  if (!secret.empty()) settings.accounts = {{"scram_role", secret}};
  return settings;
}

Settings with_auth_query(int workers = 1) {
  return with_secret("", workers).line("auth_user = postgres");
}

std::string as_role(const Pgweir& pgweir) {
  return pgweir.conninfo("scram_role", "shop", password_is(kRolePassword));
}

}  // namespace

TEST_CASE("pass-through: the SCRAM secret of auth_file or auth_query, and the client's own keys") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    for (const Settings& settings :
         {with_secret(stored_secret(), workers), with_auth_query(workers)}) {
      CAPTURE(settings.accounts.size());
      Pgweir pgweir(settings);
      Session client(as_role(pgweir));
      CHECK_MESSAGE(client.alive(), client.error());
      CHECK(client.value("SELECT current_user") == "scram_role");
      CHECK_FALSE(Session(pgweir.conninfo("scram_role", "shop", password_is("wrong"))).alive());
    }
  }
}

TEST_CASE("pass-through: a password in clear text logs in as well as keys do") {
  Pgweir pgweir(with_auth_query().line("auth_type = plain"));
  CHECK(enter(pgweir, "scram_role", kRolePassword).in);
}

TEST_CASE("pass-through: every worker's servers log in with the keys of one worker's client") {
  Pgweir pgweir(with_secret(stored_secret(), 3).line("default_pool_size = 6"));
  Crowd crowd(as_role(pgweir), 12);
  int asked = 0;
  const auto next = [&](int client) -> std::optional<std::string> {
    if (++asked > 60) return std::nullopt;
    return "SELECT pg_sleep(0.01), " + std::to_string(client);
  };
  CHECK(crowd.run(next, [](int, const Answer& answer) { CHECK(answer.ok()); }));
}

TEST_CASE("pass-through: a server that keeps another secret of the same password refuses") {
  Pgweir pgweir(with_secret(another_secret()));
  Session client(as_role(pgweir));
  CHECK_FALSE(client.alive());
  const std::string why = "the server's SCRAM secret differs from the one the client proved";
  CHECK_MESSAGE(client.error().find(why) != std::string::npos, client.error());
  CHECK(logs(pgweir, why));
  CHECK(pgweir.log().find("(28P01)") != std::string::npos);
  CHECK(pgweir.log().find("SCRAM-SHA-256$") == std::string::npos);
}

TEST_CASE("pass-through: a password that was changed needs a new login, no restart") {
  const std::string before = stored_secret();
  Pgweir pgweir(with_auth_query().line("server_lifetime = 0"));
  CHECK(Session(as_role(pgweir)).value("SELECT 1") == "1");
  root().run("ALTER ROLE scram_role PASSWORD 'changed'");
  Session client(pgweir.conninfo("scram_role", "shop", password_is("changed")));
  CHECK_MESSAGE(client.alive(), client.error());
  if (client.alive()) CHECK(client.value("SELECT current_user") == "scram_role");
  root().run("ALTER ROLE scram_role PASSWORD '" + before + "'");
}

TEST_CASE("pass-through: before any client has proved itself, a hash logs in nowhere") {
  // By trust nobody proves anything; the forced user's pool wants a server at once.
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Settings trusting = with_secret(stored_secret()).line("auth_type = trust");
  trusting.database("forced = " + where + " dbname=shop user=scram_role");
  Pgweir pgweir(trusting);
  for (const std::string database : {"shop", "forced"}) {
    CAPTURE(database);
    RawClient client(pgweir.port());
    const std::string user = database == "shop" ? "scram_role" : "alice";
    const Entry entry = enter(client, user, "", database);
    CHECK(entry.sqlstate == "28P01");
    CHECK(entry.text.find(kOnlyHash) != std::string::npos);
  }
  CHECK(Session(pgweir.conninfo("alice")).value("SELECT 1") == "1");
}

TEST_CASE("pass-through: a forced user never logs in with the keys of who came") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Settings settings = with_secret(stored_secret());
  settings.database("forced = " + where + " dbname=shop user=scram_role");
  Pgweir pgweir(settings);
  Session client(pgweir.conninfo("scram_role", "forced", password_is(kRolePassword)));
  CHECK_FALSE(client.alive());
  CHECK(client.error().find(kOnlyHash) != std::string::npos);
}

TEST_CASE("pass-through: a server that asks for md5 or clear text gets no hash") {
  for (const std::string role : {"md5_role", "plain_role"}) {
    CAPTURE(role);
    Settings settings = with_secret("").line("auth_type = scram-sha-256");
    settings.accounts = {{role, stored_secret()}};
    Pgweir pgweir(settings);
    Session client(pgweir.conninfo(role, "shop", password_is(kRolePassword)));
    CHECK_FALSE(client.alive());
    CHECK(client.error().find(kOnlyHash) != std::string::npos);
  }
}
