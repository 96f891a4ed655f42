// postgres.h: a throwaway PostgreSQL cluster on a free loopback port.
//
// Every role may log in by trust from loopback but those named after a method: `scram_role`,
// `md5_role` and `plain_role` (kRolePassword) must use it. Databases: `shop` and `depot`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/certs/certs.h"
#include "tests/e2e/harness/child.h"
#include "tests/e2e/harness/port.h"
#include "tests/e2e/harness/scratch.h"

namespace weir::e2e {

inline constexpr const char* kRolePassword = "Tr0ub4dor & 3";

// What makes it speak TLS.
struct PostgresTls {
  certs::Certificate certificate;
  std::string authorities = {};  // PEM: whose certificates clients may show.
  std::string hba = {};          // Lines before all others: hostssl, hostnossl, cert.
  std::string settings = {};     // Lines of postgresql.conf.
};

class Postgres {
 public:
  explicit Postgres(int max_connections = 100, const std::optional<PostgresTls>& tls = {});
  ~Postgres();

  // One cluster that the tests of this executable share; tests that break theirs make their own.
  static Postgres& shared();

  int port() const { return port_.number(); }
  const std::string& socket_dir() const { return scratch_.path(); }
  // Straight to the server, as superuser `postgres` unless said otherwise.
  std::string conninfo(const std::string& database = "shop",
                       const std::string& user = "postgres") const;

  void stop();   // Immediate shutdown.
  void start();  // On the same port and data; returns when it answers.
  void restart() { stop(), start(); }
  void use_tls(const PostgresTls& tls);  // From its next start on.
  std::string log() const { return read_file(scratch_.file("postgres.log")); }

 private:
  Scratch scratch_;
  Port port_;  // Held also while it is stopped.
  int max_connections_;
  std::unique_ptr<Child> server_;

  std::string own_file(const std::string& name, std::string_view text);
  void make_cluster();
  void make_roles();
};

}  // namespace weir::e2e
