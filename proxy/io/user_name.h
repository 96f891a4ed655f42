// user_name.h: what the operating system calls a user, for `peer` logins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::proxy::io {

// Asks what nsswitch.conf names, which may be a directory service: it blocks for as long as that
// takes. Nothing if the user has no name, or nobody who knew it answered.
std::optional<std::string> user_name_of(std::uint32_t uid);

}  // namespace weir::proxy::io
