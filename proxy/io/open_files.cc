#include "proxy/io/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "proxy/io/listener.h"

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

namespace {

// Of any pool's reserve_pool_size.
int largest_reserve(const config::Config& config) {
  const config::Settings& settings = config.settings;
  if (settings.reserve_pool_timeout_us == 0) return 0;
  int largest = settings.reserve_pool_size;
  for (const auto& [name, database] : config.databases) {
    largest = std::max(largest, database.reserve_pool_size.value_or(0));
  }
  for (const auto& [name, user] : config.users) {
    largest = std::max(largest, user.reserve_pool_size.value_or(0));
  }
  return largest;
}

}  // namespace

std::int64_t reserve_for_servers(const config::Config& config, std::int64_t descriptors_max) {
  const int usual = config.settings.default_pool_size;
  std::int64_t largest = 0;
  const std::int64_t beside = largest_reserve(config);
  const auto look_at = [&](std::int64_t size) {
    largest = std::max(largest, size > 0 ? size : descriptors_max / 4);
  };
  if (config.databases.empty()) look_at(usual);
  for (const auto& [name, database] : config.databases) look_at(database.pool_size.value_or(usual));
  for (const auto& [name, user] : config.users) {
    if (user.pool_size) look_at(*user.pool_size);
  }
  const std::int64_t connections = descriptors_max - kOwnDescriptors - kUnixReserve;
  return std::min(largest + beside + kReserveMin, std::max<std::int64_t>(0, connections) / 2);
}

}  // namespace weir::proxy::io
