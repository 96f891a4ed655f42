// include.h: which files an `%include` means.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy::config {

// Whether it may mean several files, or none: it has a *, a ? or a [.
bool is_pattern(const std::string& path);

struct Included {
  std::vector<std::string> files;
  std::string directory;    // Of a pattern: what stands before the first part with a mark in it.
  bool missing = false;     // There is no such directory.
  bool unreadable = false;  // A directory of the pattern: nobody knows what it may hold.
};

// A relative path starts where the file stands that includes it. If there is nothing, one that is
// no pattern starts at the working directory, as PgBouncer has it. Patterns are those of glob(7),
// their files sorted by name.
Included included_files(const std::string& path, const std::string& including_file);

}  // namespace weir::proxy::config
