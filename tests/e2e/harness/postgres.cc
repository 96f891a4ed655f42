// postgres.cc: initdb once an executable, fsync off, and an immediate shutdown at the end.
#include "tests/e2e/harness/postgres.h"

#include <libpq-fe.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <filesystem>

#include "tests/e2e/harness/session.h"

namespace weir::e2e {

namespace {

constexpr const char* kRunAs = "postgres";

// The newest installed PostgreSQL.
std::string programs() {
  std::string newest;
  int newest_version = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version <= newest_version) continue;
    newest_version = version;
    newest = entry.path().string() + "/bin/";
  }
  REQUIRE_MESSAGE(!newest.empty(), "no PostgreSQL under /usr/lib/postgresql");
  return newest;
}

constexpr const char* kHba =
    "local all all trust\n"
    "host all scram_role 127.0.0.1/32 scram-sha-256\n"
    "host all md5_role 127.0.0.1/32 md5\n"
    "host all plain_role 127.0.0.1/32 password\n"
    "host all all 127.0.0.1/32 trust\n"
    "host replication postgres 127.0.0.1/32 trust\n";

// To the user that PostgreSQL runs as.
void give_away(const std::string& path) {
  if (!are_root()) return;
  const passwd* user = ::getpwnam(kRunAs);
  REQUIRE(user != nullptr);
  REQUIRE(::chown(path.c_str(), user->pw_uid, user->pw_gid) == 0);
}

}  // namespace

Postgres::Postgres(int max_connections, const std::optional<PostgresTls>& tls)
    : max_connections_(max_connections) {
  make_cluster();
  if (tls) use_tls(*tls);
  start();
  make_roles();
}

Postgres::~Postgres() { stop(); }

Postgres& Postgres::shared() {
  static Postgres postgres(200);
  return postgres;
}

std::string Postgres::conninfo(const std::string& database, const std::string& user) const {
  return "host=127.0.0.1 port=" + std::to_string(port()) + " dbname=" + database + " user=" + user;
}

void Postgres::stop() {
  if (!server_) return;
  server_->signal(SIGQUIT);
  server_->wait();
  server_.reset();
}

void Postgres::start() {
  const std::string data = scratch_.file("data");
  for (int tries = 0; tries < 5; ++tries) {
    server_ = std::make_unique<Child>(
        ChildSpec{.argv = {programs() + "postgres", "-D", data, "-k", scratch_.path(), "-p",
                           std::to_string(port()), "-N", std::to_string(max_connections_)},
                  .output_path = scratch_.file("postgres.log"),
                  .run_as = kRunAs,
                  .directory = data,
                  .death_signal = SIGQUIT});
    const std::string asked = conninfo("postgres");
    const bool answered =
        eventually([&] { return !server_->running() || PQping(asked.c_str()) == PQPING_OK; });
    if (answered && server_->running()) return;
    server_.reset();
    if (read_file(scratch_.file("postgres.log")).find("in use") != std::string::npos)
      port_ = Port();
  }
  FAIL("PostgreSQL does not start:\n" << log());
}

// It accepts a key only of its own user, and of mode 600. Gives the path.
std::string Postgres::own_file(const std::string& name, std::string_view text) {
  const std::string path = scratch_.file(name);
  write_file(path, text);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  give_away(path);
  return path;
}

void Postgres::use_tls(const PostgresTls& tls) {
  std::string settings = read_file(scratch_.file("data/postgresql.auto.conf"));
  settings += "ssl = on\nssl_cert_file = '" + own_file("server.crt", tls.certificate.text) +
              "'\nssl_key_file = '" + own_file("server.key", tls.certificate.key) + "'\n";
  if (!tls.authorities.empty()) {
    settings += "ssl_ca_file = '" + own_file("clients.crt", tls.authorities) + "'\n";
  }
  own_file("data/postgresql.auto.conf", settings + tls.settings);
  own_file("data/pg_hba.conf", tls.hba + kHba);
}

void Postgres::make_cluster() {
  give_away(scratch_.path());
  Child initdb({.argv = {programs() + "initdb", "-D", scratch_.file("data"), "-U", "postgres", "-A",
                         "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                .output_path = scratch_.file("initdb.log"),
                .run_as = kRunAs,
                .directory = scratch_.path()});
  const auto ending = initdb.wait();
  REQUIRE_MESSAGE(ending == 0, read_file(scratch_.file("initdb.log")));
  const std::string settings = scratch_.file("data/postgresql.auto.conf");
  write_file(settings,
             "listen_addresses = '127.0.0.1'\nfsync = off\nsynchronous_commit = off\n"
             "full_page_writes = off\nautovacuum = off\nshared_buffers = 64MB\n"
             "superuser_reserved_connections = 3\nlog_line_prefix = '%m [%p] %u@%d '\n");
  write_file(scratch_.file("data/pg_hba.conf"), kHba);
}

void Postgres::make_roles() {
  Session root(conninfo("postgres"));
  for (const char* role : {"alice", "bob", "carol"})
    root.run("CREATE ROLE " + std::string(role) + " LOGIN");
  const std::string secret = " LOGIN PASSWORD '" + std::string(kRolePassword) + "'";
  root.run("SET password_encryption = 'scram-sha-256'");
  root.run("CREATE ROLE scram_role" + secret);
  root.run("CREATE ROLE plain_role" + secret);
  root.run("SET password_encryption = 'md5'");
  root.run("CREATE ROLE md5_role" + secret);
  for (const char* database : {"shop", "depot"}) {
    root.run("CREATE DATABASE " + std::string(database));
    Session(conninfo(database)).run("GRANT ALL ON SCHEMA public TO PUBLIC");
  }
}

}  // namespace weir::e2e
