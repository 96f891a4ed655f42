// include.h: which files an `%include` means.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy::config {

// Whether it may mean several files, or none: it has a *, a ? or a [.
bool is_pattern(const std::string& path);

// A relative path starts where the file stands that includes it; if there is nothing, at the
// working directory, as PgBouncer has it. Patterns are those of glob(7), their files sorted by
// name.
std::vector<std::string> included_files(const std::string& path, const std::string& including_file);

}  // namespace weir::proxy::config
