// What protocol/statement sees in a text is what PostgreSQL makes of it: every text of
// tests/vectors/statements.txt as a simple Query, its command tags, and what it leaves behind.
#include <doctest/doctest.h>

#include <array>
#include <map>
#include <random>

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
  for (const auto& one : kQuestions) {
    CAPTURE(one.second);
    if (client.value(one.second) != "0") seen.add(one.first);
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

// Texts made by chance of what is easily misread; nearly all are correct SQL.
class Writer {
 public:
  explicit Writer(std::uint64_t seed) : dice_(seed) {}

  std::string text() {
    std::string text = space();
    for (std::size_t i = 1 + below(5); i > 0; --i) {
      text += statement() + space() + ";" + space();
      if (below(5) == 0) text += ";" + space();
    }
    return text;
  }

 private:
  static constexpr std::array kSpaces = {
      " ",        "\n",   "\t",          "\r\n",  "/**/",    "/* ; ' */", "/* \" /* $$ */ ; */",
      "-- ; '\n", "--\r", "/*/* ; */*/", "/***/", "-- /*\n", "\f",        "/*;--\n*/"};
  static constexpr std::array kValues = {"1",
                                         "'a'",
                                         "''",
                                         "';'",
                                         "''''",
                                         "'\\'",
                                         "E'\\''",
                                         "E'\\\\'",
                                         "e';\\';'",
                                         "'a'\n ';'",
                                         "E'a'\n';\\';'",
                                         "E'a' -- '\n -- ;\n '\\''",
                                         "B'101'",
                                         "X'1F'",
                                         "N';'",
                                         "U&';'",
                                         "u&'''\\\\'",
                                         "$$;$$",
                                         "$a$;$$;$a$",
                                         "$a$ $ab$ $a $a$",
                                         "$_$'$_$",
                                         "$a$$a$",
                                         "1.5",
                                         ".5e3",
                                         "-1",
                                         "- -1",
                                         "1*-1",
                                         "4/2",
                                         "e.b/e.x",
                                         "(1)",
                                         "((';'))",
                                         "1 AS \";\"",
                                         "2 AS \"\"\"\"",
                                         "3 AS a$1$",
                                         "4 AS \"'\"",
                                         "5 AS begin",
                                         "1::int",
                                         "ARRAY[';']",
                                         "e.e",
                                         "e.u&1",
                                         "CASE WHEN true THEN ';' END",
                                         "'a' || E'\\';' || ';'",
                                         "E'\\\\\\''",
                                         "E'''\\''"};

  std::size_t below(std::size_t limit) { return dice_() % limit; }
  template <typename Array>
  std::string one_of(const Array& array) {
    return array[below(array.size())];
  }
  std::string space() {
    std::string text;
    for (std::size_t i = below(4); i > 0; --i) text += one_of(kSpaces);
    return text;
  }
  std::string statement() {
    std::string text = "SELECT " + space() + one_of(kValues);
    for (std::size_t i = below(6); i > 0; --i) text += space() + " ," + space() + one_of(kValues);
    return text + " FROM (VALUES (1, 2, 3, 4)) AS e(e, u, b, x)";
  }

  std::mt19937_64 dice_;
};

}  // namespace

TEST_CASE("texts made by chance have as many statements as PostgreSQL runs") {
  RawClient client(Postgres::shared().port());
  REQUIRE(client.login("postgres"));
  for (const bool standard_strings : {true, false}) {
    ask(client, standard_strings ? "SELECT 1" : "SET standard_conforming_strings = off");
    int complete = 0;
    for (std::uint64_t seed = 1; seed <= 1'500; ++seed) {
      CAPTURE(seed);
      vectors::StatementCase one;
      one.text = Writer(seed).text();
      one.standard_strings = standard_strings;
      CAPTURE(one.text);
      const Outcome outcome = ask(client, one.text);
      if (outcome.failed) continue;  // '\' where strings do not conform, for one.
      CHECK(scan(one).kinds.size() == outcome.tags.size());
      ++complete;
    }
    CAPTURE(standard_strings);
    CHECK(complete > (standard_strings ? 1'400 : 400));
  }
}

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
