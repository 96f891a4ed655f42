// sql_class.h: what a byte of SQL text may begin (manual: Lexical Structure).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::protocol {

enum class Class : std::uint8_t {
  mark,
  bracket,  // Or a '.': marks that are counted or remembered.
  space,
  newline,
  word,
  digit,
  quote,
  double_quote,
  dollar,
  slash,
  minus,
  semicolon,
};

consteval std::array<Class, 256> classes() {
  std::array<Class, 256> table{};
  for (std::size_t c = 'a'; c <= 'z'; ++c) table[c] = table[c - 32] = Class::word;
  for (std::size_t c = 0x80; c <= 0xff; ++c) table[c] = Class::word;
  for (std::size_t c = '0'; c <= '9'; ++c) table[c] = Class::digit;
  table['_'] = Class::word;
  table[' '] = table['\t'] = table['\f'] = table['\v'] = Class::space;
  table['\n'] = table['\r'] = Class::newline;
  table['\''] = Class::quote;
  table['"'] = Class::double_quote;
  table['('] = table[')'] = table['.'] = Class::bracket;
  table['$'] = Class::dollar;
  table['/'] = Class::slash;
  table['-'] = Class::minus;
  table[';'] = Class::semicolon;
  return table;
}
inline constexpr std::array<Class, 256> kClasses = classes();

consteval std::array<bool, 256> in_words() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    table[c] = kClasses[c] == Class::word || kClasses[c] == Class::digit || c == '$';
  }
  return table;
}
inline constexpr std::array<bool, 256> kInWord = in_words();

inline Class class_of(char c) { return kClasses[static_cast<std::uint8_t>(c)]; }
inline bool in_word(char c) { return kInWord[static_cast<std::uint8_t>(c)]; }
inline bool in_tag(char c) { return in_word(c) && c != '$'; }

}  // namespace weir::protocol
