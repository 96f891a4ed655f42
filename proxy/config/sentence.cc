#include "proxy/config/sentence.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace weir::proxy::config {

std::string quoted(std::string_view text) {
  constexpr std::size_t kShownBytes = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, kShownBytes)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control ? '?' : c;
  }
  out += text.size() > kShownBytes ? "…\"" : "\"";
  return out;
}

bool is_plain_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '+' || c == '-' || c == '_';
  });
}

std::string placed(const Place& place) {
  return place.line > 0 ? place.file + ':' + std::to_string(place.line) : place.file;
}

std::string placed(const Place& place, std::string_view sentence) {
  return placed(place).append(": ").append(sentence);
}

std::string joined(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& sentence : sentences) out += (out.empty() ? "" : "; ") + sentence;
  return out;
}

}  // namespace weir::proxy::config
