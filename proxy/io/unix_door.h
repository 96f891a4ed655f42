// unix_door.h: a listening unix socket, and the file it leaves behind when a process dies.
// Private to this folder.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/result.h"

namespace weir::proxy::io {

struct UnixPlace {
  std::string path = {};  // A leading '@': abstract, without file, mode and group.
  int mode = 0777;
  std::string group = {};  // Empty: the group we run as.
  int backlog = 128;
};

struct UnixDoor {
  int descriptor;
  std::uint64_t inode;  // 0 for an abstract one.
};

// A stale file (nobody answers on it) is replaced; one with a living owner is a fault.
Result<UnixDoor> open_unix_door(const UnixPlace& place);
// Only if the file is still the one we made.
void remove_unix_door(const std::string& path, std::uint64_t inode);

}  // namespace weir::proxy::io
