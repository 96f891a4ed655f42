// pgbouncer_page_test.cc: docs/PGBOUNCER.md says of every key what differs, as the table has it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "proxy/config/keys.h"
#include "proxy/config/values.h"

using namespace weir::proxy::config;

namespace {

const std::string kPage = std::string(WEIR_SOURCE_DIR) + "/docs/PGBOUNCER.md";
constexpr std::string_view kBegin = "<!-- the table begins -->\n";
constexpr std::string_view kEnd = "<!-- the table ends -->\n";

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

bool is_own(const Key& key) { return key.differs == kOwnKey; }

std::string where(const Key& key) {
  std::string out = (key.scopes & kGlobal) != 0 ? "[pgweir]" : "";
  const auto add = [&](Scopes scope, const char* what) {
    if ((key.scopes & scope) != 0) out += (out.empty() ? "" : ", ") + std::string(what);
  };
  add(kDatabase, "a database");
  add(kUser, "a user");
  add(kPeer, "a peer");
  return out;
}

template <typename Wanted, typename Say>
std::string rows(const char* head, Wanted wanted, Say say) {
  std::string out = std::string("| key | of | ") + head + " |\n|---|---|---|\n";
  for (const Key& key : keys()) {
    if (wanted(key)) {
      out += "| `" + std::string(key.name) + "` | " + where(key) + " | " + say(key) + " |\n";
    }
  }
  return out;
}

std::string says(const Key& key) { return std::string(key.says); }
std::string differs(const Key& key) { return std::string(key.differs); }

std::string later(const Key& key) { return says(key) + ". " + std::string(key.instead); }

std::string refused(const Key& key) {
  std::string out;
  any_word(key.refused, [&](std::string_view word) {
    out += (out.empty() ? "`" : ", `") + std::string(word) + "`";
    return false;
  });
  return out;
}

std::string table() {
  return "\n### Built, and different\n\n" +
         rows(
             "what differs",
             [](const Key& key) { return key.built() && !key.differs.empty() && !is_own(key); },
             differs) +
         "\n### Accepted, and without effect\n\nThere is nothing in pgweir that these could "
         "change.\n\n" +
         rows(
             "why", [](const Key& key) { return key.stage == Stage::moot; }, differs) +
         "\n### Words that are refused\n\nThey promise what is not built.\n\n" +
         rows(
             "refused", [](const Key& key) { return !key.refused.empty(); }, refused) +
         "\n### Not built yet\n\nAccepted without effect, and with a warning unless the value is "
         "the default or means none.\n\n" +
         rows(
             "what it will do; until then",
             [](const Key& key) { return key.stage == Stage::later; }, later) +
         "\n### Not in PgBouncer\n\n" + rows("what it does", is_own, says) + "\n";
}

// The page with the table in it anew; empty if it has no place for one.
std::string with_table(const std::string& page) {
  const auto begin = page.find(kBegin);
  const auto end = page.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return page.substr(0, begin + kBegin.size()) + table() + page.substr(end);
}

}  // namespace

TEST_CASE("docs/PGBOUNCER.md is what the table says") {
  const std::string page = read_all(kPage);
  const std::string renewed = with_table(page);
  REQUIRE_FALSE(renewed.empty());
  if (std::getenv("WEIR_REWRITE") != nullptr) {
    std::ofstream(kPage) << renewed;
  } else {
    CHECK_MESSAGE(page == renewed, "renew it with WEIR_REWRITE=1 unit_config");
  }
}

TEST_CASE("a key without effect says why, and whatever is said is one sentence") {
  for (const Key& key : keys()) {
    CAPTURE(key.name);
    if (key.stage == Stage::moot) CHECK_FALSE(key.differs.empty());
    if (!key.differs.empty()) CHECK(key.differs.ends_with('.'));
    CHECK(key.differs.find('|') == std::string_view::npos);
    CHECK((key.stage == Stage::later) == key.instead.ends_with('.'));
    CHECK(key.instead.find('|') == std::string_view::npos);
  }
}
