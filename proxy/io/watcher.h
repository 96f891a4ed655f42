// watcher.h: what libuv calls a socket, with an owner. Dropping one closes it; its memory goes when
// libuv's close callback has run, which is why the loop is run once more before it dies.
#pragma once

#include <uv.h>

#include <memory>

namespace weir::proxy::io {

template <typename Kind>
uv_handle_t* plain(Kind* watcher) {
  return reinterpret_cast<uv_handle_t*>(watcher);
}

template <typename Kind>
struct WatcherCloser {
  void operator()(Kind* watcher) const {
    uv_close(plain(watcher), [](uv_handle_t* closed) {
      const std::unique_ptr<Kind> last{reinterpret_cast<Kind*>(closed)};
    });
  }
};

// REQUIRES: it has been initialised by libuv with success.
template <typename Kind>
using UvPtr = std::unique_ptr<Kind, WatcherCloser<Kind>>;

// `init` calls libuv's initialiser and returns what it returned; empty if that was an error.
template <typename Kind, typename Init>
UvPtr<Kind> make_watcher(Init init) {
  auto fresh = std::make_unique<Kind>();
  if (init(fresh.get()) != 0) return nullptr;
  return UvPtr<Kind>{fresh.release()};
}

}  // namespace weir::proxy::io
