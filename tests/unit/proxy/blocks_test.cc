// blocks_test.cc: what is given back is lent again, and no more is kept than the limit says.
#include "proxy/blocks.h"

#include <doctest/doctest.h>

using weir::proxy::Block;
using weir::proxy::Blocks;

namespace {

// Out of line: g++ 12 sees array bounds where there are none when it inlines all of it.
[[gnu::noinline]] Block lend(Blocks& blocks, std::size_t bytes) { return blocks.take(bytes); }

}  // namespace

TEST_CASE("a block has room for what was asked, in steps of four") {
  Blocks blocks;
  CHECK(lend(blocks, 1).capacity == 256);
  CHECK(lend(blocks, 256).capacity == 256);
  CHECK(lend(blocks, 257).capacity == 1024);
  CHECK(lend(blocks, 64 * 1024).capacity == 64 * 1024);
  CHECK(lend(blocks, 256 * 1024).capacity == 256 * 1024);
}

TEST_CASE("a block beyond the largest size is of just the size asked") {
  Blocks blocks;
  CHECK(lend(blocks, 300'000).capacity == 300'000);
}

TEST_CASE("what was given back is lent again") {
  Blocks blocks;
  Block block = lend(blocks, 500);
  const auto* const bytes = block.bytes.get();
  blocks.give(std::move(block));
  CHECK(lend(blocks, 200).bytes.get() != bytes);
  CHECK(lend(blocks, 1024).bytes.get() == bytes);
}

TEST_CASE("no more than kKeptBytesMax of one size is kept") {
  Blocks blocks;
  constexpr std::size_t kSize = 256 * 1024;
  std::vector<Block> lent;
  std::vector<const std::uint8_t*> known;
  for (std::size_t i = 0; i < Blocks::kKeptBytesMax / kSize + 1; ++i) {
    lent.push_back(lend(blocks, kSize));
    known.push_back(lent.back().bytes.get());
  }
  for (Block& block : lent) blocks.give(std::move(block));
  // The last one kept comes first; the one beyond the limit went to the allocator.
  CHECK(lend(blocks, kSize).bytes.get() == known[known.size() - 2]);
}
