// strict_test.cc: numbers on the lines of databases and users are read as strictly as the rest, and
// with the same units. PgBouncer's atoi() makes 0 of `abc` and 10 of `10s`.
#include <doctest/doctest.h>

#include <string>

#include "proxy/config/keys.h"
#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"

using namespace weir::proxy::config;

namespace {

struct Section {
  Scopes scope;
  const char* name;
};
constexpr Section kSections[] = {{kDatabase, "databases"}, {kUser, "users"}};

std::string complaint_of(const Section& section, std::string_view key, const std::string& text) {
  return complaint("[pgweir]\n[" + std::string(section.name) + "]\nx = " + std::string(key) + "=" +
                   text + "\n");
}

}  // namespace

TEST_CASE("a count on a line is a whole number, or it is refused with its line") {
  for (const Section& section : kSections) {
    for (const Key& key : keys()) {
      if ((key.scopes & section.scope) == 0 || key.type != Type::integer) continue;
      CAPTURE(key.name);
      for (const char* bad : {"abc", "10s", "0.5", "1x", "-1", "1e3", "99999999999", "010"}) {
        CAPTURE(bad);
        const auto said = complaint_of(section, key.name, bad);
        CHECK(has(said, "t.ini:3: "));
        CHECK(has(said, key.name));
      }
      CHECK(complaint_of(section, key.name, "0x10") == "accepted");
    }
  }
}

TEST_CASE("a port with a 0 in front is no octal number, as it would be in [pgweir]") {
  CHECK(complaint("[pgweir]\n[databases]\nx = port=045771\n") ==
        "t.ini:3: \"045771\" is octal or decimal for port: write it without the 0 in front (in the "
        "line of \"x\")");
  CHECK(setting_complaint("listen_port = 010") == "accepted");
}

TEST_CASE("a time on a line is seconds or carries a unit, or it is refused with its line") {
  for (const Section& section : kSections) {
    for (const Key& key : keys()) {
      if ((key.scopes & section.scope) == 0 || key.type != Type::time) continue;
      CAPTURE(key.name);
      for (const char* bad : {"abc", "10x", "1s5", "-1", "-1ms", "inf", "4kB"}) {
        CAPTURE(bad);
        const auto said = complaint_of(section, key.name, bad);
        CHECK(has(said, "t.ini:3: "));
        CHECK(has(said, key.name));
      }
      for (const char* good : {"10", "0.5", "10s", "500ms", "2min", "1h", "1d"}) {
        CHECK(complaint_of(section, key.name, good) == "accepted");
      }
    }
  }
}

TEST_CASE("units on lines count as they do in [pgweir]") {
  const Config config = loaded(
      "[pgweir]\nquery_wait_timeout = 2min\nmax_packet_size = 16MB\n[databases]\n"
      "a = server_lifetime=1h query_wait_timeout=500ms\n[users]\nu = query_wait_timeout=0.25\n");
  const Database& a = *config.find_database("a");
  CHECK(config.settings.query_wait_timeout_us == 120 * kMicrosPerSecond);
  CHECK(config.settings.max_packet_size == 16 << 20);
  CHECK(config.server_lifetime_us(a) == 3600 * kMicrosPerSecond);
  CHECK(config.query_wait_timeout_us(a, "x") == 500'000);
  CHECK(config.query_wait_timeout_us(a, "u") == 250'000);
}
