// Property: what a Framer passes on is what it was given, byte for byte, and it sees the same
// messages with the same bodies however the stream is cut.
#include <string>

#include "protocol/framer.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

constexpr std::uint32_t kBodyBytesMax = 300;

struct Seen {
  std::string messages;  // Tag and body of each; the last may be half.
  Buffer forward;        // Header and bodies, as a relay would send them on.
  bool over = false;     // Bad length.
};

Seen frame(Bytes stream, std::size_t part_bytes) {
  Framer framer(kBodyBytesMax);
  Seen seen;
  std::size_t body_bytes = 0;
  fuzz::in_parts(stream, part_bytes, [&](Bytes part) {
    Piece piece;
    while (!seen.over) {
      const auto cut = framer.next(part, piece);
      if (cut == Framer::Cut::need_more) {
        WEIR_CHECK(part.empty());
        return;
      }
      seen.over = cut == Framer::Cut::bad_length;
      if (seen.over) return;
      if (piece.begins) {
        body_bytes = 0;
        seen.messages += std::string{"<"} + piece.tag;
      }
      body_bytes += piece.body().size();
      seen.messages += as_text(piece.body());
      WEIR_CHECK(piece.body_bytes <= kBodyBytesMax && body_bytes <= piece.body_bytes);
      WEIR_CHECK(piece.ends == (body_bytes == piece.body_bytes));
      WEIR_CHECK(piece.ends == framer.at_boundary());
      if (piece.ends) seen.messages += ">";
      seen.forward.insert(seen.forward.end(), piece.carry.begin(), piece.carry.end());
      seen.forward.insert(seen.forward.end(), piece.raw.begin(), piece.raw.end());
    }
  });
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes stream{data, size};
  const Seen whole = frame(stream, size + 1);
  WEIR_CHECK(std::equal(whole.forward.begin(), whole.forward.end(), stream.begin()));
  WEIR_CHECK(whole.over || stream.size() - whole.forward.size() < kHeaderBytes);
  for (const std::size_t part_bytes : {1u, 2u, 3u, 7u}) {
    const Seen cut = frame(stream, part_bytes);
    WEIR_CHECK(cut.messages == whole.messages);
    WEIR_CHECK(cut.forward == whole.forward);
    WEIR_CHECK(cut.over == whole.over);
  }
  return 0;
}
