// file_watch.h: tells when any of some files has come to hold something else: written in place,
// renamed over, deleted, made again, or behind a symbolic link that now leads elsewhere. What else
// happens beside them calls nobody.
//
// It watches directories, and looks at the files when something has stirred there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pool/instant.h"
#include "proxy/io/loop.h"

namespace weir::proxy::io {

// Two looks that saw the same, so far apart, say that who changes the files has come to an end.
inline constexpr Instant kFileSettle = 100 * kMillisecond;
// After so many that differed it is told all the same.
inline constexpr int kFileUnsettledMax = 50;
// Without any event: network file systems send none, nor does a file mounted by itself.
inline constexpr Instant kFileLookAnyway = 30 * kSecond;
inline constexpr Instant kFileLookDeaf = 5 * kSecond;  // While some directory cannot be watched.
inline constexpr std::size_t kFileWatchesMax = 256;    // Directories; of those beyond it is deaf.

struct FileWatchTimes {
  Instant settle = kFileSettle;
  Instant look_anyway = kFileLookAnyway;
  Instant look_deaf = kFileLookDeaf;
};

// Looking costs some system calls a path, on the loop's thread: for configuration and keys, not for
// a file system that hangs. Must be gone before the Loop, and not within a callback.
class FileWatch {
 public:
  // Both are called on the loop's thread. `on_change`: once for all that has changed, never within
  // watch(), which it may call. `on_trouble`: a sentence for the log when directories cannot be
  // watched, once until they can be again; also within watch().
  FileWatch(Loop& loop, std::function<void()> on_change,
            std::function<void(const std::string& sentence)> on_trouble = {},
            const FileWatchTimes& times = {});
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // These from now on, instead of those before. A path that was among them is still compared with
  // what was last told of, so nothing between is lost; a new one is taken as it is now: read the
  // file afterwards. Of a directory the entries count, but for those that begin with a dot. Nothing
  // needs to exist. Empty paths are left out.
  void watch(const std::vector<std::string>& paths);

  std::uint64_t looks() const;
  bool settled() const;         // The last look found nothing new.
  std::size_t watches() const;  // Directories watched now.

 private:
  struct Post;
  std::unique_ptr<Post> post_;
};

}  // namespace weir::proxy::io
