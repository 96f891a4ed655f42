// Property: a StartupReader makes the same packets and the same fault of a stream however it is
// cut, never takes more bytes than the packets have, keeps what it gives within its maxima; and
// parse_options accepts only what names a setting.
#include <string>

#include "protocol/startup.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

void show(std::string& seen, const Startup& startup) {
  WEIR_CHECK(startup.kind != Startup::Kind::startup || startup.major == 3);
  seen += "[" + std::to_string(static_cast<int>(startup.kind)) + " " +
          std::to_string(startup.major) + "." + std::to_string(startup.minor) + " " +
          std::to_string(startup.cancel_pid) + " " + std::string{as_text(startup.cancel_key)};
  std::size_t bytes = 0;
  for (const auto& [name, value] : startup.parameters) {
    WEIR_CHECK(!name.empty() && name.find('\0') == name.npos && value.find('\0') == value.npos);
    WEIR_CHECK(startup.find(name) != nullptr);
    bytes += name.size() + value.size() + 2;
    seen += "|" + name + "=" + value;
  }
  WEIR_CHECK(bytes <= kStartupBytesMax);
  if (startup.kind == Startup::Kind::cancel) {
    WEIR_CHECK(startup.cancel_key.size() >= kCancelKeyBytesMin &&
               startup.cancel_key.size() <= kCancelKeyBytesMax);
  }
  seen += "]";
}

std::string read(Bytes stream, std::size_t part_bytes) {
  StartupReader reader;
  std::string seen;
  bool over = false;
  std::size_t taken = 0;
  fuzz::in_parts(stream, part_bytes, [&](Bytes part) {
    while (!over && !part.empty()) {
      const std::size_t before = part.size();
      const auto packet = reader.next(part);
      taken += before - part.size();
      if (!packet) {
        seen += std::string{packet.error().sqlstate} + " " + packet.error().text;
        over = true;
      } else if (*packet) {
        show(seen, **packet);
      } else {
        WEIR_CHECK(part.empty());
      }
    }
  });
  return seen + " " + std::to_string(taken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes stream{data, size};
  const std::string whole = read(stream, size + 1);
  WEIR_CHECK(read(stream, 1) == whole);
  WEIR_CHECK(read(stream, 7) == whole);

  if (const auto settings = parse_options(as_text(stream))) {
    for (const auto& [name, value] : *settings) {
      WEIR_CHECK(!name.empty() && name.find('=') == name.npos && name.find('-') == name.npos);
    }
  }
  return 0;
}
