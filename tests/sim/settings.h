// settings.h: the parameters that the models set, and how PostgreSQL would keep them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::sim {

using Settings = std::map<std::string, std::string>;

// A fresh server's: the parameters that PostgreSQL reports and the pooler tracks, and two of which
// no server tells.
const Settings& default_settings();
bool is_reported(std::string_view name);
// PostgreSQL's own spelling of a value; nothing when it refuses it ("bogus").
std::optional<std::string> spell(std::string_view name, std::string_view value);

}  // namespace weir::sim
