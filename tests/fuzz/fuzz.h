// fuzz.h: what the fuzz targets share: taking an input apart, and cutting a stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace weir::fuzz {

// Takes one byte off the front; 0 at the end.
inline std::uint8_t take_byte(Bytes& input) {
  if (input.empty()) return 0;
  const std::uint8_t byte = input[0];
  input = input.subspan(1);
  return byte;
}

// Calls `feed` with `stream` in parts of `part_bytes`.
template <typename Feed>
void in_parts(Bytes stream, std::size_t part_bytes, Feed feed) {
  while (!stream.empty()) {
    const std::size_t here = std::min(part_bytes, stream.size());
    feed(stream.first(here));
    stream = stream.subspan(here);
  }
}

}  // namespace weir::fuzz
