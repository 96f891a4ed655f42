#include "proxy/replication_wish.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::proxy {

namespace {

bool is_one_of(std::string_view value, const std::array<std::string_view, 4>& words) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

}  // namespace

Result<std::optional<ReplicationWish>> read_replication(const protocol::Startup& startup) {
  const std::string* const value = startup.find("replication");
  if (value == nullptr || is_one_of(*value, {"false", "off", "no", "0"})) return std::nullopt;
  ReplicationWish wish;
  wish.physical = is_one_of(*value, {"true", "on", "yes", "1"});
  if (!wish.physical && *value != "database") {
    return fail("22023", "invalid value for parameter \"replication\": \"" + *value + "\"",
                "Valid values are: \"false\", 0, \"true\", 1, \"database\".");
  }
  for (const auto& [name, text] : startup.parameters) {
    if (name == "user" || name == "database" || name.starts_with("_pq_.")) continue;
    wish.parameters.emplace_back(name, text);
  }
  return wish;
}

}  // namespace weir::proxy
