// Property: a ProxyHeaderReader makes the same header or the same fault of a stream however it is
// cut, and takes what the length says, never more.
#include <string>

#include "protocol/proxy_header.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

std::string read(Bytes stream, std::size_t part_bytes) {
  ProxyHeaderReader reader;
  std::string seen;
  std::size_t taken = 0;
  fuzz::in_parts(stream, part_bytes, [&](Bytes part) {
    if (!seen.empty()) return;
    const std::size_t before = part.size();
    const auto header = reader.next(part);
    taken += before - part.size();
    if (!header) {
      seen = header.error().text;
    } else if (*header) {
      WEIR_CHECK(taken == 16u + load_u16(stream.data() + 14));
      WEIR_CHECK(taken <= 16 + kProxyHeaderBytesMax);
      seen = std::to_string(static_cast<int>((*header)->source)) + " " +
             std::string{as_text((*header)->ip)} + " " + std::to_string((*header)->port) + " " +
             std::to_string(taken);
    } else {
      WEIR_CHECK(part.empty());
    }
  });
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes stream{data, size};
  const std::string whole = read(stream, size + 1);
  WEIR_CHECK(read(stream, 1) == whole);
  WEIR_CHECK(read(stream, 7) == whole);
  return 0;
}
