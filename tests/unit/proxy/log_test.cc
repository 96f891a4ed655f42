// log_test.cc: what the log tells syslog, up to the door of the C library: its openlog(), syslog()
// and closelog() are ours here. What the system does with it is not tested.
#include "proxy/log.h"

#include <doctest/doctest.h>
#include <syslog.h>

#include <cstdarg>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/keys.h"
#include "proxy/config/values.h"

namespace {

// "open <ident> <facility>", "<priority> <line>" and "close", as they were called.
std::vector<std::string>& calls() {
  static std::vector<std::string> all;
  return all;
}

std::vector<std::string> said() { return std::exchange(calls(), {}); }

void note(int priority, const char* format, va_list values) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, values);
  calls().push_back(std::to_string(priority) + " " + text);
}

}  // namespace

extern "C" void openlog(const char* ident, int, int facility) {
  calls().push_back("open " + std::string{ident == nullptr ? "" : ident} + " " +
                    std::to_string(facility));
}
extern "C" void closelog() { calls().emplace_back("close"); }
extern "C" void syslog(int priority, const char* format, ...) {
  va_list values;
  va_start(values, format);
  note(priority, format, values);
  va_end(values);
}
extern "C" void __syslog_chk(int priority, int, const char* format, ...) {  // NOLINT: its name.
  va_list values;
  va_start(values, format);
  note(priority, format, values);
  va_end(values);
}

using namespace weir::proxy;
using Said = std::vector<std::string>;

namespace {

LogPlaces to_syslog(const std::string& ident, const std::string& facility) {
  return {{}, true, ident, facility};
}

std::string opened(const std::string& ident, int facility) {
  return "open " + ident + " " + std::to_string(facility);
}

std::string line_of(int priority, const std::string& text) {
  return std::to_string(priority) + " " + text;
}

}  // namespace

TEST_CASE("syslog has each line with its priority, under the ident and facility of the settings") {
  said();
  auto log = open_log({.places = to_syslog("weir", "local3"), .to_terminal = false, .debug = true});
  REQUIRE(log);
  CHECK(said() == Said{opened("weir", LOG_LOCAL3)});
  (*log)->line(Level::debug, "a dial");
  (*log)->line(Level::info, "100%s of\nit");
  (*log)->line(Level::warning, "a warning");
  (*log)->line(Level::error, "a fault");
  (*log)->line(Level::fatal, "the end");
  CHECK(said() == Said{line_of(LOG_DEBUG, "DEBUG a dial"), line_of(LOG_INFO, "LOG 100%s of it"),
                       line_of(LOG_WARNING, "WARNING a warning"), line_of(LOG_ERR, "ERROR a fault"),
                       line_of(LOG_CRIT, "FATAL the end")});
  log->reset();
  CHECK(said() == Said{"close"});
}

TEST_CASE("without syslog nothing goes there, nor does a line that nobody wants") {
  said();
  auto log = open_log({.to_terminal = false});
  REQUIRE(log);
  (*log)->line(Level::fatal, "the end");
  CHECK(said().empty());
  (*log)->reopen(to_syslog("weir", "user"));
  said();
  (*log)->line(Level::debug, "a dial");
  CHECK(said().empty());
}

TEST_CASE("reopening switches syslog on and off, and leaves it alone when nothing has changed") {
  said();
  auto log = open_log({.to_terminal = false});
  REQUIRE(log);
  (*log)->reopen(to_syslog("weir", "daemon"));
  (*log)->reopen(to_syslog("weir", "daemon"));
  (*log)->line(Level::info, "one");
  CHECK(said() == Said{opened("weir", LOG_DAEMON), line_of(LOG_INFO, "LOG one")});
  // The old name goes before the new one comes: closelog() would take that along.
  (*log)->reopen(to_syslog("other", "auth"));
  (*log)->line(Level::info, "two");
  CHECK(said() == Said{"close", opened("other", LOG_AUTH), line_of(LOG_INFO, "LOG two")});
  (*log)->reopen({});
  (*log)->line(Level::info, "three");
  CHECK(said() == Said{"close"});
}

TEST_CASE("a log file that cannot be opened does not keep lines from syslog") {
  said();
  auto log = open_log({.to_terminal = false});
  REQUIRE(log);
  LogPlaces places = to_syslog("weir", "daemon");
  places.file = "/nowhere/at/all.log";
  (*log)->reopen(places);
  const Said lines = said();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == opened("weir", LOG_DAEMON));
  CHECK(lines[1].starts_with(line_of(LOG_ERR, "ERROR cannot reopen the log file")));
}

TEST_CASE("every word of syslog_facility is a facility of its own") {
  const auto* const key = config::find_key("syslog_facility", config::kGlobal);
  REQUIRE(key != nullptr);
  std::set<std::string> numbers;
  std::size_t words = 0;
  config::any_word(key->choices, [&](std::string_view word) {
    said();
    const auto log =
        open_log({.places = to_syslog("weir", std::string{word}), .to_terminal = false});
    numbers.insert(said().front());
    ++words;
    return false;
  });
  CHECK(words == 12);
  CHECK(numbers.size() == words);
}
