// language.h: messages as words, so that a test reads like a transcript.
//   word = tag [ "(" argument ")" ] [ "text" or 'text' ]      Q"select 1"  P(s1)"select $1"  Z(T)
// The argument is a name, a status or a number; left out: unnamed, I, or nothing. Of an error the
// text begins with its SQLSTATE, and the argument is its severity unless that is ERROR. The same
// tag means different things in the two directions: hence two tongues.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/bytes.h"

namespace weir::story {

// Words to bytes. REQUIRES: well-formed words; it aborts with the text that is not.
Buffer client_bytes(std::string_view words);
Buffer server_bytes(std::string_view words);

// Bytes to words. What is not a whole message ends as "..." and stays out of the words.
std::string client_words(Bytes bytes);
std::string server_words(Bytes bytes);

using Settings = std::vector<std::pair<std::string, std::string>>;
Buffer startup_bytes(const Settings& settings, std::uint32_t version = 3u << 16);
// A message with a header that may lie.
Buffer raw_message(char tag, std::uint32_t length, std::string_view body = {});
// A packet without a tag: SSLRequest and its kin.
Buffer untagged(std::uint32_t code, std::string_view body = {});

}  // namespace weir::story
