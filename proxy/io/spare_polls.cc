#include "proxy/io/spare_polls.h"

#include <utility>

namespace weir::proxy::io {

UvPtr<uv_poll_t> SparePolls::take(uv_loop_t& loop, int descriptor, int& status) {
  const auto number = static_cast<std::size_t>(descriptor);
  status = 0;
  if (number < by_number_.size() && by_number_[number]) return std::move(by_number_[number]);
  return make_watcher<uv_poll_t>(
      [&](uv_poll_t* fresh) { return status = uv_poll_init(&loop, fresh, descriptor); });
}

// Stopping takes the number out of epoll, which after a close(2) could be another connection's.
void SparePolls::give(UvPtr<uv_poll_t> poll, int descriptor) {
  const auto number = static_cast<std::size_t>(descriptor);
  uv_poll_stop(poll.get());
  if (number >= kSparePollsMax) return;
  if (number >= by_number_.size()) by_number_.resize(number + 1);
  by_number_[number] = std::move(poll);
}

}  // namespace weir::proxy::io
