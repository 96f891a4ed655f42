// spare_polls.h: watchers whose descriptor has been closed, kept for the next one of that number.
// The kernel gives out the lowest number that is free, so a client that comes as another leaves has
// its number; uv_poll_init() would look at it with three system calls. Private to this folder.
#pragma once

#include <uv.h>

#include <cstddef>
#include <vector>

#include "proxy/io/watcher.h"

namespace weir::proxy::io {

// Watchers of higher numbers are not kept: an eighth of a MiB for each loop, at the most.
inline constexpr std::size_t kSparePollsMax = 1024;

class SparePolls {
 public:
  // A watcher of `descriptor` that has not been started, or minus an errno in `status`.
  UvPtr<uv_poll_t> take(uv_loop_t& loop, int descriptor, int& status);
  // REQUIRES: the descriptor is still open. To be closed next.
  void give(UvPtr<uv_poll_t> poll, int descriptor);
  void clear() { by_number_.clear(); }

 private:
  std::vector<UvPtr<uv_poll_t>> by_number_;
};

}  // namespace weir::proxy::io
