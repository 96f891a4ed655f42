#include "protocol/framer.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace weir;
using protocol::Framer;
using protocol::Piece;

namespace {

Buffer message(char tag, std::size_t body) {
  Buffer out(5);
  out[0] = static_cast<std::uint8_t>(tag);
  store_u32(out.data() + 1, static_cast<std::uint32_t>(body + 4));
  for (std::size_t i = 0; i < body; ++i) out.push_back(static_cast<std::uint8_t>(i));
  return out;
}

void append(Buffer& to, Bytes bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

struct Seen {
  std::string tags;  // One letter a message begun, '.' a message ended.
  Buffer forward;    // carry + raw, as a relay would send it on.
  Buffer bodies;
};

void feed(Framer& framer, Bytes input, Seen& seen) {
  Piece piece;
  while (framer.next(input, piece) == Framer::Cut::piece) {
    if (piece.begins) seen.tags += piece.tag;
    if (piece.ends) seen.tags += '.';
    append(seen.forward, piece.carry);
    append(seen.forward, piece.raw);
    append(seen.bodies, piece.body());
  }
  CHECK(input.empty());
}

}  // namespace

TEST_CASE("every way of cutting a stream in three gives the same messages and the same bytes") {
  Buffer stream;
  Buffer bodies;
  for (auto [tag, body] : {std::pair{'T', 26u}, {'D', 0u}, {'D', 11u}, {'C', 9u}, {'Z', 1u}}) {
    const Buffer m = message(tag, body);
    append(stream, m);
    append(bodies, Bytes{m}.subspan(5));
  }
  const Bytes all{stream};
  for (std::size_t a = 0; a <= stream.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      CAPTURE(a);
      CAPTURE(b);
      Framer framer(1024);
      Seen seen;
      feed(framer, all.first(a), seen);
      feed(framer, all.subspan(a, b - a), seen);
      feed(framer, all.subspan(b), seen);
      CHECK(seen.tags == "T.D.D.C.Z.");
      CHECK(seen.forward == stream);
      CHECK(seen.bodies == bodies);
      CHECK(framer.at_boundary());
    }
  }
}

TEST_CASE("fed byte by byte, the framer loses nothing") {
  const Buffer stream = message('Q', 300);
  Framer framer(1024);
  Seen seen;
  for (const auto& byte : stream) feed(framer, Bytes{&byte, 1}, seen);
  CHECK(seen.tags == "Q.");
  CHECK(seen.forward == stream);
}

TEST_CASE("a length that lies is a fault, and stays one") {
  for (const std::uint32_t bad : {0u, 1u, 2u, 3u, 1029u, 0x7fffffffu, 0xffffffffu}) {
    CAPTURE(bad);
    Buffer m = message('Q', 0);
    store_u32(m.data() + 1, bad);
    Framer framer(1024);
    Bytes in{m};
    Piece piece;
    CHECK(framer.next(in, piece) == Framer::Cut::bad_length);
  }
}
