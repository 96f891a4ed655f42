// blocks.h: memory that connections borrow while bytes wait, and give back when they have gone.
//
// Sizes are powers of four from 256 bytes; what is given back is kept for the next borrower, up
// to a number per size, so that a warm worker asks the allocator for nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace weir::proxy {

struct Block {
  std::unique_ptr<std::uint8_t[]> bytes;
  std::uint32_t capacity = 0;
  explicit operator bool() const { return bytes != nullptr; }
};

class Blocks {
 public:
  static constexpr std::size_t kSmallest = 256;
  static constexpr std::size_t kSizes = 6;  // 256 bytes to 256 KiB; larger ones are not kept.
  static constexpr std::size_t kKeptBytesMax = 1 << 20;  // Of one size.

  Block take(std::size_t bytes) {
    std::size_t capacity = kSmallest;
    for (std::size_t size = 0; size < kSizes; ++size, capacity *= 4) {
      if (capacity < bytes) continue;
      auto& kept = kept_[size];
      if (kept.empty()) return fresh(capacity);
      Block block = std::move(kept.back());
      kept.pop_back();
      return block;
    }
    return fresh(bytes);
  }

  void give(Block block) {
    std::size_t capacity = kSmallest;
    for (std::size_t size = 0; size < kSizes; ++size, capacity *= 4) {
      if (capacity != block.capacity) continue;
      if ((kept_[size].size() + 1) * capacity > kKeptBytesMax) return;
      kept_[size].push_back(std::move(block));
      return;
    }
  }

 private:
  static Block fresh(std::size_t capacity) {
    return {std::make_unique_for_overwrite<std::uint8_t[]>(capacity),
            static_cast<std::uint32_t>(capacity)};
  }
  std::array<std::vector<Block>, kSizes> kept_;
};

}  // namespace weir::proxy
