// file_trail.h: what a path leads to now, and the directories in which that can change: those of
// the file, and of every symbolic link on the way to it. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace weir::proxy::io {

inline constexpr int kLinksMax = 40;  // On one way, as the kernel has it.
// Of a directory that are looked at one by one. In a larger one only names that come or go are
// noticed.
inline constexpr std::size_t kEntriesMax = 1024;

// A file at one moment. One that was written or replaced since is not equal, whatever it holds.
struct Sight {
  int error = 0;  // There is nothing to see (an errno), and all else is 0.
  bool directory = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const Sight&) const = default;
};

// By name, in order. What the path leads to has none; the entries of a directory follow it.
using Sights = std::vector<std::pair<std::string, Sight>>;

// A directory without links on the way to it. Two of the same path may be different ones.
struct Spot {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator<(const Spot& other) const {
    return std::tie(path, device, inode) < std::tie(other.path, other.device, other.inode);
  }
};

// Adds to `spots`. Where the path ends too early, the last directory that is there is one of them.
// Of a directory the entries are seen, but for those that begin with a dot, and not what is below.
// REQUIRES: `path` begins with a slash.
Sights follow(const std::string& path, std::set<Spot>& spots);

}  // namespace weir::proxy::io
