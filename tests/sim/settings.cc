#include "tests/sim/settings.h"

#include <algorithm>

namespace weir::sim {

const Settings& default_settings() {
  static const Settings kDefaults{
      {"client_encoding", "UTF8"}, {"DateStyle", "ISO, MDY"},
      {"TimeZone", "Etc/UTC"},     {"standard_conforming_strings", "on"},
      {"application_name", ""},    {"IntervalStyle", "postgres"},
      {"work_mem", "4MB"},         {"search_path", "public"}};
  return kDefaults;
}

bool is_reported(std::string_view name) { return name != "work_mem" && name != "search_path"; }

std::optional<std::string> spell(std::string_view name, std::string_view value) {
  if (value == "bogus") return std::nullopt;
  if (value == "utc") return "UTC";
  std::string spelt{value};
  if (name == "application_name") {
    std::replace_if(
        spelt.begin(), spelt.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  }
  return spelt;
}

}  // namespace weir::sim
