#include "proxy/config/include.h"

#include <glob.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace weir::proxy::config {
namespace {

constexpr const char* kMarks = "*?[";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// With the / behind it, if the path has one.
std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// What is not there holds no files; what cannot be read may hold some.
int abort_unless_missing(const char*, int error) {
  return error == ENOENT || error == ENOTDIR ? 0 : 1;
}

Included matching(const std::string& pattern) {
  Included included;
  included.directory = directory_of(pattern.substr(0, pattern.find_first_of(kMarks)));
  if (included.directory.empty()) included.directory = ".";
  included.missing = !exists(included.directory);
  glob_t matches{};
  const int ending = ::glob(pattern.c_str(), 0, &abort_unless_missing, &matches);
  for (std::size_t i = 0; ending == 0 && i < matches.gl_pathc; ++i) {
    included.files.emplace_back(matches.gl_pathv[i]);
  }
  ::globfree(&matches);
  included.unreadable = ending != 0 && ending != GLOB_NOMATCH;
  return included;
}

}  // namespace

bool is_pattern(const std::string& path) { return path.find_first_of(kMarks) != std::string::npos; }

Included included_files(const std::string& path, const std::string& including_file) {
  const std::string beside = path.starts_with('/') ? path : directory_of(including_file) + path;
  if (is_pattern(path)) return matching(beside);
  // Whoever reads it will say why not.
  Included included;
  included.files.push_back(exists(beside) ? beside : path);
  return included;
}

}  // namespace weir::proxy::config
