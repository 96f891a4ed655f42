#include "proxy/outbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "protocol/check.h"

namespace weir::proxy {

void Outbox::put(Bytes bytes, Blocks& blocks) {
  if (bytes.empty()) return;
  if (!borrowed_.empty() && borrowed_.data() + borrowed_.size() != bytes.data()) {
    store(borrowed_, blocks);
    borrowed_ = {};
  }
  borrowed_ = borrowed_.empty() ? bytes : Bytes{borrowed_.data(), borrowed_.size() + bytes.size()};
}

void Outbox::put_copy(Bytes bytes, Blocks& blocks) {
  if (bytes.empty()) return;
  store(borrowed_, blocks);
  borrowed_ = {};
  store(bytes, blocks);
}

void Outbox::took(std::size_t taken, Bytes borrowed, Blocks& blocks) {
  const std::size_t from_store = std::min(taken, stored_bytes());
  begin_ += static_cast<std::uint32_t>(from_store);
  taken -= from_store;
  if (stored_bytes() == 0) clear(blocks);
  store(borrowed.subspan(taken), blocks);
}

void Outbox::clear(Blocks& blocks) {
  if (block_) blocks.give(std::move(block_));
  block_ = {};
  begin_ = end_ = 0;
  borrowed_ = {};
}

void Outbox::store(Bytes bytes, Blocks& blocks) {
  if (bytes.empty()) return;
  const std::size_t kept = stored_bytes();
  WEIR_CHECK(kept + bytes.size() <= kOutboxBytesMax);
  if (block_.capacity - end_ < bytes.size()) {
    Block larger = blocks.take(std::max(kept + bytes.size(), kept * 2));
    if (kept > 0) std::memcpy(larger.bytes.get(), block_.bytes.get() + begin_, kept);
    if (block_) blocks.give(std::move(block_));
    block_ = std::move(larger);
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(kept);
  }
  std::memcpy(block_.bytes.get() + end_, bytes.data(), bytes.size());
  end_ += static_cast<std::uint32_t>(bytes.size());
}

}  // namespace weir::proxy
