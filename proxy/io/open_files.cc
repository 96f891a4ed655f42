#include "proxy/io/open_files.h"

#include <sys/resource.h>

#include <limits>

namespace weir::proxy::io {

std::int64_t raise_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  constexpr rlim_t kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int64_t>(limit.rlim_cur < kMost ? limit.rlim_cur : kMost);
}

}  // namespace weir::proxy::io
