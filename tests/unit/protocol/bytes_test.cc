#include "protocol/bytes.h"

#include <doctest/doctest.h>

#include <array>

using namespace weir;

TEST_CASE("numbers are big-endian and whole over their range") {
  std::array<std::uint8_t, 4> bytes{};
  for (const std::uint32_t value : {0u, 1u, 0x0102'0304u, 0x7fff'ffffu, 0xffff'ffffu}) {
    store_u32(bytes.data(), value);
    CHECK(load_u32(bytes.data()) == value);
  }
  store_u32(bytes.data(), 0x0102'fffe);
  CHECK(bytes == std::array<std::uint8_t, 4>{1, 2, 0xff, 0xfe});
  CHECK(load_u16(bytes.data()) == 0x0102);
  CHECK(load_u16(bytes.data() + 2) == 0xfffe);
}

TEST_CASE("text and bytes are two views of one thing") {
  constexpr std::string_view kText = "\xff\0a";
  CHECK(as_text(as_bytes(kText)).data() == kText.data());
  CHECK(as_bytes(kText)[0] == 0xff);
}
