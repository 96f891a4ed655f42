#include "proxy/io/user_name.h"

#include <pwd.h>

#include <cerrno>
#include <vector>

namespace weir::proxy::io {

namespace {

constexpr std::size_t kEntryBytes = 1024;
constexpr std::size_t kEntryBytesMax = 256 * 1024;  // A directory service may tell a lot.

}  // namespace

std::optional<std::string> user_name_of(std::uint32_t uid) {
  for (std::size_t bytes = kEntryBytes; bytes <= kEntryBytesMax; bytes *= 4) {
    std::vector<char> text(bytes);
    passwd entry{};
    passwd* found = nullptr;
    int error = 0;
    do {
      error = getpwuid_r(uid, &entry, text.data(), text.size(), &found);
    } while (error == EINTR);
    if (error == ERANGE) continue;
    if (error != 0 || found == nullptr) return std::nullopt;
    return std::string{entry.pw_name};
  }
  return std::nullopt;
}

}  // namespace weir::proxy::io
