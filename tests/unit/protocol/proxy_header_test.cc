#include "protocol/proxy_header.h"

#include <doctest/doctest.h>

#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;

namespace {

std::string event(const ProxyHeader& header) {
  using Source = ProxyHeader::Source;
  if (header.source == Source::itself) return "itself";
  if (header.source == Source::unix_socket) return "unix";
  std::string text = header.source == Source::ip4 ? "ip4 " : "ip6 ";
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t i = 0; i < 16; ++i) {
    if (header.source == Source::ip6) {
      text.append(1, kHex[header.ip[i] >> 4]).append(1, kHex[header.ip[i] & 15]);
    } else if (i < 4) {
      text += (i > 0 ? "." : "") + std::to_string(header.ip[i]);
    }
  }
  return text + " " + std::to_string(header.port);
}

struct Seen {
  std::string event = "more";
  std::size_t left = 0;
};

Seen read(const vectors::Parts& parts) {
  ProxyHeaderReader reader;
  Seen seen;
  bool over = false;
  for (Bytes part : parts) {
    if (!over) {
      const auto header = reader.next(part);
      if (!header) {
        CHECK(!reader.next(part));  // A fault stays one.
        return {std::string{"fault "} + header.error().sqlstate + " " + header.error().text};
      }
      over = header->has_value();
      if (over) seen.event = event(**header);
      CHECK((over || part.empty()));
    }
    seen.left += part.size();
  }
  return seen;
}

}  // namespace

TEST_CASE("PROXY protocol vectors, cut in every way") {
  for (const auto& one : vectors::read_cases(WEIR_SOURCE_DIR "/tests/vectors/proxy_header.txt")) {
    CAPTURE(one.name);
    Buffer stream;
    for (const auto& bytes : one.all("bytes")) {
      const Buffer more = vectors::parse_bytes(bytes);
      stream.insert(stream.end(), more.begin(), more.end());
    }
    vectors::every_cut(stream, [&](const vectors::Parts& parts) {
      CAPTURE(parts.front().size());
      const Seen seen = read(parts);
      REQUIRE(seen.event == one.setting("expect"));
      REQUIRE(seen.left == std::stoul(one.setting("left", "0")));
    });
  }
}

TEST_CASE("what is no header is refused at its first byte") {
  for (const char* first : {"\x16", "Q", "p"}) {
    ProxyHeaderReader reader;
    Bytes input = as_bytes(first);
    CHECK(!reader.next(input));
  }
}
