// tls_retire_test.cc: what becomes of server connections when the way to make them changes: they
// end their transactions and retire.
#include <doctest/doctest.h>

#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

Postgres& sealed() {
  static Postgres postgres(100, PostgresTls{.certificate = papers().pooler,
                                            .authorities = papers().root.text(),
                                            .hba = "hostssl all bob all cert\n"});
  return postgres;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Settings to_sealed(const std::string& mode, const std::string& ca_file, int workers = 1) {
  Settings settings = Settings::on(sealed(), workers)
                          .line("default_pool_size = 2")
                          .line("server_login_retry = 0")
                          .line("server_tls_sslmode = " + mode)
                          .line("server_tls_ca_file = " + ca_file);
  settings.accounts = {{"scram_role", kRolePassword}, {"md5_role", kRolePassword}};
  return settings;
}

// RELOAD with these settings; what the console is told beside.
std::string reload(Pgweir& pgweir, const Settings& settings) {
  pgweir.write(settings);
  Session console(pgweir.console());
  REQUIRE_MESSAGE(console.alive(), console.error());
  const Answer answer = console.exec("RELOAD");
  std::string told = answer.ok() ? "" : answer.text();
  for (const std::string& notice : console.notices()) told += notice;
  return told;
}

std::string backend(Session& session) {
  const Answer answer = session.exec(
      "SELECT pid || ' ' || ssl || ' ' || coalesce(client_dn, '') FROM pg_stat_ssl "
      "WHERE pid = pg_backend_pid()");
  return answer.ok() ? answer.value() : answer.text();
}

// A client within a transaction, and one that has left its server idle.
struct Pair {
  explicit Pair(const Pgweir& pgweir)
      : busy(pgweir.conninfo()), idle(pgweir.conninfo()), direct(sealed().conninfo()) {
    busy.run("BEGIN");
    busy_backend = backend(busy);
    idle_backend = backend(idle);
    REQUIRE(busy_backend != idle_backend);
  }
  bool lives(const std::string& which) {
    const std::string pid = which.substr(0, which.find(' '));
    return direct.value("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) == "1";
  }
  // Both connections are old now: the one goes at once, the other behind its transaction.
  void check_retired() {
    CHECK(eventually([&] { return !lives(idle_backend); }));
    CHECK(backend(busy) == busy_backend);
    busy.run("COMMIT");
    CHECK(eventually([&] { return !lives(busy_backend); }));
    CHECK(backend(busy) != busy_backend);
    CHECK(backend(idle) != idle_backend);
  }
  void check_kept() {
    CHECK(backend(busy) == busy_backend);
    busy.run("COMMIT");
    CHECK(lives(idle_backend));
    CHECK(lives(busy_backend));
    busy.run("BEGIN");
  }

  Session busy;
  Session idle;
  Session direct;
  std::string busy_backend;
  std::string idle_backend;
};

}  // namespace

TEST_CASE("another server_tls_ca_file retires the servers that the old one vouched for") {
  for (const int workers : worker_counts()) {
    const std::string ca = papers().put("ca.crt", papers().root.text());
    Settings settings = to_sealed("verify-full", ca, workers).line("watch_files = 0");
    Pgweir pgweir(settings);
    Pair pair(pgweir);
    CHECK(reload(pgweir, settings) == "");
    pair.check_kept();  // The same is no change.
    papers().put("ca.crt", "nonsense\n");
    CHECK(holds(reload(pgweir, settings), ca + ": holds no certificate"));
    pair.check_kept();
    papers().put("ca.crt", papers().stranger.text() + papers().root.text());
    CHECK(reload(pgweir, settings) == "");
    pair.check_retired();
  }
}

TEST_CASE("a RELOAD that is refused for want of an authority forgets none that was good") {
  const std::string ca = papers().put("kept.crt", papers().root.text());
  const std::string none = papers().path("none.crt");
  Pgweir pgweir(to_sealed("verify-full", ca).line("watch_files = 0"));
  papers().put("kept.crt", "nonsense\n");
  const Settings refused = to_sealed("verify-full", none).line("max_client_conn_per_ip = 1");
  CHECK(holds(reload(pgweir, refused), none + ": no such file"));
  Session first(pgweir.conninfo()), second(pgweir.conninfo());
  for (Session* const client : {&first, &second}) {
    CHECK_MESSAGE(client->alive(), client->error());
    CHECK(holds(backend(*client), " true"));
  }
}

TEST_CASE("a watched server_tls_ca_file: clients wait for as long as it vouches for nobody") {
  const std::string ca = papers().put("watched.crt", papers().root.text());
  Pgweir pgweir(to_sealed("verify-full", ca, 3));
  Pair pair(pgweir);
  papers().put("watched.crt", papers().stranger.text());
  pair.busy.run("SELECT 1");
  CHECK(eventually([&] { return !pair.lives(pair.idle_backend); }));
  pair.busy.run("COMMIT");
  pair.idle.send("SELECT 41 + 1");
  CHECK(eventually([&] { return holds(pgweir.log(), "certificate verify failed"); }));
  papers().put("watched.crt", papers().root.text());
  const Answer answer = pair.idle.next();
  CHECK(answer.value() == "42");
}

TEST_CASE("a renewed certificate of ours towards PostgreSQL is shown from the next server on") {
  papers().put_client("bob", "ours", papers().root);
  Settings settings = Settings::on(sealed())
                          .line("server_tls_sslmode = require")
                          .line("server_tls_cert_file = " + papers().path("ours.crt"))
                          .line("server_tls_key_file = " + papers().path("ours.key"));
  Pgweir pgweir(settings);
  Session session(pgweir.conninfo("bob"));
  const std::string asked = "SELECT client_serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  const std::string before = session.value(asked);
  papers().put_client("bob", "ours", papers().root);
  CHECK(eventually([&] { return session.value(asked) != before; }, Deadline::in(20s)));
}

TEST_CASE("RELOAD changes server_tls_sslmode, for all or for one database") {
  for (const int workers : worker_counts()) {
    const std::string ca = papers().path("root.crt");
    Pgweir pgweir(to_sealed("disable", ca, workers));
    Pair plain(pgweir);
    CHECK(holds(plain.busy_backend, " false"));
    CHECK(reload(pgweir, to_sealed("verify-full", ca, workers)) == "");
    plain.check_retired();
    CHECK(holds(backend(plain.busy), " true"));
    CHECK(holds(backend(plain.idle), " true"));
    Settings own = to_sealed("verify-full", ca, workers);
    own.databases[0] += " sslmode=disable";
    CHECK(reload(pgweir, own) == "");
    CHECK(holds(backend(plain.busy), " false"));
    Session other(pgweir.conninfo("alice", "depot"));
    CHECK(holds(backend(other), " true"));
  }
}

TEST_CASE("RELOAD changes channel_binding: who was not bound is not kept") {
  const std::string ca = papers().path("root.crt");
  Pgweir pgweir(to_sealed("require", ca));
  Session bound(pgweir.conninfo("scram_role"));
  Session loose(pgweir.conninfo("md5_role"));
  CHECK(holds(backend(loose), " true"));
  const std::string before = backend(bound);
  CHECK(reload(pgweir, to_sealed("require", ca).line("server_channel_binding = require")) == "");
  const std::string told = backend(loose);
  CHECK_MESSAGE(holds(told, "channel binding is required"), told);
  CHECK(backend(bound) != before);
}

TEST_CASE("a cancel request reaches a server whose settings are in force no more") {
  const std::string first = papers().put("first.crt", papers().root.text());
  const std::string second = papers().put("second.crt", papers().root.text());
  for (const int workers : worker_counts()) {
    for (const std::string mode : {"verify-full", "disable"}) {
      CAPTURE(mode);
      Pgweir pgweir(to_sealed("verify-full", first, workers));
      RawClient client(pgweir.port());
      REQUIRE(client.login());
      client.send(query("SELECT pg_sleep(600)"));
      Session direct(sealed().conninfo());
      REQUIRE(eventually([&] {
        return direct.value(
                   "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
                   "query LIKE 'SELECT pg_sleep%'") == "1";
      }));
      CHECK(reload(pgweir, to_sealed(mode, second, workers)) == "");
      cancel(pgweir.port(), client.key());
      const auto answer = client.read_through('Z', Deadline::in(20s));
      REQUIRE(answer);
      CHECK(sqlstate_in(*answer) == "57014");
    }
  }
}
