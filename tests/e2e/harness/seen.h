// seen.h: what PostgreSQL and the pooler's console say about the connections between them.
#pragma once

#include <map>
#include <string>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/session.h"

namespace weir::e2e {

// Counts client backends as PostgreSQL itself sees them, over a connection of its own.
//
// REQUIRES: nobody but superusers is connected yet. A backend outlives its client a little: what
// the test before has left behind is sent away first, so that it is not counted here.
class Witness {
 public:
  explicit Witness(const Postgres& postgres);

  // `where` is about pg_stat_activity: "usename = 'alice'".
  int backends(const std::string& where = "true");
  // Keeps the largest count of all looks.
  int look(const std::string& where = "true");
  int most() const { return most_; }
  Session& session() { return session_; }
  const Postgres& postgres() const { return postgres_; }

 private:
  const Postgres& postgres_;
  Session session_;
  int most_ = 0;
};

// PostgreSQL itself refuses more connections than this, so no excess can be too short to be seen.
//
// Holds also where servers are closed meanwhile: a backend is out of PostgreSQL's count before its
// socket closes, and the place is free only then (docs/adr/0002). PgBouncer dials sooner.
class Limit {
 public:
  // Of whom: "ROLE alice", "DATABASE shop".
  Limit(Witness& witness, std::string whose, int connections);
  ~Limit();
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  int excesses() const;  // Connections refused for a limit, in PostgreSQL's own words.

 private:
  Witness& witness_;
  std::string whose_;
  std::size_t log_before_;
};

// One column of the row of SHOW POOLS for this database and user; -1: no such row.
int pool_figure(Session& console, const std::string& column, const std::string& user = "alice",
                const std::string& database = "shop");

}  // namespace weir::e2e
