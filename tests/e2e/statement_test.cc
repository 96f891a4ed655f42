// What protocol/statement sees in a text is what PostgreSQL makes of it: every text of
// tests/vectors/statements.txt as a simple Query, its command tags, and what it leaves behind.
#include <doctest/doctest.h>

#include <map>

#include "tests/e2e/harness/postgres.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"
#include "tests/vectors/statement_cases.h"

using namespace weir;
using namespace weir::e2e;
using protocol::Statement;
using protocol::StatementKind;
using protocol::Trace;
using protocol::Traces;

namespace {

struct Outcome {
  std::vector<std::string> tags;
  bool failed = false;
  char status = 0;
};

Outcome ask(RawClient& client, const std::string& text) {
  Outcome outcome;
  REQUIRE(client.send(query(text)));
  while (const auto answer = client.read()) {
    if (answer->tag == 'C') outcome.tags.emplace_back(answer->body.c_str());
    if (answer->tag == 'E') outcome.failed = true;
    if (answer->tag == 'G') REQUIRE(client.send(message('c', "")));  // COPY FROM STDIN of nothing.
    if (answer->tag != 'Z') continue;
    outcome.status = answer->body.at(0);
    return outcome;
  }
  FAIL("no ReadyForQuery: ", text);
  return outcome;
}

// How the tags of this kind begin; nothing: any that no other kind has.
const std::map<StatementKind, std::vector<std::string>>& tags() {
  using enum StatementKind;
  static const std::map<StatementKind, std::vector<std::string>> map = {
      {prepare, {"PREPARE"}},
      {deallocate, {"DEALLOCATE"}},
      {deallocate_all, {"DEALLOCATE ALL"}},
      {discard_all, {"DISCARD ALL"}},
      {discard, {"DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"}},
      {set, {"SET"}},
      {set_local, {"SET"}},
      {set_transaction, {"SET"}},
      {reset, {"RESET"}},
      {reset_all, {"RESET"}},
      {begin, {"BEGIN", "START TRANSACTION"}},
      {commit, {"COMMIT", "ROLLBACK"}},  // Of a block that has failed.
      {rollback, {"ROLLBACK"}},
      {rollback_to, {"ROLLBACK"}},
      {savepoint, {"SAVEPOINT"}},
      {release, {"RELEASE"}},
      {prepare_transaction, {"PREPARE TRANSACTION"}},
      {commit_prepared, {"COMMIT PREPARED"}},
      {rollback_prepared, {"ROLLBACK PREPARED"}},
      {listen, {"LISTEN"}},
      {unlisten, {"UNLISTEN"}},
      {notify, {"NOTIFY"}},
      {declare, {"DECLARE CURSOR"}},
      {fetch, {"FETCH *"}},
      {move, {"MOVE *"}},
      {close, {"CLOSE CURSOR", "CLOSE CURSOR ALL"}},
      {copy, {"COPY *"}},
      {load, {"LOAD"}},
      {explain, {"EXPLAIN"}},
      {call, {"CALL"}},
      {anonymous_block, {"DO"}},
      {create, {"CREATE *", "SELECT *"}},  // CREATE TABLE AS.
      {alter, {"ALTER *"}},
      {drop, {"DROP *"}},
  };
  return map;
}

bool matches(const std::string& tag, const std::string& pattern) {
  if (!pattern.ends_with('*')) return tag == pattern;
  return tag.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool belongs_to(const std::string& tag, StatementKind kind) {
  for (const std::string& pattern : tags().at(kind)) {
    if (matches(tag, pattern)) return true;
  }
  return false;
}

bool agrees(const std::string& tag, StatementKind kind) {
  if (tags().contains(kind)) return belongs_to(tag, kind);
  if (kind == StatementKind::execute || tag.starts_with("SELECT")) return true;
  for (const auto& row : tags()) {
    if (belongs_to(tag, row.first)) return false;
  }
  return true;
}

// What the server itself says is there when no transaction is open.
Traces left_behind(RawClient& client) {
  constexpr std::pair<Trace, const char*> kQuestions[] = {
      {Trace::prepared, "SELECT count(*) FROM pg_prepared_statements"},
      {Trace::hold_cursor, "SELECT count(*) FROM pg_cursors WHERE is_holdable"},
      {Trace::listen, "SELECT count(*) FROM pg_listening_channels()"},
      {Trace::advisory_lock,
       "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"},
      {Trace::setting,  // The transaction that SET transaction_isolation is over.
       "SELECT count(*) FROM pg_settings WHERE source = 'session'"
       " AND name <> 'transaction_isolation'"},
      {Trace::role,
       "SELECT (current_user <> session_user)::int + (session_user <> 'postgres')::int"},
      {Trace::temp_table,
       "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) +"
       " (SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema())"},
  };
  Traces seen;
  for (const auto& [trace, question] : kQuestions) {
    CAPTURE(question);
    if (client.value(question) != "0") seen.add(trace);
  }
  if (!ask(client, "SELECT lastval()").failed) seen.add(Trace::sequence);
  return seen;
}

constexpr std::uint16_t bit(Trace trace) { return static_cast<std::uint16_t>(trace); }

// Those that may explain what is seen.
Traces reasons(Trace seen) {
  Traces any(bit(seen) | bit(Trace::block) | bit(Trace::unclear));
  if (seen == Trace::setting || seen == Trace::role) any.add(Trace::set_config);
  return any;
}

// Reported, and nothing is seen that it may explain.
Traces not_seen(Traces reported, Traces seen) {
  Traces explained;
  for (int i = 0; i < 16; ++i) {
    const auto trace = static_cast<Trace>(1 << i);
    if (seen.has(trace)) explained.add(reasons(trace));
  }
  return Traces(static_cast<std::uint16_t>(reported.bits() & ~explained.bits()));
}

struct Scanned {
  std::vector<StatementKind> kinds;
  Traces traces;
};

Scanned scan(const vectors::StatementCase& one) {
  Scanned scanned;
  const auto each = [&](const Statement& statement) {
    scanned.kinds.push_back(statement.kind);
    scanned.traces.add(statement.traces);
  };
  protocol::StatementScanner scanner(one.standard_strings);
  scanner.feed(std::string_view(one.text), each);
  scanner.finish(each);
  return scanned;
}

void check_tags(const Scanned& scanned, const Outcome& outcome) {
  if (outcome.failed) {
    CHECK(scanned.kinds.size() >= outcome.tags.size());
  } else {
    CHECK(scanned.kinds.size() == outcome.tags.size());
  }
  for (std::size_t i = 0; i < std::min(scanned.kinds.size(), outcome.tags.size()); ++i) {
    CAPTURE(i);
    CAPTURE(outcome.tags[i]);
    CAPTURE(vectors::name_of(scanned.kinds[i]));
    CHECK(agrees(outcome.tags[i], scanned.kinds[i]));
  }
}

void check_traces(const vectors::StatementCase& one, const Scanned& scanned, bool failed,
                  Traces seen) {
  for (int i = 0; i < 16; ++i) {
    const auto trace = static_cast<Trace>(1 << i);
    if (!seen.has(trace)) continue;
    CAPTURE(vectors::names_of(Traces(bit(trace))));
    CHECK((scanned.traces.bits() & reasons(trace).bits()) != 0);
  }
  if (failed) {
    CHECK(one.unseen.empty());
  } else {
    CHECK(vectors::names_of(not_seen(scanned.traces, seen)) == vectors::names_of(one.unseen));
  }
}

}  // namespace

TEST_CASE("the statements of a text are those that PostgreSQL runs, and no trace is missed") {
  Postgres postgres;
  Session(postgres.conninfo()).run("ALTER SYSTEM SET max_prepared_transactions = 5");
  postgres.restart();
  Session owner(postgres.conninfo());
  owner.run(
      "CREATE TABLE t (a int, b text); CREATE SEQUENCE s; GRANT ALL ON SCHEMA public TO PUBLIC");
  const int version = std::stoi(owner.value("SHOW server_version_num")) / 10'000;
  int complete = 0;
  for (const auto& one : vectors::statement_cases()) {
    if (version < one.from_version) continue;
    CAPTURE(one.title);
    CAPTURE(one.text);
    RawClient client(postgres.port());
    REQUIRE(client.login("postgres", "shop",
                         {{"standard_conforming_strings", one.standard_strings ? "on" : "off"}}));
    const Scanned scanned = scan(one);
    const Outcome outcome = ask(client, one.text);
    check_tags(scanned, outcome);
    if (outcome.status != 'I') ask(client, outcome.status == 'T' ? "COMMIT" : "ROLLBACK");
    check_traces(one, scanned, outcome.failed, left_behind(client));
    complete += !outcome.failed;
  }
  CHECK(complete > 130);  // The corpus is not one of mistakes.
}
