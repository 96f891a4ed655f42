// sql_quoted.cc: the lexer inside of quotes: strings, "names", $tag$ … $tag$.
#include <algorithm>
#include <cstring>

#include "protocol/sql_class.h"
#include "protocol/sql_lexer.h"

namespace weir::protocol {

namespace {

constexpr std::uint8_t kTagNeverEnds = 255;  // It is longer than what is kept.

const char* find(const char* at, const char* end, char c) {
  const void* found = std::memchr(at, c, static_cast<std::size_t>(end - at));
  return found ? static_cast<const char*>(found) : end;
}

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<std::size_t>(to - from)};
}

}  // namespace

// REQUIRES: the quote is at hand, begin_ is set.
void SqlLexer::open_string(Quote quote, Cursor& in) {
  ++in.at;
  quote_ = quote;
  unclear_ = suspect_ = false;
  held_all_ = true;
  held_bytes_ = 0;
  state_ = State::string;
}

bool SqlLexer::more_string(Cursor& in, Token& token) {
  const char* stop = in.at;
  if (quote_ == Quote::escape) {
    while (stop != in.end && *stop != '\'' && *stop != '\\') ++stop;
  } else {
    stop = find(in.at, in.end, '\'');
  }
  content(between(in.at, stop));
  in.at = stop;
  if (stop == in.end) return false;
  ++in.at;
  if (*stop == '\\') {
    state_ = State::string_escaped;
    held_all_ = false;  // Undoing escapes is not worth it: nobody trusts such a text.
  } else if (quote_ == Quote::bits) {
    return end_string(in, token);
  } else {
    state_ = State::string_quote;
  }
  return false;
}

bool SqlLexer::after_string_quote(Cursor& in, Token& token) {
  if (*in.at != '\'') return end_string(in, token);
  content("'");
  ++in.at;
  state_ = State::string;
  return false;
}

bool SqlLexer::end_string(Cursor& in, Token& token) {
  end_inner_word();
  state_ = State::ground;
  last_end_ = in.offset();
  if (quote_ == Quote::escape) escape_end_ = last_end_;
  if (!(attention_ & kEveryToken) && !suspect_) return false;
  token = Token{.kind = Token::Kind::string,
                .unclear = unclear_ || !held_all_,
                .suspect = suspect_,
                .text = held(),
                .begin = begin_,
                .end = last_end_};
  return true;
}

bool SqlLexer::begin_quoted(Cursor& in, Token& token) {
  unclear_ = false;
  const char* const from = ++in.at;
  const char* const stop = find(from, in.end, '"');
  if (in.end - stop >= 2 && stop[1] != '"') {
    in.at = stop + 1;
    return end_quoted(between(from, stop), in, token);
  }
  held_bytes_ = 0;
  state_ = State::quoted;
  return false;
}

bool SqlLexer::more_quoted(Cursor& in) {
  const char* const stop = find(in.at, in.end, '"');
  hold(between(in.at, stop));
  in.at = stop;
  if (stop == in.end) return false;
  ++in.at;
  state_ = State::quoted_quote;
  return false;
}

bool SqlLexer::after_quoted_quote(Cursor& in, Token& token) {
  if (*in.at != '"') {
    state_ = State::ground;
    return end_quoted(held(), in, token);
  }
  hold("\"");
  ++in.at;
  state_ = State::quoted;
  return false;
}

bool SqlLexer::end_quoted(std::string_view text, Cursor& in, Token& token) {
  last_end_ = in.offset();
  const WordRow* row = find_word(text, false);
  if (row && !((row->sought & kNames) && row->text == text)) row = nullptr;
  const bool sought = (row && (row->sought & attention_)) || unclear_;
  if (!sought && !(attention_ & kEveryToken)) return false;
  token = Token{.kind = Token::Kind::quoted,
                .unclear = unclear_,
                .word = row ? row->word : Word::none,
                .text = text,
                .begin = begin_,
                .end = last_end_};
  return true;
}

// A parameter, a dollar quote, or a mistake.
bool SqlLexer::after_dollar(Cursor& in, Token& token) {
  tag_bytes_ = 0;
  if (*in.at != '$' && class_of(*in.at) != Class::word) return mark_before('$', in, token);
  state_ = State::dollar_tag;
  return false;
}

bool SqlLexer::more_tag(Cursor& in, Token& token) {
  while (in.at != in.end && in_tag(*in.at)) {
    if (tag_bytes_ < tag_.size()) {
      tag_[tag_bytes_++] = *in.at;
    } else {
      tag_bytes_ = kTagNeverEnds;
    }
    ++in.at;
  }
  if (in.at == in.end) return false;
  if (*in.at != '$') return mark_before('$', in, token);
  open_string(Quote::plain, in);
  state_ = State::body;
  return false;
}

void SqlLexer::more_body(Cursor& in) {
  const char* const stop = find(in.at, in.end, '$');
  content(between(in.at, stop));
  in.at = stop;
  if (stop == in.end) return;
  ++in.at;
  tag_matched_ = 0;
  state_ = State::body_tag;
}

// A '$' of the body and tag_matched_ bytes of the tag have been seen.
bool SqlLexer::match_tag(Cursor& in, Token& token) {
  const char c = *in.at;
  const bool complete = tag_matched_ == tag_bytes_;
  if (c == '$' && complete) {
    ++in.at;
    return end_string(in, token);
  }
  if (tag_bytes_ != kTagNeverEnds && !complete && c == tag_[tag_matched_]) {
    ++in.at;
    ++tag_matched_;
    return false;
  }
  content("$");
  content({tag_.data(), tag_matched_});
  state_ = State::body;
  return false;
}

void SqlLexer::content(std::string_view text) {
  if (attention_ & kEveryToken) hold(text);
  if (attention_ & kInside) look_inside(text);
}

void SqlLexer::hold(std::string_view text) {
  const std::size_t taken = std::min(text.size(), held_.size() - held_bytes_);
  if (taken < text.size()) held_all_ = false;
  std::memcpy(held_.data() + held_bytes_, text.data(), taken);
  held_bytes_ = static_cast<std::uint8_t>(held_bytes_ + taken);
}

void SqlLexer::look_inside(std::string_view text) {
  for (const char c : text) {
    if (!in_tag(c)) {
      end_inner_word();
    } else if (inner_bytes_ < inner_.size()) {
      inner_[inner_bytes_++] = c;
    }
  }
}

void SqlLexer::end_inner_word() {
  const WordRow* row = find_word({inner_.data(), inner_bytes_}, false);
  if (row && (row->sought & kInside)) suspect_ = true;
  inner_bytes_ = 0;
}

}  // namespace weir::protocol
