#include "protocol/extras.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace weir::protocol;

namespace {

std::string refusal(std::string_view name) {
  const auto fault = bad_setting_name(name);
  return fault ? fault->sqlstate : "";
}

}  // namespace

TEST_CASE("names are words with dots between them, as PostgreSQL has it") {
  for (const char* const good : {"work_mem", "Work_Mem", "app.tenant", "a.b.c$1", "_x"}) {
    CHECK(refusal(good).empty());
  }
  for (const char* const unknown : {"", "1a", "a b", "a'b", "a;b", "caf\xc3\xa9", "a-b"}) {
    CAPTURE(unknown);
    CHECK(refusal(unknown) == "42704");
  }
  for (const char* const bad : {".", "a.", ".a", "a..b", "a.1", "a.b'c"}) {
    CAPTURE(bad);
    CHECK(refusal(bad) == "42602");
  }
}

TEST_CASE("lists that say the same are one object, however they say it") {
  SettingsTable table;
  const SettingsRef one = with_extras(table, {}, {{"work_mem", "1MB"}, {"geqo", "off"}});
  const SettingsRef other =
      with_extras(table, {}, {{"geqo", "on"}, {"WORK_MEM", "1MB"}, {"GEQO", "off"}});
  CHECK(one == other);
  CHECK(table.size() == 1);
  CHECK_FALSE(one == with_extras(table, {}, {{"work_mem", "1MB"}}));
  CHECK(with_extras(table, one, {}) == one);
  CHECK(with_extras(table, with_extras(table, {}, {{"geqo", "off"}}), {{"work_mem", "1MB"}}) ==
        one);
  CHECK_FALSE(with_extras(table, {}, {}));
}

TEST_CASE("from one client's list to another's: what is not wanted goes, the rest is set") {
  SettingsTable table;
  const SettingsRef have = with_extras(table, {}, {{"geqo", "off"}, {"work_mem", "1MB"}});
  const SettingsRef want = with_extras(table, {}, {{"search_path", "a, b"}, {"work_mem", "1MB"}});
  CHECK(extras_sql(have, have, true).empty());
  CHECK(extras_sql({}, {}, true).empty());
  CHECK(extras_sql(have, want, true) ==
        "SELECT pg_catalog.set_config(E'geqo', NULL, false), "
        "pg_catalog.set_config(E'search_path', E'a, b', false);");
  CHECK(extras_sql(have, {}, true) ==
        "SELECT pg_catalog.set_config(E'work_mem', NULL, false), "
        "pg_catalog.set_config(E'geqo', NULL, false);");
  CHECK(drops_extras(have, want));
  CHECK_FALSE(drops_extras({}, want));
  CHECK_FALSE(drops_extras(have, have));
}

TEST_CASE("where it is not sure what a server has, all is set that is wanted") {
  SettingsTable table;
  const SettingsRef have = with_extras(table, {}, {{"geqo", "off"}, {"work_mem", "1MB"}});
  const SettingsRef want = with_extras(table, {}, {{"work_mem", "1MB"}});
  CHECK(extras_sql(have, want, false) ==
        "SELECT pg_catalog.set_config(E'geqo', NULL, false), "
        "pg_catalog.set_config(E'work_mem', E'1MB', false);");
  CHECK(extras_sql({}, {}, false).empty());
}

TEST_CASE("a role is taken last and given back first: it may set less") {
  SettingsTable table;
  const SettingsRef all = with_extras(table, {}, {{"role", "r"}, {"session_x.y", "1"}, {"z", "1"}});
  const std::string in = extras_sql({}, all, true);
  CHECK(in.find("E'role'") > in.find("E'z'"));
  const std::string out = extras_sql(all, {}, true);
  CHECK(out.find("E'role'") < out.find("E'z'"));
}

TEST_CASE("values are literals, and nothing but literals") {
  SettingsTable table;
  const SettingsRef want = with_extras(table, {}, {{"x", "'); DROP TABLE t; --\\"}});
  CHECK(extras_sql({}, want, true) ==
        R"(SELECT pg_catalog.set_config(E'x', E'''); DROP TABLE t; --\\', false);)");
}

TEST_CASE("the way back names all that the client came in with, and leaves what it has SET") {
  SettingsTable table;
  const Tracked tracked{{}};
  Values values(tracked.size());
  values[*tracked.index("TimeZone")] = "Asia/Tokyo";
  const SettingsRef startup = table.intern(std::move(values));
  const SettingsRef extras = with_extras(table, {}, {{"work_mem", "1MB"}});
  const std::string sql = go_back_sql(tracked, startup, extras);
  CHECK(sql.find("VALUES (E'TimeZone', E'Asia/Tokyo'), (E'work_mem', E'1MB'))") !=
        std::string::npos);
  CHECK(sql.find("source <> 'session'") != std::string::npos);
  CHECK(go_back_sql(tracked, {}, {}).empty());
}
