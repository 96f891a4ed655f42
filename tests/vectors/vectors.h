// vectors.h: reads the annotated bytes under tests/vectors/ and feeds them cut in every way.
//
// A file is a list of cases. '#' begins a comment, "= name" a case; every other line is a word and
// its rest. Bytes are written as pairs of hex digits and as "text" (escapes \0 \n \" \\), each with
// *N behind it to repeat it: 00 00 00 08 "user\0" "a"*1000
#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/check.h"

namespace weir::vectors {

struct Case {
  std::string name;
  std::vector<std::pair<std::string, std::string>> lines;  // First word, rest.

  // The rest of the first line that begins with `word`; `otherwise` without one.
  std::string setting(std::string_view word, std::string otherwise = {}) const {
    for (const auto& [first, rest] : lines) {
      if (first == word) return rest;
    }
    return otherwise;
  }
  std::vector<std::string> all(std::string_view word) const {
    std::vector<std::string> found;
    for (const auto& [first, rest] : lines) {
      if (first == word) found.push_back(rest);
    }
    return found;
  }
};

inline std::string_view trim(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \n"), text.size());
  return text.substr(begin, text.find_last_not_of(" \n") + 1 - begin);
}

inline std::vector<Case> read_cases(const std::string& path) {
  std::ifstream file(path);
  WEIR_CHECK(file.good());
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    const std::size_t space = text.find(' ');
    const std::string first{text.substr(0, space)};
    const std::string rest{space == text.npos ? "" : trim(text.substr(space))};
    if (first == "=") {
      cases.push_back({rest, {}});
    } else {
      WEIR_CHECK(!cases.empty());
      cases.back().lines.emplace_back(first, rest);
    }
  }
  return cases;
}

inline std::uint8_t nibble(char c) {
  const std::size_t value = std::string_view{"0123456789abcdef"}.find(c);
  WEIR_CHECK(value != std::string_view::npos);
  return static_cast<std::uint8_t>(value);
}

inline Buffer quoted(std::string_view& text) {
  Buffer bytes;
  text.remove_prefix(1);
  for (; !text.empty() && text.front() != '"'; text.remove_prefix(1)) {
    char c = text.front();
    if (c == '\\') {
      text.remove_prefix(1);
      c = text.front() == '0' ? '\0' : text.front() == 'n' ? '\n' : text.front();
    }
    bytes.push_back(static_cast<std::uint8_t>(c));
  }
  WEIR_CHECK(!text.empty());
  text.remove_prefix(1);
  return bytes;
}

inline Buffer parse_bytes(std::string_view text) {
  Buffer all;
  for (text = trim(text); !text.empty(); text = trim(text)) {
    if (text.front() == '#') break;
    Buffer one;
    if (text.front() == '"') {
      one = quoted(text);
    } else {
      WEIR_CHECK(text.size() >= 2);
      one.push_back(static_cast<std::uint8_t>(nibble(text[0]) << 4 | nibble(text[1])));
      text.remove_prefix(2);
    }
    std::size_t times = 1;
    if (!text.empty() && text.front() == '*') {
      text.remove_prefix(1);
      std::size_t digits = 0;
      times = std::stoul(std::string{text}, &digits);
      text.remove_prefix(digits);
    }
    for (; times > 0; --times) all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

using Parts = std::vector<Bytes>;

// Calls `run` with the stream whole, byte by byte, and cut in two at every place (of a long
// stream, at some 250 places).
inline void every_cut(Bytes stream, const std::function<void(const Parts&)>& run) {
  run({stream});
  Parts bytes;
  for (std::size_t i = 0; i < stream.size(); ++i) bytes.push_back(stream.subspan(i, 1));
  run(bytes);
  const std::size_t stride = stream.size() <= 512 ? 1 : stream.size() / 251;
  for (std::size_t at = 1; at < stream.size(); at += stride) {
    run({stream.first(at), stream.subspan(at)});
  }
}

}  // namespace weir::vectors
