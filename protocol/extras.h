// extras.h: settings of a client's startup packet that no ParameterStatus tells of (work_mem,
// extra_float_digits, …), and the way back to startup values.
//
// A list is a SettingsRef of names and values in turn, sorted: equal lists are one object, and
// "has this server what this client asked for" is one comparison of pointers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/parameters.h"
#include "protocol/result.h"
#include "protocol/startup.h"

namespace weir::protocol {

inline constexpr std::size_t kExtrasMax = 256;  // Of one client.

// Why PostgreSQL would refuse a setting of this name, whatever its value; names it might know are
// let through. The text reaches SQL only as a literal.
std::optional<Fault> bad_setting_name(std::string_view name);

// `had` and `asked` together; of a repeated name (without case) the last counts. Empty: no object.
// REQUIRES: kExtrasMax is not exceeded.
SettingsRef with_extras(SettingsTable& table, const SettingsRef& had,
                        const std::vector<Setting>& asked);

// The SQL that takes a server from the extras it has to those wanted; empty when they are the same
// and it is `sure` what the server has. What is not wanted any more goes back to the server's own.
// All of it is done, or nothing.
std::string extras_sql(const SettingsRef& have, const SettingsRef& want, bool sure);
// Some extra would go back to the server's own value.
bool drops_extras(const SettingsRef& have, const SettingsRef& want);

// The SQL for a session that may have gone back to the server's own values: those of `startup`
// (tracked parameters) and `extras` that it has are set to the client's. What the client has SET
// meanwhile stays, as the server itself knows (pg_settings.source). Empty: there is nothing to set.
std::string go_back_sql(const Tracked& tracked, const SettingsRef& startup,
                        const SettingsRef& extras);

}  // namespace weir::protocol
