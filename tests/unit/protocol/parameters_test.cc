#include "protocol/parameters.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace weir::protocol;

namespace {

Tracked tracked(std::vector<std::string> extra = {}) { return Tracked{extra}; }

SettingsRef with(SettingsTable& table, const Tracked& names, const SettingsRef& from,
                 std::string_view name, std::string_view value) {
  return table.with(from, names, names.index(name).value(), value);
}

}  // namespace

TEST_CASE("what PostgreSQL reports and a client may SET is always tracked") {
  CHECK(tracked().size() == 9);
  for (const char* const name : {"client_encoding", "application_name", "IntervalStyle",
                                 "default_transaction_read_only", "search_path"}) {
    CHECK(tracked().index(name));
  }
  CHECK_FALSE(tracked().index("is_superuser"));
}

TEST_CASE("names compare without case and keep PostgreSQL's spelling") {
  const Tracked names = tracked({"intervalstyle", "my.setting"});
  CHECK(names.name(names.index("INTERVALSTYLE").value()) == "IntervalStyle");
  CHECK(names.index("datestyle") == names.index("DateStyle"));
  CHECK(names.name(names.index("My.Setting").value()) == "my.setting");
  CHECK_FALSE(names.index("DateStyl"));
  CHECK_FALSE(names.index(""));
}

TEST_CASE("what is named twice is tracked once, and never more than the maximum") {
  CHECK(tracked({"datestyle", "a", "A", ""}).size() == 10);
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("x" + std::to_string(i));
  CHECK(tracked(many).size() == kTrackedMax);
}

TEST_CASE("equal sets are one object") {
  SettingsTable table;
  const SettingsRef a = table.intern({"UTF8", std::nullopt});
  const SettingsRef b = table.intern({"UTF8", std::nullopt});
  CHECK(a == b);
  CHECK(table.size() == 1);
  CHECK_FALSE(table.intern({std::nullopt, "UTF8"}) == a);
  CHECK_FALSE(table.intern({"UTF8", ""}) == a);
}

TEST_CASE("a set lives as long as its last reference") {
  SettingsTable table;
  SettingsRef kept;
  {
    const SettingsRef first = table.intern({"UTC"});
    kept = first;
    SettingsRef moved = std::move(kept);
    CHECK_FALSE(kept);
    kept = moved;
  }
  CHECK(table.size() == 1);
  CHECK(kept.value(0) == "UTC");
  kept = {};
  CHECK(table.size() == 0);
}

TEST_CASE("an empty reference tells nothing") {
  const SettingsRef none;
  CHECK_FALSE(none.value(3));
  CHECK(none.values(2) == Values{std::nullopt, std::nullopt});
}

TEST_CASE("changing a value back gives the first set again") {
  SettingsTable table;
  const Tracked names = tracked();
  const SettingsRef utc = with(table, names, {}, "TimeZone", "UTC");
  const SettingsRef rome = with(table, names, utc, "TimeZone", "Europe/Rome");
  CHECK_FALSE(utc == rome);
  CHECK(with(table, names, rome, "TimeZone", "UTC") == utc);
  CHECK(with(table, names, utc, "TimeZone", "UTC") == utc);
  CHECK(table.size() == 2);
}

TEST_CASE("only what differs and was told is restored") {
  SettingsTable table;
  const Tracked names = tracked();
  SettingsRef have = with(table, names, {}, "TimeZone", "UTC");
  have = with(table, names, have, "DateStyle", "ISO, MDY");
  have = with(table, names, have, "application_name", "psql");
  SettingsRef want = with(table, names, {}, "TimeZone", "Europe/Rome");
  want = with(table, names, want, "DateStyle", "ISO, MDY");
  CHECK(restore_sql(names, have, want) == "SET TimeZone TO E'Europe/Rome';");
  CHECK(restore_sql(names, have, have).empty());
  CHECK(restore_sql(names, have, {}).empty());
}

TEST_CASE("what is to be the server's own is RESET, if the server tells of it") {
  SettingsTable table;
  const Tracked names = tracked();
  SettingsRef have = with(table, names, {}, "TimeZone", "UTC");
  SettingsRef want = with(table, names, {}, "TimeZone", "Europe/Rome");
  want = with(table, names, want, "search_path", "x");
  const TrackedMask all = ~TrackedMask{0};
  CHECK(restore_sql(names, have, want, all) == "RESET TimeZone;");
  const TrackedMask but_zone = all & ~bit_of(*names.index("TimeZone"));
  CHECK(restore_sql(names, have, want, but_zone) == "SET TimeZone TO E'Europe/Rome';");
}

TEST_CASE("a value the server never told is set all the same") {
  SettingsTable table;
  const Tracked names = tracked();
  const SettingsRef want = with(table, names, {}, "application_name", "");
  CHECK(restore_sql(names, {}, want) == "SET application_name TO E'';");
  const SettingsRef latin1 = with(table, names, {}, "application_name", "caf\xe9\n");
  CHECK(restore_sql(names, {}, latin1) ==
        "SET application_name TO E'caf?"
        "?';");
}

TEST_CASE("search_path is set as the list it is") {
  SettingsTable table;
  const Tracked names = tracked({"search_path"});
  const SettingsRef want = with(table, names, {}, "search_path", "\"$user\", public");
  CHECK(restore_sql(names, {}, want) ==
        "SELECT pg_catalog.set_config('search_path', E'\"$user\", public', false);");
}

TEST_CASE("a literal cannot be left from within") {
  CHECK(quote_literal("it's") == "E'it''s'");
  CHECK(quote_literal("\\") == R"(E'\\')");
  CHECK(quote_literal("\\'; DROP TABLE t; --") == R"(E'\\''; DROP TABLE t; --')");
  CHECK(quote_literal("") == "E''");
}

TEST_CASE("a literal is printable ASCII whatever it says") {
  CHECK(quote_literal("\xe9\n\x7f") == R"(E'\xe9\x0a\x7f')");
  CHECK(quote_literal("\x01"
                      "1") == R"(E'\x011')");
}
