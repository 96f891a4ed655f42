#include "protocol/collector.h"

#include <doctest/doctest.h>

using namespace weir;
using protocol::Collector;
using protocol::Framer;
using protocol::Piece;

namespace {

// The bodies of all messages in `stream`, fed `part` bytes at a time, each behind a '|'.
std::string bodies(std::string_view stream, std::size_t part) {
  Framer framer(1000);
  Collector collector;
  std::string seen;
  while (!stream.empty()) {
    Bytes here = as_bytes(stream.substr(0, part));
    stream.remove_prefix(here.size());
    Piece piece;
    while (framer.next(here, piece) == Framer::Cut::piece) {
      if (const auto body = collector.add(piece)) seen += "|" + std::string{as_text(*body)};
    }
  }
  return seen;
}

constexpr std::string_view kStream{"A\0\0\0\7abcZ\0\0\0\4B\0\0\0\6de", 20};

}  // namespace

TEST_CASE("bodies are the same however the stream is cut") {
  for (std::size_t part = 1; part <= kStream.size(); ++part) {
    CAPTURE(part);
    CHECK(bodies(kStream, part) == "|abc||de");
  }
}

TEST_CASE("a body that arrives whole is lent, not copied") {
  Framer framer(1000);
  Collector collector;
  Bytes input = as_bytes(kStream);
  Piece piece;
  REQUIRE(framer.next(input, piece) == Framer::Cut::piece);
  CHECK(collector.add(piece)->data() == as_bytes(kStream).data() + protocol::kHeaderBytes);
}

TEST_CASE("a body given up halfway leaves nothing in the next") {
  Collector collector;
  Framer first(1000), second(1000);
  Piece piece;
  Bytes half = as_bytes(kStream.substr(0, 7));
  REQUIRE(first.next(half, piece) == Framer::Cut::piece);
  CHECK_FALSE(collector.add(piece));
  Bytes whole = as_bytes(kStream.substr(0, 6));
  Bytes rest = as_bytes(kStream.substr(6, 2));
  REQUIRE(second.next(whole, piece) == Framer::Cut::piece);
  CHECK_FALSE(collector.add(piece));
  REQUIRE(second.next(rest, piece) == Framer::Cut::piece);
  CHECK(as_text(collector.add(piece).value()) == "abc");
}

TEST_CASE("the beginning of a long body comes once, with what its piece has behind it") {
  constexpr std::string_view kLong{"E\0\0\0\12abcdefZ\0\0\0\10wxyz", 20};
  for (std::size_t part = 1; part <= kLong.size(); ++part) {
    CAPTURE(part);
    Framer framer(1000);
    Collector collector;
    std::string seen;
    for (std::string_view stream = kLong; !stream.empty();) {
      Bytes here = as_bytes(stream.substr(0, part));
      stream.remove_prefix(here.size());
      Piece piece;
      while (framer.next(here, piece) == Framer::Cut::piece) {
        const auto start = collector.add_start(piece, 3);
        if (!start) continue;
        seen += "|" + std::string{as_text(start->first)};
        CHECK(start->rest.size() < part);
        CHECK(start->rest.data() + start->rest.size() == piece.raw.data() + piece.raw.size());
      }
    }
    CHECK(seen == "|abc|wxy");
  }
}
