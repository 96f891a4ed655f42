#include "proxy/config/ident.h"

#include <doctest/doctest.h>

#include "tests/unit/proxy/config/scratch_directory.h"

using namespace weir::proxy::config;

namespace {

IdentMaps parsed(std::string_view text) {
  auto maps = parse_ident("i.conf", text);
  REQUIRE_MESSAGE(maps.has_value(), (maps ? "" : maps.error().text));
  return *maps;
}

std::string complaint(std::string_view text) {
  const auto maps = parse_ident("i.conf", text);
  return maps ? "accepted" : maps.error().text;
}

}  // namespace

TEST_CASE("without a map the names must be equal") {
  const IdentMaps none;
  CHECK(none.allows("", "anna", "anna"));
  CHECK_FALSE(none.allows("", "anna", "bert"));
}

TEST_CASE("a map that does not exist lets nobody in") {
  CHECK_FALSE(IdentMaps{}.allows("m", "anna", "anna"));
  CHECK_FALSE(IdentMaps{}.has("m"));
  CHECK(parsed("m a b").has("m"));
}

// The map of PostgreSQL's manual (21.2).
TEST_CASE("a map says who may be whom") {
  const IdentMaps maps = parsed(
      "# MAPNAME       SYSTEM-USERNAME         PG-USERNAME\n"
      "omicron         bryanh                  bryanh\n"
      "omicron         ann                     ann\n"
      "# bob has user name robert on these machines\n"
      "omicron         robert                  bob\n"
      "# bryanh can also connect as guest1\n"
      "omicron         bryanh                  guest1\n");
  CHECK(maps.allows("omicron", "bryanh", "bryanh"));
  CHECK(maps.allows("omicron", "bryanh", "guest1"));
  CHECK(maps.allows("omicron", "robert", "bob"));
  CHECK_FALSE(maps.allows("omicron", "bob", "bob"));
  CHECK_FALSE(maps.allows("omicron", "robert", "robert"));
  CHECK_FALSE(maps.allows("other", "bryanh", "bryanh"));
}

TEST_CASE("expressions, groups and all") {
  struct Row {
    std::string_view line, system_user, database_user;
    bool allowed;
  };
  for (const Row& row : {
           Row{"m /^(.*)@mydomain\\.com$ \\1", "anna@mydomain.com", "anna", true},
           Row{"m /^(.*)@mydomain\\.com$ \\1", "anna@mydomain.com", "bert", false},
           Row{"m /^(.*)@mydomain\\.com$ \\1", "anna@other.com", "anna", false},
           Row{"m /^(.*)@x$ app_\\1_ro", "anna@x", "app_anna_ro", true},
           Row{"m /^(.*)@x$ \\1\\1", "a@x", "aa", false},
           Row{"m /^(.*)@x$ \\1\\1", "a@x", "a\\1", true},
           Row{"m /^(.*)@x$ guest", "anyone@x", "guest", true},
           Row{"m /^(a)|b$ \\1", "b", "", false},
           Row{"m anna all", "anna", "bert", true},
           Row{"m anna \"all\"", "anna", "bert", false},
           Row{"m anna \"all\"", "anna", "all", true},
           Row{"m all anna", "bert", "anna", false},
           Row{"m all anna", "all", "anna", true},
           Row{"m /^(all)$ \\1", "all", "bert", false},
           Row{"m anna /^app_", "anna", "app_ro", true},
           Row{"m anna /^app_", "anna", "root", false},
           Row{"m \"/^a,(b)$\" \\1", "a,b", "b", true},
           Row{"m \"anna a\" \"bert b\"", "anna a", "bert b", true},
           Row{"m anna \\1", "anna", "\\1", true},
           Row{"m anna \"+staff\"", "anna", "+staff", true},
       }) {
    CAPTURE(row.line);
    CAPTURE(row.database_user);
    CHECK(parsed(row.line).allows("m", row.system_user, row.database_user) == row.allowed);
  }
}

TEST_CASE("a mistake in a map names file and line") {
  CHECK(complaint("m a") == "i.conf:1: a line is: map system-user database-user");
  CHECK(complaint("m a b c") == "i.conf:1: a line is: map system-user database-user");
  CHECK(complaint("m a,b c") == "i.conf:1: no lists here: write a line for each");
  CHECK(complaint("\"\" a b") == "i.conf:1: the map's name is empty");
  CHECK(complaint("\nm a +staff") ==
        "i.conf:2: \"+staff\" is a group, whose members PostgreSQL alone knows: write a line for "
        "each of them");
  CHECK(complaint("m /^a$ \\1") ==
        "i.conf:1: \\1 stands for the first group, and \"/^a$\" has none");
  CHECK(complaint("m /(a b").find("i.conf:1: the expression \"/(a\": ") == 0);
  CHECK(complaint("m a /").find("i.conf:1: the expression \"/\": it is empty") == 0);
  CHECK(complaint("m a\nm b\n") ==
        "i.conf:1: a line is: map system-user database-user\n"
        "i.conf:2: a line is: map system-user database-user");
}

TEST_CASE("maps may stand in files beside the file") {
  const ScratchDirectory directory;
  directory.write("more.conf", "m anna bert\n");
  const std::string path = directory.write("ident.conf", "include more.conf\nm carl carl\n");
  const auto maps = read_ident(path, {"t.ini", 3});
  REQUIRE(maps);
  CHECK(maps->allows("m", "anna", "bert"));
  CHECK(maps->allows("m", "carl", "carl"));
  CHECK_FALSE(read_ident("/nowhere/i.conf", {"t.ini", 3}));
}
