// seen.cc: see seen.h.
#include "tests/e2e/harness/seen.h"

#include <doctest/doctest.h>
#include <algorithm>
#include <cstdlib>

namespace weir::e2e {

Witness::Witness(const Postgres& postgres)
    : postgres_(postgres), session_(postgres.conninfo("postgres")) {
  const std::string left_behind = "coalesce(usename, '') <> 'postgres'";
  session_.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client "
      "backend' "
      "AND " +
      left_behind);
  REQUIRE(eventually([&] { return backends(left_behind) == 0; }));
}

int Witness::backends(const std::string& where) {
  const std::string count = session_.value(
      "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
      "pid <> pg_backend_pid() AND " +
      where);
  return std::atoi(count.c_str());
}

int Witness::look(const std::string& where) {
  const int now = backends(where);
  most_ = std::max(most_, now);
  return now;
}

Limit::Limit(Witness& witness, std::string whose, int connections)
    : witness_(witness), whose_(std::move(whose)), log_before_(witness.postgres().log().size()) {
  witness_.session().run("ALTER " + whose_ + " CONNECTION LIMIT " + std::to_string(connections));
}

Limit::~Limit() { witness_.session().exec("ALTER " + whose_ + " CONNECTION LIMIT -1"); }

int Limit::excesses() const {
  const std::string log = witness_.postgres().log();
  const std::string_view words = "too many connections for ";
  int count = 0;
  for (auto at = log.find(words, log_before_); at != std::string::npos;
       at = log.find(words, at + 1))
    ++count;
  return count;
}

int pool_figure(Session& console, const std::string& column, const std::string& user,
                const std::string& database) {
  const Answer answer = console.exec("SHOW POOLS");
  REQUIRE_MESSAGE(answer.status() == PGRES_TUPLES_OK, answer.text() << console.error());
  int wanted = -1;
  for (int i = 0; i < answer.columns(); ++i)
    if (answer.column(i) == column) wanted = i;
  REQUIRE_MESSAGE(wanted >= 0, "SHOW POOLS has no column " << column);
  for (int row = 0; row < answer.rows(); ++row)
    if (answer.value(row, 0) == database && answer.value(row, 1) == user)
      return std::atoi(answer.value(row, wanted).c_str());
  return -1;
}

}  // namespace weir::e2e
