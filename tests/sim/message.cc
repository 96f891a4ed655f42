#include "tests/sim/message.h"

namespace weir::sim {

std::string text_of(const Message& message) {
  std::string text{message.tag};
  text += '[';
  for (const char c : message.body.substr(0, 60)) text += c >= ' ' && c <= '~' ? c : '.';
  return text + ']';
}

std::optional<Message> take_message(std::string& bytes) {
  if (bytes.size() < 5) return std::nullopt;
  const std::size_t length = load_u32(reinterpret_cast<const std::uint8_t*>(bytes.data()) + 1);
  if (bytes.size() < 1 + length) return std::nullopt;
  Message message{bytes[0], bytes.substr(5, length - 4)};
  bytes.erase(0, 1 + length);
  return message;
}

void put_message(Buffer& out, const Message& message) {
  out.push_back(static_cast<std::uint8_t>(message.tag));
  out.resize(out.size() + 4);
  store_u32(out.data() + out.size() - 4, static_cast<std::uint32_t>(message.body.size() + 4));
  out.insert(out.end(), message.body.begin(), message.body.end());
}

}  // namespace weir::sim
