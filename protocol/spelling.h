// spelling.h: how PostgreSQL spells values of the parameters that it reports ("utf-8" is "UTF8"):
// a client is greeted with its own settings before any server has taken them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::protocol {

// PostgreSQL's name of a client_encoding; nothing when it knows none of that name.
std::optional<std::string> spelled_encoding(std::string_view name);

// `value` of the parameter `name` (in PostgreSQL's spelling) as PostgreSQL would report it, as far
// as that can be known without it; else as it stands. `told`: the server's own value, which fills
// in what a DateStyle leaves open.
std::string spelled(std::string_view name, std::string_view value, std::string_view told);

// An application_name as SET may carry it in any encoding: PostgreSQL keeps printable ASCII only.
std::string spelled_application_name(std::string text);

}  // namespace weir::protocol
