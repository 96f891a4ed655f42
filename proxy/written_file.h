// written_file.h: a file that the operator wants to be written.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "protocol/result.h"

namespace weir::proxy {

// Whether there is a directory for it: none is made, for its name may only be mistyped.
inline Result<void> check_directory(const std::string& file) {
  const std::filesystem::path parent = std::filesystem::path{file}.parent_path();
  std::error_code error;
  if (parent.empty() || std::filesystem::is_directory(parent, error)) return {};
  return fail("F0000", "directory " + parent.string() + ": " +
                           (error ? error.message() : "it is no directory"));
}

}  // namespace weir::proxy
