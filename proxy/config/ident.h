// ident.h: auth_ident_file: which user of the system, or name in a certificate, may be which user
// of the database, in the form of pg_ident.conf (manual: 21.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/pattern.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

// `map system-user database-user`. A user that begins with / is an expression; one of the database
// may be all, and its first \1 stands for what the first group of the system user's matched.
struct IdentRule {
  std::string map;
  std::string system_user;
  std::optional<Pattern> system_pattern;
  bool all = false;  // Any user of the database.
  std::string database_user;
  std::optional<Pattern> database_pattern;

  bool operator==(const IdentRule&) const = default;
};

struct IdentMaps {
  std::vector<IdentRule> rules;
  std::vector<std::string> files = {};  // Paths of what the file includes: see auth_lines().

  // Whether a rule of this map lets `system_user` be `database_user`. An empty `map` is none: the
  // names must be equal. A map that does not exist lets nobody in.
  bool allows(std::string_view map, std::string_view system_user,
              std::string_view database_user) const;
  bool has(std::string_view map) const;
  bool operator==(const IdentMaps&) const = default;
};

// A fault's text has a line for each mistake: see Complaints.
Result<IdentMaps> parse_ident(const std::string& name, std::string_view text);
// The file of this path; one that cannot be read is complained of at `said_at`, and called as it
// was `written` there if that is not empty.
Result<IdentMaps> read_ident(const std::string& path, const Place& said_at,
                             const std::string& written = {});

}  // namespace weir::proxy::config
