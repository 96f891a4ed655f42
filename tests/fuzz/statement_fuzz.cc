// Property: a text's statements are the same however it is cut; they stand one behind the other
// within it, each with its name; and nothing is held that would depend on what was fed before.
#include <string>

#include "protocol/statement.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

struct Seen {
  std::string statements;
  std::uint64_t end = 0;  // Of the last.
};

void see(const Statement& one, std::size_t text_bytes, Seen& seen) {
  WEIR_CHECK(seen.end <= one.begin && one.begin <= one.end && one.end <= text_bytes);
  WEIR_CHECK(one.name_begin <= one.name_end && one.name_end <= one.end);
  WEIR_CHECK(one.name_end == 0 || one.name_begin >= one.begin);
  WEIR_CHECK(one.name.size() <= 2 * kIdentifierBytesMax + 1);
  seen.end = one.end;
  for (const std::uint64_t number :
       {std::uint64_t{static_cast<std::uint8_t>(one.kind)}, std::uint64_t{one.traces.bits()},
        std::uint64_t{one.executes}, std::uint64_t{one.to_default}, one.begin, one.end,
        one.name_begin, one.name_end}) {
    seen.statements += std::to_string(number) + " ";
  }
  seen.statements += std::string(one.name) + "\n";
}

Seen scan(Bytes text, std::size_t part_bytes, bool standard_strings) {
  Seen seen;
  const auto each = [&](const Statement& one) { see(one, text.size(), seen); };
  StatementScanner scanner(standard_strings);
  fuzz::in_parts(text, part_bytes, [&](Bytes part) {
    const Buffer copy(part.begin(), part.end());
    scanner.feed(Bytes{copy}, each);
  });
  scanner.finish(each);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes text{data, size};
  for (const bool standard_strings : {true, false}) {
    const Seen whole = scan(text, size + 1, standard_strings);
    for (const std::size_t part_bytes : {1u, 2u, 3u, 7u}) {
      WEIR_CHECK(scan(text, part_bytes, standard_strings).statements == whole.statements);
    }
  }
  return 0;
}
