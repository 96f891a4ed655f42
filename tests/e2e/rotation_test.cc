// rotation_test.cc: secrets that change under way: files that are watched, two secrets at a time,
// passwords that a command prints; and none of them shows anywhere.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/e2e/harness/crowd.h"
#include "tests/e2e/harness/entry.h"

using namespace weir::e2e;

namespace {

Session& root() {
  static Session session(Postgres::shared().conninfo());
  return session;
}

std::string stored_secret(const std::string& password, const std::string& encryption) {
  root().run("SET password_encryption = '" + encryption + "'");
  root().run("DROP ROLE IF EXISTS rotated");
  root().run("CREATE ROLE rotated LOGIN PASSWORD '" + password + "'");
  return root().value("SELECT rolpassword FROM pg_authid WHERE rolname = 'rotated'");
}

// The role that PostgreSQL asks for a password by SCRAM gets another one.
void alter_server_password(const std::string& password) {
  root().run("SET password_encryption = 'scram-sha-256'");
  root().run("ALTER ROLE scram_role PASSWORD '" + password + "'");
}

struct ServerPassword {
  explicit ServerPassword(const std::string& password) { alter_server_password(password); }
  ~ServerPassword() { alter_server_password(kRolePassword); }
};

// One database whose servers log in as scram_role, each for one transaction.
Settings logging_in(const std::string& more, int workers = 1) {
  Settings settings = Settings::on(Postgres::shared(), workers)
                          .line("server_lifetime = 0")
                          .line("server_login_retry = 1")
                          .line("query_wait_timeout = 20");
  settings.database("rotating = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()) +
                    " dbname=shop user=scram_role " + more);
  return settings;
}

// A command that prints what stands in a file, and counts its runs.
struct Printer {
  Scratch scratch;

  explicit Printer(const std::string& password) {
    write_file(scratch.file("runs"), "");
    write_file(scratch.file("print.sh"),
               "echo run >> " + scratch.file("runs") + "\n. " + scratch.file("does") + "\n");
    prints(password);
  }
  void prints(const std::string& password) const { does("printf '%s\\n' '" + password + "'\n"); }
  void does(const std::string& script) const {
    write_file(scratch.file("new"), script);
    REQUIRE(::rename(scratch.file("new").c_str(), scratch.file("does").c_str()) == 0);
  }
  int runs() const { return times_in(read_file(scratch.file("runs")), "run"); }
  std::string option() const {
    return "password_command='/bin/sh " + scratch.file("print.sh") + "'";
  }
};

}  // namespace

TEST_CASE(
    "auth_file is watched: a changed secret counts without a RELOAD, a broken file does not") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Settings settings = Settings::on(Postgres::shared(), workers).line("auth_type = plain");
    settings.line("auth_failures_before_delay = 0").line("auth_failures_before_refusal = 0");
    settings.accounts = {{"alice", "first"}};
    Pgweir pgweir(settings);
    Session inside(pgweir.conninfo("alice", "shop", "password=first"));
    const std::string path = pgweir.file("userlist.txt");
    write_file(path, "\"alice\" \"second\"\n");
    CHECK(eventually([&] { return enter(pgweir, "alice", "second").in; }));
    CHECK(enter(pgweir, "alice", "first").sqlstate == "28P01");
    write_file(path, "\"alice\" second\n");
    CHECK(logs(pgweir, "a changed file is broken"));
    CHECK(enter(pgweir, "alice", "second").in);
    write_file(pgweir.file("new"), "\"alice\" \"third\"\n\"bob\" \"new here\"\n");
    REQUIRE(::rename(pgweir.file("new").c_str(), path.c_str()) == 0);
    CHECK(eventually([&] { return enter(pgweir, "bob", "new here").in; }));
    CHECK(enter(pgweir, "alice", "third").in);
    CHECK(inside.value("SELECT 1") == "1");
  }
}

TEST_CASE("auth_file as a directory behind symlinks that are swapped, as Kubernetes has it") {
  const Scratch scratch;
  const auto version = [&](const std::string& name, const std::string& of_alice) {
    std::filesystem::create_directory(scratch.file(name));
    write_file(scratch.file(name + "/alice"), of_alice + "\n");
    write_file(scratch.file(name + "/bob"), "of bob");
    std::filesystem::create_directory_symlink(name, scratch.file("..new"));
    REQUIRE(::rename(scratch.file("..new").c_str(), scratch.file("..data").c_str()) == 0);
  };
  version("..first", "one");
  for (const char* const user : {"alice", "bob"})
    std::filesystem::create_symlink(std::string("..data/") + user, scratch.file(user));
  Pgweir pgweir(Settings::on(Postgres::shared())
                    .line("auth_type = plain")
                    .line("auth_failures_before_delay = 0")
                    .line("auth_failures_before_refusal = 0")
                    .line("auth_file = " + scratch.path()));
  CHECK(enter(pgweir, "alice", "one").in);
  CHECK(enter(pgweir, "bob", "of bob").in);
  version("..second", "two");
  CHECK(eventually([&] { return enter(pgweir, "alice", "two").in; }));
  CHECK(enter(pgweir, "alice", "one").sqlstate == "28P01");
  CHECK(enter(pgweir, "bob", "of bob").in);
}

TEST_CASE("two secrets of a user: either lets in, by every method and of every kind") {
  const std::string kinds[] = {"plain", "md5", "scram-sha-256"};
  for (const std::string& kind : kinds) {
    const bool plain = kind == "plain";
    const std::string one = plain ? "old one" : stored_secret("old one", kind);
    const std::string two = plain ? "new one" : stored_secret("new one", kind);
    for (const std::string& type : kinds) {
      if (type == "scram-sha-256" && kind == "md5") continue;
      CAPTURE(kind);
      CAPTURE(type);
      Pgweir pgweir(Settings::on(Postgres::shared())
                        .line("auth_type = " + type)
                        .line("auth_failures_before_delay = 0")
                        .line("auth_failures_before_refusal = 0"));
      const std::string user = kind == "md5" ? "rotated" : "alice";  // Its name is part of it.
      write_file(pgweir.file("userlist.txt"),
                 "\"" + user + "\" \"" + one + "\" \"" + two + "\"\n\"admin\" \"\"\n");
      console_by_right(pgweir).run("RELOAD");
      // A SCRAM exchange names one salt: the other secret may take a second try.
      const int tries = kind == "scram-sha-256" && type != "plain" ? 2 : 1;
      for (const std::string password : {"old one", "new one", "old one"}) {
        bool in = false;
        for (int i = 0; i < tries && !in; ++i)
          in = Session(pgweir.conninfo(user, "shop", password_is(password))).alive();
        CHECK(in);
      }
      CHECK_FALSE(Session(pgweir.conninfo(user, "shop", password_is("third"))).alive());
    }
  }
}

TEST_CASE("password_alternate: no client sees that the server's password was changed") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const ServerPassword before("the old");
    Pgweir pgweir(logging_in("password='the old' password_alternate='the new'", workers));
    Crowd crowd(pgweir.conninfo("alice", "rotating"), 6);
    int answers = 0;
    bool changed = false;
    const auto next = [&](int) -> std::optional<std::string> {
      if (answers >= 120) return std::nullopt;
      return "SELECT current_user";
    };
    const auto heard = [&](int, const Answer& answer) {
      ++answers;
      CHECK_MESSAGE(answer.value() == "scram_role", answer.text());
      if (answers < 40 || std::exchange(changed, true)) return;
      alter_server_password("the new");
    };
    CHECK(crowd.run(next, heard));
    CHECK(changed);
    CHECK(logs(pgweir, "trying the other password"));
    CHECK(Session(pgweir.conninfo("bob", "rotating")).value("SELECT 1") == "1");
  }
}

TEST_CASE("password_file is watched") {
  const Scratch scratch;
  const std::string path = scratch.file("password");
  const ServerPassword before("the old");
  write_file(path, "the old\n");
  Pgweir pgweir(logging_in("password_file=" + path));
  CHECK(Session(pgweir.conninfo("alice", "rotating")).value("SELECT current_user") == "scram_role");
  const auto times_read = [&] {
    return times_in(pgweir.log(), "secrets, rules and certificates have been read again");
  };
  const int before_it_changes = times_read();
  alter_server_password("the new");
  write_file(path, "the new\n");
  REQUIRE(eventually([&] { return times_read() > before_it_changes; }));
  for (int i = 0; i < 3; ++i)
    CHECK(Session(pgweir.conninfo("alice", "rotating")).value("SELECT 1") == "1");
}

TEST_CASE("password_command: what it prints logs in; it runs once for all, until it is refused") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const ServerPassword before("printed first");
    const Printer printer("printed first");
    Pgweir pgweir(logging_in(printer.option(), workers));
    Crowd crowd(pgweir.conninfo("alice", "rotating"), 6);
    int asked = 0;
    const auto next = [&](int) -> std::optional<std::string> {
      return ++asked > 30 ? std::nullopt : std::optional<std::string>("SELECT current_user");
    };
    CHECK(
        crowd.run(next, [](int, const Answer& answer) { CHECK(answer.value() == "scram_role"); }));
    CHECK(printer.runs() == 1);
    alter_server_password("printed second");
    printer.prints("printed second");
    Session client(pgweir.conninfo("bob", "rotating"));
    // A server that the crowd had made and nobody has used may come first.
    CHECK(eventually([&] {
      CHECK_MESSAGE(client.value("SELECT current_user") == "scram_role", client.error());
      return printer.runs() >= 2;
    }));
  }
}

TEST_CASE("password_command: with a cache time of 0 it runs for each login") {
  const ServerPassword before("printed");
  const Printer printer("printed");
  Pgweir pgweir(logging_in(printer.option()).line("password_command_cache_time = 0"));
  Session client(pgweir.conninfo("alice", "rotating"));
  REQUIRE_MESSAGE(client.alive(), client.error());
  for (int i = 0; i < 5; ++i) CHECK(client.value("SELECT current_user") == "scram_role");
  const int runs = printer.runs();
  CHECK(runs >= 5);
  CHECK(runs <= 7);
}

TEST_CASE("password_command: RELOAD changes it, and one that several databases share runs once") {
  const ServerPassword before("printed");
  const Printer wrong("not this one"), printer("printed");
  Settings settings = logging_in(wrong.option());
  Pgweir pgweir(settings.line("query_wait_timeout = 1"));
  CHECK_FALSE(Session(pgweir.conninfo("alice", "rotating")).alive());
  Settings right = logging_in(printer.option());
  right.database("second = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()) +
                 " dbname=depot user=scram_role " + printer.option());
  reload_by_right(pgweir, right);
  for (const std::string database : {"rotating", "second"})
    CHECK(Session(pgweir.conninfo("alice", database)).value("SELECT current_user") == "scram_role");
  CHECK(printer.runs() == 1);
}

TEST_CASE("B4: a command that fails is told in plain words, without what it printed") {
  const std::string printed = "half-a-secret-on-stdout", said = "half-a-secret-on-stderr";
  const std::string failures[] = {"printf " + printed + "; exit 3", "kill -9 $$", "true",
                                  "echo " + said + " >&2; exit 1",
                                  "printf " + printed + "; echo " + said + " >&2; exit 1"};
  const Printer printer("");
  Settings settings = logging_in(printer.option()).line("query_wait_timeout = 1");
  Pgweir pgweir(settings.line("verbose = 3").line("server_login_retry = 100ms"));
  for (const std::string& failure : failures) {
    CAPTURE(failure);
    printer.does(failure + "\n");
    std::string told;
    RawClient client(pgweir.port());
    client.send(startup_packet({{"user", "alice"}, {"database", "rotating"}}));
    while (const auto next = client.read())
      if (next->tag == 'E') told = next->body;
    CHECK(told.find("password_command") != std::string::npos);
    for (const std::string& secret : {printed, said, printer.scratch.path()})
      CHECK(told.find(secret) == std::string::npos);
  }
  CHECK(logs(pgweir, "password_command failed: "));
  CHECK(pgweir.log().find(printed) == std::string::npos);
  alter_server_password("printed");
  printer.prints("printed");
  CHECK(eventually([&] { return Session(pgweir.conninfo("alice", "rotating")).alive(); }));
  alter_server_password(kRolePassword);
}

TEST_CASE("B4: no secret of any place shows in a log, an error or SHOW") {
  const std::string secrets[] = {"s1-of-a-line",   "s2-of-a-file",   "s3-of-a-command",
                                 "s4-alternate",   "s5-of-userlist", "s6-second",
                                 "s7-of-postgres", "s8-typed",       "s9-of-a-variable"};
  const Printer printer(secrets[2]);
  write_file(printer.scratch.file("password"), secrets[1]);
  root().run("DROP ROLE IF EXISTS asked");
  root().run("CREATE ROLE asked LOGIN PASSWORD '" + secrets[6] + "'");
  Settings settings = logging_in("password='" + secrets[0] + "' password_alternate=" + secrets[3]);
  settings.line("verbose = 3").line("auth_type = plain").line("auth_user = postgres");
  settings.line("auth_query_cache_time = 60").line("query_wait_timeout = 1");
  const std::string where = " = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()) +
                            " dbname=shop user=scram_role ";
  settings.database("of_file" + where + "password_file=" + printer.scratch.file("password"));
  settings.database("of_command" + where + printer.option());
  settings.database("of_variable" + where + "password=${WEIR_TEST_UNSET:-" + secrets[8] + "}");
  Pgweir pgweir(settings);
  write_file(pgweir.file("userlist.txt"),
             "\"alice\" \"" + secrets[4] + "\" \"" + secrets[5] + "\"\n");
  console_by_right(pgweir).run("RELOAD");
  std::string heard;
  const auto hear = [&](const std::string& user, const std::string& database, std::size_t secret) {
    Session session(pgweir.conninfo(user, database, password_is(secrets[secret])));
    heard += session.error() + session.exec("SELECT 1").text();
  };
  for (const std::string database : {"shop", "rotating", "of_file", "of_command", "of_variable"})
    for (const std::size_t secret : {4U, 5U, 7U}) hear("alice", database, secret);
  for (const std::size_t secret : {6U, 7U}) hear("asked", "shop", secret);
  hear("nobody_here", "shop", 7);
  write_file(pgweir.file("userlist.txt"), "\"alice\" " + secrets[5] + "\n");
  heard += console_by_right(pgweir).exec("RELOAD").text();
  for (const char* const shown : {"SHOW CONFIG", "SHOW CONFIG SOURCES", "SHOW POOLS"}) {
    Session console = console_by_right(pgweir);
    const Answer answer = console.exec(shown);
    CHECK(answer.rows() > 0);
    for (int row = 0; row < answer.rows(); ++row)
      for (int column = 0; column < answer.columns(); ++column)
        heard += answer.value(row, column) + "\n";
  }
  CHECK(logs(pgweir, "RELOAD failed: "));
  heard += pgweir.log();
  CHECK(heard.find("userlist.txt:1") != std::string::npos);
  for (const std::string& secret : secrets) {
    CAPTURE(secret);
    CHECK(heard.find(secret) == std::string::npos);
  }
}
