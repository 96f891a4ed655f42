// sentence.h: how the config room says no. Code below the loader returns a sentence without a
// place; the loader, which knows file and line, puts the place in front.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "protocol/result.h"

namespace weir::proxy::config {

struct Place {
  std::string file;
  int line = 0;  // From 1; 0: the file as a whole.
};

template <typename T>
using Said = tl::expected<T, std::string>;

inline tl::unexpected<std::string> no(std::string sentence) {
  return tl::unexpected<std::string>(std::move(sentence));
}

// `"text"`, cut to a readable length, with control characters replaced. Not for secrets.
std::string quoted(std::string_view text);

// Nothing but letters, digits and .+-_: no mark in it behind which a password could have got into a
// value by a slip, as in port=5432,password=secret.
bool is_plain_word(std::string_view text);

// `file:line`, or `file` when the line is 0.
std::string placed(const Place& place);
// `file:line: sentence`, or `file: sentence` when the line is 0.
std::string placed(const Place& place, std::string_view sentence);

// "one; another; a third".
std::string joined(const std::vector<std::string>& sentences);

inline tl::unexpected<Fault> fail_at(const Place& place, std::string_view sentence) {
  return fail("F0000", placed(place, sentence));
}

}  // namespace weir::proxy::config
