#include "tests/sim/toy_sql.h"

#include <algorithm>

namespace weir::sim {

namespace {

// The index behind the quoted text that begins at `at`.
std::size_t skip_quoted(std::string_view text, std::size_t at) {
  const bool escapes = at > 0 && (text[at - 1] == 'E' || text[at - 1] == 'e');
  for (++at; at < text.size(); ++at) {
    if (escapes && text[at] == '\\') {
      ++at;
    } else if (text[at] == '\'') {
      if (at + 1 >= text.size() || text[at + 1] != '\'') return at + 1;
      ++at;
    }
  }
  return text.size();
}

int hex(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

std::string unquoted(std::string_view word) {
  const std::size_t begin = word.find('\'');
  if (begin == std::string_view::npos || begin > 1) return std::string{word};
  std::string_view text = word.substr(begin + 1, word.size() - begin - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      ++i;
    } else if (begin == 1 && text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      if (text[i] == 'x' && i + 2 < text.size()) {
        out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

std::vector<std::string> statements_of(std::string_view sql) {
  std::vector<std::string> found;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= sql.size();) {
    if (at < sql.size() && sql[at] == '\'') {
      at = skip_quoted(sql, at);
      continue;
    }
    if (at == sql.size() || sql[at] == ';') {
      if (!words_of(sql.substr(begin, at - begin)).empty()) {
        found.emplace_back(sql.substr(begin, at - begin));
      }
      begin = at + 1;
    }
    ++at;
  }
  return found;
}

std::vector<std::optional<std::string>> arguments_of(std::string_view statement) {
  std::vector<std::optional<std::string>> found;
  statement = statement.substr(0, statement.find(") w(n, v)"));
  for (std::size_t at = 0; at < statement.size();) {
    if (statement.substr(at, 5) == "NULL,") found.emplace_back();
    const bool literal = statement.substr(at, 2) == "E'";
    const std::size_t end = literal ? skip_quoted(statement, at + 1) : at + 1;
    if (literal) found.emplace_back(unquoted(statement.substr(at, end - at)));
    at = end;
  }
  return found;
}

std::vector<std::string> words_of(std::string_view statement) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < statement.size();) {
    if (statement[at] == ' ') {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < statement.size() && statement[at] != ' ') {
      at = statement[at] == '\'' ? skip_quoted(statement, at) : at + 1;
    }
    words.push_back(unquoted(statement.substr(begin, at - begin)));
  }
  if (!words.empty()) {
    std::transform(words[0].begin(), words[0].end(), words[0].begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  }
  return words;
}

}  // namespace weir::sim
