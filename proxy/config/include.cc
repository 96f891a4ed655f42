#include "proxy/config/include.h"

#include <glob.h>
#include <unistd.h>

#include <cstddef>

namespace weir::proxy::config {
namespace {

// At most one name for a path that is no pattern, and that only if there is something.
std::vector<std::string> found(const std::string& path) {
  if (!is_pattern(path)) {
    return ::access(path.c_str(), F_OK) == 0 ? std::vector{path} : std::vector<std::string>{};
  }
  std::vector<std::string> files;
  glob_t matches{};
  if (::glob(path.c_str(), 0, nullptr, &matches) == 0) {
    for (std::size_t i = 0; i < matches.gl_pathc; ++i) files.emplace_back(matches.gl_pathv[i]);
  }
  ::globfree(&matches);
  return files;
}

std::string beside(const std::string& file, const std::string& path) {
  return file.substr(0, file.rfind('/') + 1) + path;
}

}  // namespace

bool is_pattern(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

std::vector<std::string> included_files(const std::string& path,
                                        const std::string& including_file) {
  if (!path.starts_with('/')) {
    auto files = found(beside(including_file, path));
    if (!files.empty()) return files;
  }
  auto files = found(path);
  // Whoever reads it will say why not.
  if (files.empty() && !is_pattern(path)) return {path};
  return files;
}

}  // namespace weir::proxy::config
