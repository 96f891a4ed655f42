// replication_test.cc: PostgreSQL's own replication programs through pgweir.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/seen.h"

using namespace weir::e2e;

namespace {

struct Said {
  std::optional<Ending> ending;
  std::string output;
};

Said run(const Scratch& scratch, std::vector<std::string> arguments) {
  ChildSpec spec;
  spec.argv = std::move(arguments);
  spec.output_path = scratch.file("said");
  spec.directory = scratch.path();
  write_file(spec.output_path, "");
  Child child(spec);
  const auto ending = child.wait();
  return {ending, read_file(spec.output_path)};
}

// Physical replication names a database that PostgreSQL has no need of.
Settings replicating(int workers) {
  return Settings::on(Postgres::shared(), workers)
      .line("default_pool_size = 3")
      .database("replication = host=127.0.0.1 port=" + std::to_string(Postgres::shared().port()));
}

std::size_t files_in(const std::string& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("psql speaks the replication protocol") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const Scratch scratch;
    Pgweir pgweir(replicating(workers));
    const Said said = run(scratch, {"/usr/bin/psql", "-XAt", "-d",
                                    pgweir.conninfo("postgres", "shop", "replication=database"),
                                    "-c", "IDENTIFY_SYSTEM", "-c", "SELECT 'and SQL'"});
    CAPTURE(said.output);
    CHECK(said.ending == 0);
    CHECK(said.output.find("|shop\n") != std::string::npos);
    CHECK(said.output.find("and SQL\n") != std::string::npos);
    const Said refused = run(scratch, {"/usr/bin/psql", "-XAt", "-d",
                                       pgweir.conninfo("alice", "shop", "replication=database"),
                                       "-c", "IDENTIFY_SYSTEM"});
    CHECK(refused.ending != 0);
    CHECK(refused.output.find("FATAL:  must be superuser or replication role") !=
          std::string::npos);
  }
}

TEST_CASE("pg_basebackup takes a whole copy, its WAL over a second connection") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    const Scratch scratch;
    Pgweir pgweir(replicating(workers));
    const std::string target = scratch.file("copy");
    const Said said =
        run(scratch, {"/usr/bin/pg_basebackup", "-d", pgweir.conninfo("postgres", "replication"),
                      "-D", target, "--wal-method=stream", "--checkpoint=fast"});
    CAPTURE(said.output);
    CHECK(said.ending == 0);
    CHECK(std::filesystem::exists(target + "/backup_manifest"));
    CHECK(files_in(target + "/pg_wal") > 0);
  }
}

TEST_CASE("pg_receivewal streams while ordinary clients write, up to where it is told") {
  const Scratch scratch;
  Pgweir pgweir(replicating(1));
  const std::string target = scratch.file("wal");
  std::filesystem::create_directory(target);
  Session writer(pgweir.conninfo("postgres"));
  writer.run("CREATE TABLE IF NOT EXISTS written (a text)");
  ChildSpec spec;
  spec.argv = {"/usr/bin/pg_receivewal",
               "-d",
               pgweir.conninfo("postgres", "replication"),
               "-D",
               target,
               "--no-loop",
               "-v"};
  spec.output_path = scratch.file("said");
  write_file(spec.output_path, "");
  Child receiver(spec);
  Witness witness(Postgres::shared());
  REQUIRE(eventually([&] {
    return witness.session().value(
               "SELECT count(*) FROM pg_stat_replication "
               "WHERE state = 'streaming'") == "1";
  }));
  for (int i = 0; i < 3; ++i) {
    writer.run("INSERT INTO written SELECT repeat('x', 1000) FROM generate_series(1, 500)");
    writer.run("SELECT pg_switch_wal()");
  }
  CHECK(eventually([&] { return files_in(target) >= 3; }));
  receiver.signal(SIGINT);
  const auto ending = receiver.wait();
  CAPTURE(read_file(spec.output_path));
  CHECK(ending == 0);
  CHECK(eventually(
      [&] { return witness.session().value("SELECT count(*) FROM pg_stat_replication") == "0"; }));
  CHECK(writer.value("SELECT count(*) FROM written") == "1500");
}
