#include "tests/street/toy_codec.h"

namespace weir::street {

namespace {

// Its own inverse, for every byte but the dot, which ends a record.
char turned(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>('a' + (c - 'a' + 13) % 26);
  return c;
}

}  // namespace

Result<void> ToyCodec::open(Bytes records, Buffer& plain, Buffer& reply) {
  kept_ += as_text(records);
  for (auto dot = kept_.find('.'); dot != std::string::npos; dot = kept_.find('.')) {
    const std::string record = kept_.substr(0, dot);
    kept_.erase(0, dot + 1);
    if (auto taken = take(record, plain, reply); !taken) return taken;
  }
  return {};
}

Result<void> ToyCodec::seal(Bytes plain, Buffer& records) {
  put(records, std::to_string(plain.size()) + ":");
  for (const char c : as_text(plain)) records.push_back(static_cast<std::uint8_t>(turned(c)));
  put(records, ".");
  return {};
}

Result<void> ToyCodec::take(std::string_view record, Buffer& plain, Buffer& reply) {
  if (!established_ && record == (side_ == Side::begins ? "welcome" : "hello")) {
    established_ = true;
    if (side_ == Side::answers) put(reply, "welcome.");
    return {};
  }
  if (established_ && record == "bye") {
    finished_ = true;
    return {};
  }
  const auto colon = record.find(':');
  const bool whole = colon != std::string_view::npos &&
                     std::to_string(record.size() - colon - 1) == record.substr(0, colon);
  if (!established_ || !whole) {
    put(reply, "no.");
    return fail("08P01", "not in the toy's language");
  }
  for (const char c : record.substr(colon + 1)) {
    plain.push_back(static_cast<std::uint8_t>(turned(c)));
  }
  return {};
}

}  // namespace weir::street
