// outbox.h: the only way out to a peer: what the kernel did not take yet, then one span borrowed
// for the rest of this event.
//   [ stored: oldest bytes ][ borrowed: adjacent pieces, merged ]
// A piece that does not adjoin the borrowed span sends that to the store first. Flushing writes
// both parts in one call and stores what is left over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "protocol/bytes.h"
#include "proxy/blocks.h"

namespace weir::proxy {

// Far above what throttling lets pile up; beyond it something of ours is broken.
inline constexpr std::size_t kOutboxBytesMax = std::size_t{1} << 30;

class Outbox {
 public:
  // `bytes` must stay where they are until flush().
  void put(Bytes bytes, Blocks& blocks);
  void put_copy(Bytes bytes, Blocks& blocks);
  // Offers everything to write(first, second), which returns the bytes taken; keeps the rest.
  template <typename Write>
  void flush(Write&& write, Blocks& blocks) {
    if (empty()) return;
    const Bytes stored{block_.bytes.get() + begin_, stored_bytes()};
    const Bytes borrowed = std::exchange(borrowed_, {});
    took(write(stored, borrowed), borrowed, blocks);
  }
  // Nothing stays borrowed.
  void keep(Blocks& blocks) { store(std::exchange(borrowed_, {}), blocks); }
  void clear(Blocks& blocks);

  std::size_t stored_bytes() const { return end_ - begin_; }
  bool empty() const { return end_ == begin_ && borrowed_.empty(); }

 private:
  void took(std::size_t taken, Bytes borrowed, Blocks& blocks);
  void store(Bytes bytes, Blocks& blocks);

  Bytes borrowed_;
  Block block_;
  std::uint32_t begin_ = 0;  // begin_ <= end_ <= block_.capacity
  std::uint32_t end_ = 0;
};

}  // namespace weir::proxy
