// values.h: the text of one setting to its value, as its key's type and unit ask. Strict: a number
// with anything behind it is refused, except the units named here.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/config/keys.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

// text and choice (lower case): string. list: vector. boolean: bool. integer: int64 in its unit.
// time, and an integer counted in seconds or milliseconds: int64 microseconds.
using Value = std::variant<std::string, std::vector<std::string>, std::int64_t, bool>;

// A value and how the operator wrote it, which is all that a sentence may quote: what a variable
// of the environment has put in may be a secret.
struct Text {
  template <typename T>
  requires std::convertible_to<const T&, std::string_view> Text(const T& plain)
      : value(plain), written(plain) {}
  Text(std::string_view what, std::string_view as_written) : value(what), written(as_written) {}

  std::string_view value, written;
};

// The sentence names the key and may quote the text, so never call this for a password.
Said<Value> parse_value(const Key& key, const Text& text);

// Whether a key that is not built has its way with this value all the same: it is the default, or
// switches off what is not there.
bool asks_for_nothing(const Key& key, const Value& value);

// What SHOW CONFIG has for it, once parse_value() has taken it.
std::string shown_text(const Key& key, const Text& text);

// The sentence for a name that is no key of this scope, with the nearest one that is.
std::string unknown_setting(std::string_view name, Scopes scope);

// Names between commas, spaces around them dropped, empty ones too.
std::vector<std::string> split_list(std::string_view text);

std::string_view trim(std::string_view text);

// Calls visit(word) for the words between spaces until it returns true; true if one did.
template <typename Visit>
bool any_word(std::string_view words, Visit visit) {
  while (!words.empty()) {
    const auto end = words.find(' ');
    if (visit(words.substr(0, end))) return true;
    if (end == std::string_view::npos) break;
    words.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace weir::proxy::config
