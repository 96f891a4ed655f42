#include "tests/conversation/language.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "protocol/decode.h"
#include "protocol/encode.h"

namespace weir::story {

namespace {

struct Word {
  char tag = 0;
  std::string argument;
  std::string text;
};

[[noreturn]] void bad(std::string_view words) {
  std::fprintf(stderr, "not a word: %.*s\n", static_cast<int>(words.size()), words.data());
  std::abort();
}

// The rest of `words` behind the closing mark; what stood before it goes to `into`.
std::string_view until(std::string_view words, char mark, std::string& into) {
  const auto end = words.find(mark, 1);
  if (end == std::string_view::npos) bad(words);
  into = words.substr(1, end - 1);
  return words.substr(end + 1);
}

std::optional<Word> next_word(std::string_view& words) {
  while (!words.empty() && (words.front() == ' ' || words.front() == '\n')) words.remove_prefix(1);
  if (words.empty()) return std::nullopt;
  Word word{words.front(), {}, {}};
  words.remove_prefix(1);
  if (!words.empty() && words.front() == '(') words = until(words, ')', word.argument);
  if (!words.empty() && (words.front() == '"' || words.front() == '\'')) {
    words = until(words, words.front(), word.text);
  }
  if (!words.empty() && words.front() != ' ' && words.front() != '\n') bad(words);
  return word;
}

void put(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

std::string big(std::uint32_t value) {
  std::string out(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (24 - 8 * i));
  return out;
}

std::string ended(std::string_view text) { return std::string{text} + '\0'; }

void put_message(Buffer& out, char tag, std::string_view body) {
  const Buffer made = raw_message(tag, static_cast<std::uint32_t>(4 + body.size()), body);
  out.insert(out.end(), made.begin(), made.end());
}

std::string client_body(const Word& word) {
  using namespace std::string_literals;
  switch (word.tag) {
    case 'Q':
    case 'p':
    case 'f':
      return ended(word.text);
    case 'P':
      return ended(word.argument) + ended(word.text) + "\0\0"s;
    case 'B':
      return "\0"s + ended(word.argument) + "\0\0\0\0\0\0"s;
    case 'D':
    case 'C':
      return "S" + ended(word.argument);
    case 'E':
      return "\0\0\0\0\0"s;
    case 'F':
      return "\0\0\0\1\0\0\0\0\0\0"s;
    default:
      return word.text;
  }
}

std::string error_body(const Word& word, std::string_view usual) {
  const std::string severity{word.argument.empty() ? usual : word.argument};
  const auto gap = word.text.find(' ');
  std::string body = "S" + ended(severity) + "V" + ended(severity);
  if (!word.text.empty()) body += "C" + ended(word.text.substr(0, gap));
  if (gap != std::string::npos) body += "M" + ended(word.text.substr(gap + 1));
  return body + '\0';
}

std::string server_body(const Word& word) {
  using namespace std::string_literals;
  switch (word.tag) {
    case 'T':
      return "\0\1c\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"s;
    case 'D':
      return "\0\1"s + big(static_cast<std::uint32_t>(word.text.size())) + word.text;
    case 'C':
      return ended(word.text);
    case 'Z':
      return word.argument.empty() ? "I" : word.argument;
    case 'E':
      return error_body(word, "ERROR");
    case 'N':
      return error_body(word, "NOTICE");
    case 'S': {
      const auto equals = word.text.find('=');
      return ended(word.text.substr(0, equals)) + ended(word.text.substr(equals + 1));
    }
    case 'R':
      return big(0);
    case 'K':
      return big(static_cast<std::uint32_t>(std::strtoul(word.argument.c_str(), nullptr, 10))) +
             (word.text.empty() ? "key!" : word.text);
    case 'G':
    case 'H':
    case 'W':
      return "\0\0\0"s;
    case 'A':
      return big(7) + ended(word.text) + ended({});
    case 'V':
      return big(0xffff'ffff);
    case 't':
      return "\0\0"s;
    default:
      return word.text;
  }
}

// --- Bytes to words.

std::string quoted(std::string_view text) {
  if (text.empty()) return {};
  const char mark = text.find('"') == std::string_view::npos ? '"' : '\'';
  return mark + std::string{text} + mark;
}

std::string in_brackets(std::string_view argument) {
  return argument.empty() ? "" : "(" + std::string{argument} + ")";
}

std::string first_string(protocol::Reader& reader) {
  return std::string{reader.cstring().value_or("?")};
}

std::string client_tail(char tag, Bytes body) {
  protocol::Reader reader(body);
  switch (tag) {
    case 'Q':
    case 'p':
    case 'f':
      return quoted(first_string(reader));
    case 'P': {
      const std::string name = first_string(reader);
      return in_brackets(name) + quoted(first_string(reader));
    }
    case 'B':
      reader.cstring();
      return in_brackets(first_string(reader));
    case 'D':
    case 'C':
      reader.u8();
      return in_brackets(first_string(reader));
    case 'd':
      return quoted(as_text(body));
    default:
      return {};
  }
}

std::string server_tail(char tag, Bytes body) {
  protocol::Reader reader(body);
  switch (tag) {
    case 'D': {
      reader.u16();
      reader.u32();
      return quoted(as_text(reader.rest()));
    }
    case 'C':
      return quoted(first_string(reader));
    case 'Z':
      return as_text(body) == "I" ? "" : in_brackets(as_text(body));
    case 'E':
    case 'N': {
      const auto fields = protocol::parse_error(body);
      const std::string usual = tag == 'E' ? "ERROR" : "NOTICE";
      return in_brackets(fields.severity == usual ? "" : fields.severity) +
             quoted(fields.sqlstate + " " + fields.message);
    }
    case 'S': {
      const std::string name = first_string(reader);
      return quoted(name + "=" + first_string(reader));
    }
    case 'R': {
      const auto code = reader.u32().value_or(99);
      return in_brackets(code == 0 ? "" : std::to_string(code));
    }
    case 'A':
      reader.u32();
      return quoted(first_string(reader));
    case 'd':
      return quoted(as_text(body));
    case 'v': {
      const auto version = reader.u32().value_or(0);
      std::string options;
      for (auto left = reader.u32().value_or(0); left > 0; --left) {
        options += (options.empty() ? "" : " ") + first_string(reader);
      }
      return in_brackets(std::to_string(version >> 16) + "." + std::to_string(version & 0xffff)) +
             quoted(options);
    }
    default:
      return {};
  }
}

template <typename Tail>
std::string words(Bytes bytes, Tail tail) {
  std::string out;
  while (!bytes.empty()) {
    if (!out.empty()) out += ' ';
    const std::size_t length = bytes.size() < 5 ? 0 : load_u32(bytes.data() + 1);
    if (length < 4 || length > bytes.size() - 1) return out + "...";
    const char tag = static_cast<char>(bytes[0]);
    out += tag + tail(tag, bytes.subspan(5, length - 4));
    bytes = bytes.subspan(1 + length);
  }
  return out;
}

}  // namespace

Buffer client_bytes(std::string_view text) {
  Buffer out;
  while (const auto word = next_word(text)) put_message(out, word->tag, client_body(*word));
  return out;
}

Buffer server_bytes(std::string_view text) {
  Buffer out;
  while (const auto word = next_word(text)) put_message(out, word->tag, server_body(*word));
  return out;
}

std::string client_words(Bytes bytes) { return words(bytes, client_tail); }

std::string server_words(Bytes bytes) { return words(bytes, server_tail); }

Buffer startup_bytes(const Settings& settings, std::uint32_t version) {
  Buffer out;
  protocol::put_startup(out, version, settings);
  return out;
}

Buffer raw_message(char tag, std::uint32_t length, std::string_view body) {
  Buffer out{static_cast<std::uint8_t>(tag)};
  put(out, big(length));
  put(out, body);
  return out;
}

Buffer untagged(std::uint32_t code, std::string_view body) {
  Buffer out;
  put(out, big(static_cast<std::uint32_t>(8 + body.size())) + big(code) + std::string{body});
  return out;
}

}  // namespace weir::story
