// outbox_test.cc: every byte leaves once and in order, whatever is borrowed, copied or refused.
#include "proxy/outbox.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/street/chance.h"

using namespace weir;
using proxy::Blocks;
using proxy::Outbox;

namespace {

// Takes up to `room` bytes a write.
class Sink {
 public:
  std::size_t room = 1'000'000;
  std::string got;
  int writes = 0;

  std::size_t operator()(Bytes first, Bytes second) {
    ++writes;
    const std::size_t taken = std::min(room, first.size() + second.size());
    const std::size_t of_first = std::min(taken, first.size());
    got += as_text(first.first(of_first));
    got += as_text(second.first(taken - of_first));
    return taken;
  }
};

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("adjacent pieces leave in one write, uncopied") {
  Blocks blocks;
  Outbox outbox;
  Sink sink;
  const std::string text = "abcdef";
  outbox.put(bytes(text).first(2), blocks);
  outbox.put(bytes(text).subspan(2, 3), blocks);
  outbox.put({}, blocks);
  CHECK(outbox.stored_bytes() == 0);
  outbox.flush(sink, blocks);
  CHECK(sink.got == "abcde");
  CHECK(sink.writes == 1);
  CHECK(outbox.empty());
}

TEST_CASE("pieces that do not adjoin keep their order") {
  Blocks blocks;
  Outbox outbox;
  Sink sink;
  const std::string one = "one ", two = "two ", three = "three";
  outbox.put(bytes(one), blocks);
  outbox.put(bytes(two), blocks);
  outbox.put_copy(bytes(three), blocks);
  outbox.put(bytes(one), blocks);
  outbox.flush(sink, blocks);
  CHECK(sink.got == "one two threeone ");
  CHECK(sink.writes == 1);
}

TEST_CASE("what the kernel does not take is kept") {
  Blocks blocks;
  Outbox outbox;
  Sink sink;
  sink.room = 3;
  {
    const std::string gone_after_flush = "abcdefgh";
    outbox.put(bytes(gone_after_flush), blocks);
    outbox.flush(sink, blocks);
  }
  CHECK(outbox.stored_bytes() == 5);
  outbox.flush(sink, blocks);
  outbox.flush(sink, blocks);
  CHECK(sink.got == "abcdefgh");
  CHECK(outbox.empty());
  outbox.flush(sink, blocks);
  CHECK(sink.writes == 3);
}

TEST_CASE("clear() forgets all") {
  Blocks blocks;
  Outbox outbox;
  outbox.put_copy(bytes("x"), blocks);
  outbox.put(bytes("y"), blocks);
  outbox.clear(blocks);
  CHECK(outbox.empty());
}

TEST_CASE("any order of puts, copies and short writes gives the bytes in order") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    street::Chance chance(seed);
    Blocks blocks;
    Outbox outbox;
    Sink sink;
    std::string wanted;
    std::string source(64 * 1024, '\0');
    for (char& c : source) c = static_cast<char>(chance.next());
    std::size_t at = 0;
    for (int i = 0; i < 100; ++i) {
      const std::size_t size = chance.below(700);
      if (at + size > source.size() || chance.one_in(8)) at = chance.below(1000);
      const std::string_view piece = std::string_view{source}.substr(at, size);
      at += size;
      wanted += piece;
      chance.one_in(3) ? outbox.put_copy(bytes(piece), blocks) : outbox.put(bytes(piece), blocks);
      sink.room = chance.below(1500);
      if (chance.one_in(4)) outbox.flush(sink, blocks);
    }
    sink.room = 1'000'000;
    outbox.flush(sink, blocks);
    CHECK(sink.got == wanted);
    CHECK(outbox.empty());
  }
}
