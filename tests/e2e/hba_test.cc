// hba_test.cc: auth_hba_file decides who may come from where, and how they prove it.
#include <doctest/doctest.h>
#include <pwd.h>
#include <unistd.h>

#include "tests/e2e/harness/entry.h"

using namespace weir::e2e;

namespace {

const std::string kRejected = "login rejected";

// Files that a configuration names; a program reads them when it starts.
struct Rules {
  Scratch scratch;

  std::string path() const { return scratch.file("hba.conf"); }
  void write(const std::string& text) const { write_file(path(), text); }
  Settings settings(int workers = 1) const {
    Settings out = Settings::on(Postgres::shared(), workers)
                       .line("auth_type = hba")
                       .line("watch_files = 0")
                       .line("auth_hba_file = " + path());
    out.accounts = {{"alice", "known"}, {"bob", "known"}, {"admin", "known"}};
    return out;
  }
};

std::string own_name() { return ::getpwuid(::geteuid())->pw_name; }

std::string tcp(const Pgweir& pgweir, const std::string& user) {
  return pgweir.conninfo(user, "shop", "password=known");
}

// How it is asked at the door: "R3", "R5", "R10"; "R0" when it is let in; else what it is told.
std::string asked(const Pgweir& pgweir, const std::string& user,
                  const std::string& database = "shop") {
  RawClient client(pgweir.port());
  client.send(startup_packet({{"user", user}, {"database", database}}));
  const auto first = client.read();
  if (!first) return "<nothing>";
  if (first->tag == 'R') return "R" + std::to_string(from_be32(first->body));
  auto fields = fields_of(first->body);
  return fields['C'] + " " + fields['M'];
}

}  // namespace

TEST_CASE("HBA: the first rule that matches says the method") {
  const Rules rules;
  rules.write(
      "# type database user address method\n"
      "host shop alice 127.0.0.1/32 password\n"
      "host shop alice 127.0.0.1/32 trust\n"
      "host shop bob 127.0.0.0 255.0.0.0 md5\n"
      "host depot all all scram-sha-256\n"
      "host shop carol 127.0.0.1/32 reject\n"
      "host \"all\" nobody_here all trust\n"
      "host shop nobody_here all trust\n");
  Pgweir pgweir(rules.settings());
  CHECK(asked(pgweir, "alice") == "R3");
  CHECK(asked(pgweir, "bob") == "R5");
  CHECK(asked(pgweir, "alice", "depot") == "R10");
  CHECK(asked(pgweir, "carol") == "28000 " + kRejected);
  CHECK(asked(pgweir, "postgres") == "28000 " + kRejected);
  CHECK(asked(pgweir, "nobody_here") == "28000 \"trust\" authentication failed");
  CHECK(Session(tcp(pgweir, "alice")).value("SELECT current_user") == "alice");
  CHECK(Session(tcp(pgweir, "bob")).value("SELECT current_user") == "bob");
  CHECK_FALSE(Session(pgweir.conninfo("bob", "shop", "password=wrong")).alive());
  CHECK(logs(pgweir, "rejected by " + rules.path() + ":6"));
  CHECK(logs(pgweir, "no line of auth_hba_file lets it in"));
}

TEST_CASE("HBA: local, hostssl and hostnossl, without TLS") {
  const Rules rules;
  rules.write(
      "hostssl all all all trust\n"
      "local all alice trust\n"
      "local all bob password\n"
      "hostnossl all alice all password\n");
  Pgweir pgweir(rules.settings());
  CHECK(asked(pgweir, "alice") == "R3");
  CHECK(asked(pgweir, "bob") == "28000 " + kRejected);
  CHECK(Session(by_unix(pgweir, "alice")).value("SELECT current_user") == "alice");
  CHECK_FALSE(Session(by_unix(pgweir, "bob", "shop", "password=wrong")).alive());
  CHECK(Session(by_unix(pgweir, "bob", "shop", "password=known")).alive());
  CHECK_FALSE(Session(by_unix(pgweir, "carol")).alive());
}

TEST_CASE("HBA: samehost and samenet are this machine's addresses") {
  const Rules rules;
  rules.write(
      "host shop alice samehost password\n"
      "host shop bob samenet password\n"
      "host shop all ::1/128 trust\n"
      "host shop all 10.0.0.0/8 trust\n");
  Pgweir pgweir(rules.settings());
  CHECK(asked(pgweir, "alice") == "R3");
  CHECK(asked(pgweir, "bob") == "R3");
  CHECK(asked(pgweir, "carol") == "28000 " + kRejected);
}

TEST_CASE("HBA: peer is the system's word for who it is, by name or by map") {
  const Rules rules;
  const std::string ident = rules.scratch.file("ident.conf");
  rules.write("local all \"" + own_name() +
              "\" peer\nlocal all all peer map=crew\n"
              "host all all all reject\n");
  write_file(ident, "crew \"" + own_name() + "\" alice\ncrew someone_else bob\n");
  Settings settings = rules.settings().line("auth_ident_file = " + ident);
  settings.accounts.emplace_back(own_name(), "");
  Pgweir pgweir(settings);
  CHECK(Session(by_unix(pgweir, "alice")).value("SELECT current_user") == "alice");
  Session bob(by_unix(pgweir, "bob", "shop", "password=known"));
  CHECK_FALSE(bob.alive());
  CHECK(bob.error().find("unix socket login rejected") != std::string::npos);
  CHECK(asked(pgweir, "alice") == "28000 " + kRejected);
  // Let in by the pooler; that PostgreSQL has no such role comes behind it.
  Session self(by_unix(pgweir, own_name()));
  CHECK(self.error().find("unix socket login rejected") == std::string::npos);
}

TEST_CASE("HBA: a mistake is told with file and line, at the start and at RELOAD") {
  const Rules rules;
  const std::string mistakes[] = {"host shop alice 127.0.0.1/32 guess",
                                  "host shop alice not.an.address trust",
                                  "host shop alice 127.0.0.1/33 trust",
                                  "host shop alice",
                                  "everywhere shop alice all trust",
                                  "local all all peer map=none",
                                  "host all all all ldap"};
  rules.write("host shop alice all password\n");
  Pgweir pgweir(rules.settings());
  for (const std::string& mistake : mistakes) {
    CAPTURE(mistake);
    rules.write("host shop alice all trust\n" + mistake + "\n");
    const Answer answer = console_by_right(pgweir).exec("RELOAD");
    CHECK_FALSE(answer.ok());
    CHECK_MESSAGE(answer.text().find(rules.path() + ":2") != std::string::npos, answer.text());
    CHECK(asked(pgweir, "alice") == "R3");  // The old rules stay.
    const Scratch scratch;
    write_file(scratch.file("pgweir.ini"),
               "[databases]\nshop = host=127.0.0.1\n[pgweir]\nauth_type = hba\nlisten_addr =\n"
               "unix_socket_dir = " +
                   scratch.path() + "\nauth_hba_file = " + rules.path() + "\n");
    const Run run = run_program(scratch, {scratch.file("pgweir.ini")});
    REQUIRE(run.ending.has_value());
    CHECK(*run.ending > 0);
    CHECK_MESSAGE(run.output.find(rules.path() + ":2") != std::string::npos, run.output);
  }
  rules.write("host shop alice all trust\n");
  console_by_right(pgweir).run("RELOAD");
  CHECK(asked(pgweir, "alice") == "R0");
}

TEST_CASE("HBA: the file is watched; a broken one changes nothing and is told") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const Rules rules;
    rules.write("host shop alice all password\n");
    Pgweir pgweir(rules.settings(workers).line("watch_files = 1"));
    CHECK(asked(pgweir, "alice") == "R3");
    rules.write("host shop alice all md5\n");
    CHECK(eventually([&] { return asked(pgweir, "alice") == "R5"; }));
    rules.write("host shop alice all guess\n");
    CHECK(logs(pgweir, "a changed file is broken"));
    CHECK(pgweir.log().find(rules.path() + ":1") != std::string::npos);
    CHECK(asked(pgweir, "alice") == "R5");
    write_file(rules.scratch.file("new"), "host shop alice all trust\n");
    REQUIRE(::rename(rules.scratch.file("new").c_str(), rules.path().c_str()) == 0);
    CHECK(eventually([&] { return asked(pgweir, "alice") == "R0"; }));
  }
}

TEST_CASE("HBA: the console is a database by its name; the lists of users stay in force") {
  const Rules rules;
  rules.write(
      "host pgweir admin all password\n"
      "host pgweir alice all trust\n"
      "host all all all reject\n");
  Pgweir pgweir(rules.settings());
  Session admin(pgweir.conninfo("admin", "pgweir", "password=known"));
  CHECK_MESSAGE(admin.alive(), admin.error());
  CHECK(admin.exec("SHOW VERSION").ok());
  CHECK_FALSE(Session(pgweir.conninfo("admin", "pgweir", "password=wrong")).alive());
  Session alice(pgweir.conninfo("alice", "pgweir"));
  CHECK(alice.error().find("not allowed") != std::string::npos);
  CHECK(asked(pgweir, "alice") == "28000 " + kRejected);
  CHECK(console_by_right(pgweir).exec("SHOW VERSION").ok());  // Whatever the rules say.
}

TEST_CASE("HBA: a line for one name of the console holds for the other") {
  for (const std::string name : {"pgbouncer", "pgweir"}) {
    CAPTURE(name);
    const Rules rules;
    rules.write("host " + name + " bob all reject\nhost " + name +
                " admin all password\nhost all all all trust\n");
    Pgweir pgweir(rules.settings());
    for (const std::string asked_for : {"pgbouncer", "pgweir"}) {
      CAPTURE(asked_for);
      CHECK(asked(pgweir, "admin", asked_for) == "R3");
      CHECK(asked(pgweir, "bob", asked_for) == "28000 " + kRejected);
    }
    CHECK(asked(pgweir, "bob") == "R0");
  }
}

TEST_CASE("auth_type = any: whoever comes is the forced user, and without one nobody gets in") {
  const std::string where = "host=127.0.0.1 port=" + std::to_string(Postgres::shared().port());
  Settings settings = Settings::on(Postgres::shared()).line("auth_type = any");
  settings.database("forced = " + where + " dbname=shop user=bob");
  Pgweir pgweir(settings);
  for (const std::string user : {"alice", "nobody_here", "postgres"}) {
    CAPTURE(user);
    CHECK(Session(pgweir.conninfo(user, "forced")).value("SELECT current_user") == "bob");
    CHECK(asked(pgweir, user) == "28000 bouncer config error");
  }
  CHECK(Session(pgweir.conninfo("nobody_here", "pgweir")).exec("SHOW VERSION").ok());
}

TEST_CASE("auth_type = trust lets in who is listed, and nobody else") {
  Pgweir pgweir(Settings::on(Postgres::shared()));
  CHECK(asked(pgweir, "alice") == "R0");
  CHECK(asked(pgweir, "nobody_here") == "28000 \"trust\" authentication failed");
}
