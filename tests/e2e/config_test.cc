// config_test.cc: an operator's mistake is a sentence with file and line, and no start.
#include <doctest/doctest.h>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/seen.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

// Starts with this file; it must not come up.
Run start_with(const Scratch& scratch, const std::string& ini) {
  write_file(scratch.file("pgweir.ini"), ini);
  return run_program(scratch, {scratch.file("pgweir.ini")});
}

const std::string kGoodHead =
    "[databases]\nshop = host=127.0.0.1\n"
    "[pgweir]\n"
    "listen_addr = 127.0.0.1\n"
    "unix_socket_dir =\n";

}  // namespace

TEST_CASE("a mistake in the file stops the start with file, line and a sentence") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  struct Mistake {
    std::string line;
    std::string says;  // Part of the sentence.
  };
  const Mistake mistakes[] = {
      {"no_such_key = 1", "no_such_key"},   {"pool_mode = sometimes", "sometimes"},
      {"default_pool_size = many", "many"}, {"listen_port = 70000", "70000"},
      {"query_wait_timeout = -1", "-1"},    {"max_client_conn = 10 clients", "10 clients"},
      {"auth_type = guess", "guess"},       {"worker_threads = -2", "-2"},
      {"this is no setting", "key = value"}};
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.line);
    const Run run = start_with(scratch, kGoodHead + mistake.line + "\n");
    CAPTURE(run.output);
    REQUIRE(run.ending.has_value());
    CHECK(*run.ending > 0);
    CHECK(run.output.find("pgweir.ini:6:") != std::string::npos);
    CHECK(run.output.find(mistake.says) != std::string::npos);
  }
}

TEST_CASE("a mistake in a database or user line stops the start with its line") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  for (const std::string line :
       {"depot = host=127.0.0.1 colour=blue", "depot = host=127.0.0.1 pool_size=big",
        "depot = host='unclosed", "pgbouncer = host=127.0.0.1"}) {
    CAPTURE(line);
    const Run run =
        start_with(scratch, "[databases]\n" + line + "\n[pgweir]\nlisten_addr = 127.0.0.1\n");
    CAPTURE(run.output);
    REQUIRE(run.ending.has_value());
    CHECK(*run.ending > 0);
    CHECK(run.output.find("pgweir.ini:2:") != std::string::npos);
  }
  const Run run = start_with(scratch, kGoodHead + "[users]\nbob = pool_mode=never\n");
  CHECK(run.ending != 0);
  CHECK(run.output.find("pgweir.ini:7:") != std::string::npos);
}

TEST_CASE("a user, group, address or directory that is not there stops the start with its line") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  struct Mistake {
    std::string line;
    std::string says;
  };
  const Mistake mistakes[] = {
      {"user = no-such-user", "there is no user no-such-user"},
      {"unix_socket_group = no-such-group", "there is no group no-such-group"},
      {"listen_addr = not an address", "cannot listen on not an address port "},
      {"listen_addr = 192.0.2.1", "cannot listen on 192.0.2.1:"},
      {"unix_socket_dir = " + scratch.file("none"), "cannot listen on unix socket "},
      {"listen_addr =", "it is empty, and so is listen_addr"}};
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.line);
    const Port free;
    const std::string port = "listen_port = " + std::to_string(free.number()) + "\n";
    const Run run = start_with(scratch, kGoodHead + mistake.line + "\n" + port);
    CAPTURE(run.output);
    REQUIRE(run.ending.has_value());
    CHECK(*run.ending > 0);
    const std::string at = mistake.line == "listen_addr =" ? "pgweir.ini:5: " : "pgweir.ini:6: ";
    CHECK(run.output.find(at + mistake.says) != std::string::npos);
    CHECK(run.output.find("listening on") == std::string::npos);
  }
}

TEST_CASE("--check says all that is wrong in one go, and ends with 1 or 0") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  const std::string file = scratch.file("pgweir.ini");
  const auto check = [&](const std::string& text, std::vector<std::string> environment = {}) {
    write_file(file, text);
    return run_program(scratch, {"--check", file}, std::move(environment));
  };
  const std::string kUnbuilt =
      "\"max_prepared_statements\" is not built yet and has no effect. Named statements do not "
      "follow a client from server to server: turn them off in the driver, or use pool_mode = "
      "session.";
  Run run =
      check(kGoodHead + "pool_mode = sometimes\nmax_prepared_statements = 3\nno_such_key = 1\n");
  CHECK(run.ending == 1);
  CHECK(run.output ==
        file + ":6: \"sometimes\" is no choice for pool_mode: write one of session, transaction, " +
            "statement\n" + file + ":8: unknown setting \"no_such_key\"\nwarning: " + file +
            ":7: " + kUnbuilt + "\n");
  run = check(kGoodHead + "max_prepared_statements = 3\n");
  CHECK(run.ending == 0);
  CHECK(run.output == "warning: " + file + ":6: " + kUnbuilt + "\n" + file + " is in order\n");
  run = check(kGoodHead + "unix_socket_group = no-such-group\n");
  CHECK(run.ending == 1);
  CHECK(run.output == file + ":6: there is no group no-such-group\n");
  run = check(kGoodHead + "user = no-such-user\n");
  CHECK(run.ending == 1);
  const std::string none = scratch.file("none");
  run = check(kGoodHead + "logfile = " + none + "/log\npidfile = " + none + "/pid\n");
  CHECK(run.ending == 1);
  CHECK(run.output == file + ":6: logfile: directory " + none + ": No such file or directory\n" +
                          file + ":7: pidfile: directory " + none +
                          ": No such file or directory\n");
  run = check(kGoodHead + "logfile = " + scratch.file("log") + "\npidfile = pid\n");
  CHECK(run.ending == 0);
  run = check(kGoodHead, {"PGWEIR_LISTEN_PROT=1"});
  CHECK(run.ending == 1);
  CHECK(run.output ==
        "PGWEIR_LISTEN_PROT: there is no such setting; did you mean PGWEIR_LISTEN_PORT?\n");
  run = run_program(scratch, {"--check"}, {"DATABASE_URL=postgresql://a:b@h/d"});
  CHECK(run.ending == 0);
  CHECK(run.output == "the environment is in order\n");
}

TEST_CASE("a start with several mistakes tells the first, and how to see the others") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  const Run run = start_with(scratch, kGoodHead + "pool_mode = sometimes\nno_such_key = 1\n");
  CHECK(run.ending == 1);
  CHECK(run.output.find("pgweir.ini:6: ") != std::string::npos);
  CHECK(run.output.find("(and 1 more: pgweir --check " + scratch.file("pgweir.ini") + ")") !=
        std::string::npos);
}

TEST_CASE("without a file: databases, doors and secrets from the environment, RELOAD too") {
  if (is_pgbouncer()) return;
  const Scratch scratch;
  const Port free;
  const std::string secret(kRolePassword);
  ChildSpec spec = program_spec({});
  spec.environment = {"DATABASES_HOST=127.0.0.1",
                      "DATABASES_PORT=" + std::to_string(Postgres::shared().port()),
                      "DATABASES_USER=scram_role",
                      "DATABASES_PASSWORD=" + secret,
                      "PGWEIR_LISTEN_PORT=" + std::to_string(free.number()),
                      "PGBOUNCER_LISTEN_PORT=1",
                      "PGBOUNCER_DEFAULT_POOL_SIZE=3"};
  spec.output_path = scratch.file("log");
  spec.directory = scratch.path();
  Child child(spec);
  REQUIRE(eventually([&] {
    return !child.running() ||
           read_file(scratch.file("log")).find("listening on") != std::string::npos;
  }));
  REQUIRE_MESSAGE(child.running(), read_file(scratch.file("log")));
  const auto conninfo = [&](const std::string& database) {
    return "host=127.0.0.1 port=" + std::to_string(free.number()) +
           " user=scram_role dbname=" + database + " password='" + secret + "' sslmode=disable";
  };
  {
    Session session(conninfo("depot"));
    CHECK(session.value("SELECT current_database()") == "depot");
    Session console(conninfo("pgweir"));
    const Answer sources = console.exec("SHOW CONFIG SOURCES");
    std::string said;
    for (int row = 0; row < sources.rows(); ++row) {
      if (sources.value(row, 0) == "default_pool_size") {
        said = sources.value(row, 1) + " " + sources.value(row, 4);
      }
      for (int column = 0; column < sources.columns(); ++column) {
        CHECK(sources.value(row, column).find(secret) == std::string::npos);
      }
    }
    CHECK(said == "3 PGBOUNCER_DEFAULT_POOL_SIZE");
    CHECK(console.exec("RELOAD").tag() == "RELOAD");
    CHECK(session.value("SELECT 1") == "1");
  }
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
  CHECK(read_file(scratch.file("log")).find(secret) == std::string::npos);
}

TEST_CASE("files that cannot be read stop the start and are named") {
  const Scratch scratch;
  Run run = run_program(scratch, {scratch.file("not_there.ini")});
  REQUIRE(run.ending.has_value());
  CHECK(*run.ending > 0);
  CHECK(run.output.find("not_there.ini") != std::string::npos);
  if (is_pgbouncer()) return;
  run = start_with(scratch, kGoodHead + "auth_file = " + scratch.file("no_list.txt") + "\n");
  REQUIRE(run.ending.has_value());
  CHECK(*run.ending > 0);
  CHECK(run.output.find("no_list.txt") != std::string::npos);
}

TEST_CASE("a port in use stops the start and is named") {
  if (is_pgbouncer()) return;
  Pgweir first(Settings::on(Postgres::shared()));
  const Scratch scratch;
  const Run run =
      start_with(scratch, kGoodHead + "listen_port = " + std::to_string(first.port()) + "\n");
  REQUIRE(run.ending.has_value());
  CHECK(*run.ending > 0);
  const std::string sentence = "cannot listen on 127.0.0.1:" + std::to_string(first.port());
  CHECK(run.output.find(sentence) != std::string::npos);
  CHECK(run.output.find(sentence) == run.output.rfind(sentence));  // Once is enough.
}

TEST_CASE("keys that are not built yet are taken with one warning") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(Settings::on(Postgres::shared()).line("suspend_timeout = 3"));
  CHECK(eventually([&] { return pgweir.log().find("suspend_timeout") != std::string::npos; }));
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE("a key that takes a restart: RELOAD leaves it, says so once, and does the rest") {
  if (is_pgbouncer()) return;
  const auto settings = [] { return Settings::on(Postgres::shared()); };
  Pgweir pgweir(settings());
  Session console(pgweir.console());
  pgweir.write(settings()
                   .line("disable_pqexec = 1")
                   .line("listen_backlog = 7")
                   .line("query_wait_timeout = 9")
                   .database("annex = host=127.0.0.1 dbname=depot port=" +
                             std::to_string(Postgres::shared().port())));
  REQUIRE(console.exec("RELOAD").tag() == "RELOAD");
  CHECK(Session(pgweir.conninfo("alice", "annex")).value("SELECT current_database()") == "depot");
  const std::string log = pgweir.log();
  for (const std::string key : {"disable_pqexec", "listen_backlog"}) {
    const std::string sentence = ": " + key + " has changed: it takes a restart";
    CHECK(log.find(sentence) != std::string::npos);
    CHECK(log.find(sentence) == log.rfind(sentence));
  }
  CHECK(log.find("listen_addr has changed") == std::string::npos);
  CHECK(log.find("query_wait_timeout has changed") == std::string::npos);
}

TEST_CASE("RELOAD takes no database without a host while the unix socket is closed") {
  if (is_pgbouncer()) return;
  const auto settings = [] { return Settings::on(Postgres::shared()); };
  Pgweir pgweir(settings().line("unix_socket_dir ="));
  pgweir.write(settings().database("nowhere = dbname=shop").line("default_pool_size = 1"));
  const Answer answer = Session(pgweir.console()).exec("RELOAD");
  CHECK(answer.text().find("database \"nowhere\" has no host, and unix_socket_dir is empty") !=
        std::string::npos);
  CHECK(answer.text().find("which takes a restart") != std::string::npos);
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
  pgweir.reload(settings());
}

TEST_CASE("a RELOAD that asks for TLS without a certificate that can be loaded changes nothing") {
  if (is_pgbouncer()) return;
  const auto settings = [] { return Settings::on(Postgres::shared()); };
  Pgweir pgweir(settings());
  pgweir.write(settings()
                   .line("client_tls_sslmode = prefer")
                   .line("client_tls_cert_file = /nowhere/cert.pem")
                   .line("client_tls_key_file = /nowhere/key.pem")
                   .database("annex = host=127.0.0.1 dbname=depot port=" +
                             std::to_string(Postgres::shared().port())));
  const Answer answer = Session(pgweir.console()).exec("RELOAD");
  CHECK(answer.text().find("/nowhere/") != std::string::npos);
  CHECK(answer.tag().empty());
  CHECK(pgweir.log().find("RELOAD failed: ") != std::string::npos);
  CHECK(Session(pgweir.console()).exec("RELOAD").tag().empty());  // As broken as it was.
  pgweir.write(settings());
  CHECK(Session(pgweir.console()).exec("RELOAD").tag() == "RELOAD");
  CHECK(Session(pgweir.conninfo()).value("SELECT 1") == "1");
}

TEST_CASE("the last of equal keys wins, sections may come again, headers may be indented") {
  if (is_pgbouncer()) return;  // Debian's forgets the first part of a section that comes again.
  Settings settings = Settings::on(Postgres::shared());
  settings.line("default_pool_size = 5")
      .line("default_pool_size = 1")
      .line("  [databases]")
      .line("  again = host=127.0.0.1 port = " + std::to_string(Postgres::shared().port()) +
            " dbname = depot")
      .line("[pgbouncer]")
      .line("; a comment; with semicolons")
      .line("pidfile =");
  Pgweir pgweir(settings);
  Session again(pgweir.conninfo("alice", "again"));
  CHECK(again.value("SELECT current_database()") == "depot");
  Session one(pgweir.conninfo());
  Session two(pgweir.conninfo());
  one.run("BEGIN");
  two.send("SELECT 1");
  CHECK(two.busy_for(150ms));
}

TEST_CASE("lines of 5,000 characters and values with semicolons stay whole") {
  Session direct(Postgres::shared().conninfo());
  direct.run("DROP DATABASE IF EXISTS \"semi ; colon\"");
  direct.run("CREATE DATABASE \"semi ; colon\"");
  Settings settings = Settings::on(Postgres::shared());
  settings.line("auth_query = SELECT usename, passwd FROM pg_shadow ; SELECT '" +
                std::string(5'000, 'z') + "'");
  settings.database("wordy = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()) +
                    std::string(5'000, ' ') + "dbname='semi ; colon'");
  Pgweir pgweir(settings);
  Session session(pgweir.conninfo("alice", "wordy"));
  CHECK(session.value("SELECT current_database()") == "semi ; colon");
}

TEST_CASE("a connection string may be a URI") {
  if (is_pgbouncer()) return;
  Settings settings = Settings::on(Postgres::shared());
  settings.database("by_uri = postgresql://127.0.0.1:" + std::to_string(Postgres::shared().port()) +
                    "/depot");
  Pgweir pgweir(settings);
  CHECK(Session(pgweir.conninfo("alice", "by_uri")).value("SELECT current_database()") == "depot");
}

TEST_CASE("a RELOAD that forces another user serves clients by it from their next transaction") {
  if (is_pgbouncer()) return;
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const auto forcing = [&](const std::string& user) {
      Settings settings = Settings::on(Postgres::shared(), workers);
      settings.databases[0] += " user=" + user;
      return settings;
    };
    Pgweir pgweir(forcing("bob"));
    Witness witness(Postgres::shared());
    Session console(pgweir.console());
    Crowd crowd(pgweir.conninfo(), 6);
    for (int client = 0; client < 6; ++client)
      CHECK(crowd[client].value("SELECT current_user") == "bob");
    crowd[0].run("BEGIN");
    crowd[0].run("SELECT 1");
    pgweir.write(forcing("carol"));
    console.run("RELOAD");
    CHECK(eventually([&] { return witness.backends("usename = 'bob'") == 1; }));
    CHECK(crowd[0].value("SELECT current_user") == "bob");
    crowd[0].run("COMMIT");
    for (int client = 0; client < 6; ++client)
      CHECK(crowd[client].value("SELECT current_user") == "carol");
    CHECK(eventually([&] { return witness.backends("usename = 'bob'") == 0; }));
  }
}

TEST_CASE("the version is told, the first line as SHOW VERSION has it") {
  const Scratch scratch;
  const Run run = run_program(scratch, {"--version"});
  CHECK(run.ending == 0);
  Pgweir pgweir(Settings::on(Postgres::shared()));
  Session console(pgweir.console());
  CHECK(run.output.substr(0, run.output.find('\n')) == console.value("SHOW VERSION"));
  CHECK(run_program(scratch, {"--help"}).ending == 0);
  CHECK(run_program(scratch, {"--no-such-option"}).ending != 0);
}

TEST_CASE("with neither file nor DATABASE_URL it says what it needs") {
  const Scratch scratch;
  const Run run = run_program(scratch, {});
  REQUIRE(run.ending.has_value());
  CHECK(*run.ending > 0);
  CHECK_FALSE(run.output.empty());
}
