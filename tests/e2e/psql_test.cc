// psql_test.cc: psql itself, as people use it: scripts and one-liners, whole outputs.
#include <doctest/doctest.h>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

// psql -At: what it printed and what it complained of, in one.
struct Said {
  std::optional<Ending> ending;
  std::string output;
};
Said psql(const Scratch& scratch, const std::string& conninfo,
          const std::vector<std::string>& arguments) {
  ChildSpec spec;
  spec.argv = {"/usr/bin/psql", "-XAtq", "-d", conninfo};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.output_path = scratch.file("said");
  spec.directory = scratch.path();
  write_file(spec.output_path, "");
  Child child(spec);
  const auto ending = child.wait();
  return {ending, read_file(spec.output_path)};
}

Said run_script(const Scratch& scratch, const std::string& conninfo, const std::string& script,
                std::vector<std::string> arguments = {"-v", "ON_ERROR_STOP=1"}) {
  write_file(scratch.file("script.sql"), script);
  arguments.insert(arguments.end(), {"-f", scratch.file("script.sql")});
  return psql(scratch, conninfo, arguments);
}

int psql_version(const Scratch& scratch) {
  const std::string words = psql(scratch, "", {"--version"}).output;  // "psql (PostgreSQL) 15.3"
  const std::size_t at = words.find(") ");
  return at == std::string::npos ? 0 : std::atoi(words.c_str() + at + 2);
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kScript = R"(
CREATE TABLE goods (id int PRIMARY KEY, name text);
INSERT INTO goods VALUES (1, 'tea'), (2, 'rice'), (3, NULL);
BEGIN;
UPDATE goods SET name = 'green tea' WHERE id = 1;
SAVEPOINT before;
DELETE FROM goods;
ROLLBACK TO before;
COMMIT;
SELECT * FROM goods ORDER BY id;
SELECT 'one' AS a\; SELECT 'two' AS b;
SELECT id, name, 1.5 AS price FROM goods \gdesc
SELECT 42 AS answer \gset
\echo :answer
\copy (SELECT * FROM goods ORDER BY id) TO 'goods.csv' CSV
DELETE FROM goods;
\copy goods FROM 'goods.csv' CSV
SELECT count(*), string_agg(name, ', ' ORDER BY id) FROM goods;
COPY (SELECT id FROM goods ORDER BY id) TO STDOUT;
COPY goods (id, name) FROM STDIN;
4	salt
5	\N
\.
BEGIN;
PREPARE cheapest (int) AS SELECT name FROM goods WHERE id = $1;
EXECUTE cheapest (4);
DEALLOCATE cheapest;
COMMIT;
\set FETCH_COUNT 2
SELECT id FROM goods ORDER BY id;
DROP TABLE goods;
)";

constexpr const char* kAnswer = R"(1|green tea
2|rice
3|
one
two
id|integer
name|text
price|numeric
42
3|green tea, rice
1
2
3
salt
1
2
3
4
5
)";

}  // namespace

TEST_CASE("a psql script: transactions, several statements, COPY both ways, \\gdesc, a cursor") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const Scratch scratch;
    Pgweir pgweir(Settings::on(Postgres::shared(), workers).line("default_pool_size = 2"));
    const Said said = run_script(scratch, pgweir.conninfo(), kScript);
    CHECK(said.ending == 0);
    CHECK(said.output == kAnswer);
    CHECK(read_file(scratch.file("goods.csv")) == "1,green tea\n2,rice\n3,\n");
  }
}

TEST_CASE("psql's \\bind, where psql has it") {
  const Scratch scratch;
  if (psql_version(scratch) < 16) {
    MESSAGE("SKIPPED: psql has it from 16 on");
    return;
  }
  Pgweir pgweir(Settings::on(Postgres::shared()));
  const Said said = run_script(scratch, pgweir.conninfo(),
                               "SELECT $1::int + $2::int \\bind 40 2 \\g\n"
                               "SELECT $1 \\bind 'next' \\g\n");
  CHECK(said.ending == 0);
  CHECK(said.output == "42\nnext\n");
}

TEST_CASE("ON_ERROR_STOP: psql stops at the error, and what it had begun is undone") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const Scratch scratch;
    Pgweir pgweir(Settings::on(Postgres::shared(), workers).line("default_pool_size = 1"));
    const std::string script =
        "CREATE TABLE half_way (a int);\nSELECT 'before';\nSELECT 1/0;\nSELECT 'after';\n";
    const Said stopped = run_script(scratch, pgweir.conninfo(), script,
                                    {"-v", "ON_ERROR_STOP=1", "--single-transaction"});
    CHECK(stopped.ending == 3);
    CHECK(says(stopped.output, "before\n"));
    CHECK(says(stopped.output, "script.sql:3: ERROR:  division by zero\n"));
    CHECK_FALSE(says(stopped.output, "after\n"));
    const Said undone =
        psql(scratch, pgweir.conninfo(), {"-c", "SELECT to_regclass('half_way') IS NULL"});
    CHECK(undone.output == "t\n");

    const Said went_on = run_script(scratch, pgweir.conninfo(), "SELECT 1/0;\nSELECT 'after';\n",
                                    {"-v", "ON_ERROR_STOP=0"});
    CHECK(went_on.ending == 0);
    CHECK(says(went_on.output, "division by zero"));
    CHECK(says(went_on.output, "after\n"));
  }
}

TEST_CASE("psql on the console") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const Scratch scratch;
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    Session inside(pgweir.conninfo());
    inside.run("BEGIN");
    // What a worker has done is told at the end of its turn: the answer may be quicker.
    const std::string row =
        is_pgbouncer() ? "shop|alice|1|0|" : "shop|alice|1|0|0|0|1|0|0|0|0|0|0|0|0|transaction|\n";
    Said pools;
    CHECK(eventually([&] {
      pools = psql(scratch, pgweir.console(), {"-c", "SHOW POOLS"});
      return says(pools.output, row);
    }));
    CHECK(pools.ending == 0);
    CHECK(says(pools.output, "|statement"));  // The console's own.
    if (is_pgbouncer()) continue;             // Older, and root may not reload it.
    const Said headed =
        psql(scratch, pgweir.console(), {"-P", "tuples_only=off", "-c", "SHOW POOLS;"});
    CHECK(headed.output.starts_with("database|user|cl_active|cl_waiting|"));
    CHECK(psql(scratch, pgweir.console(), {"-c", "SHOW VERSION"}).output.starts_with("pgweir "));
    const Said help = psql(scratch, pgweir.console(), {"-c", "SHOW HELP"});
    CHECK(help.ending == 0);
    CHECK(says(help.output, "NOTICE:  Console usage\nDETAIL:"));
    const Said wrong = psql(scratch, pgweir.console(), {"-c", "FROBNICATE"});
    CHECK(wrong.ending == 1);
    CHECK(wrong.output == "ERROR:  invalid command 'FROBNICATE', use SHOW HELP;\n");
    const Said reload = psql(scratch, pgweir.console(), {"-v", "QUIET=0", "-c", "RELOAD"});
    CHECK(reload.ending == 0);
    CHECK(reload.output == "RELOAD\n");
    CHECK(inside.value("SELECT 1") == "1");
  }
}
