// auth_function.h: the function that lets auth_user read secrets without being a superuser, as RDS
// and other hosts need it. docs/SECRETS.md has the same text.
#pragma once

#include <string>
#include <string_view>

namespace weir::proxy::doctor {

inline constexpr const char* kAuthFunctionQuery = "SELECT usename, passwd FROM pgweir.get_auth($1)";

// Statements that make it, and let `role` alone call it.
std::string auth_function(std::string_view role);

}  // namespace weir::proxy::doctor
