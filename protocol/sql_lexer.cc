#include "protocol/sql_lexer.h"

#include <utility>

#include "protocol/sql_class.h"

namespace weir::protocol {

namespace {

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<std::size_t>(to - from)};
}

}  // namespace

bool SqlLexer::next(std::string_view& part, Token& token) {
  Cursor in{part.data(), part.data(), part.data() + part.size(), offset_};
  bool found = false;
  while (!found && in.at != in.end) found = step(in, token);
  offset_ = in.offset();
  part.remove_prefix(static_cast<std::size_t>(in.at - in.begin));
  return found;
}

bool SqlLexer::step(Cursor& in, Token& token) {
  switch (state_) {
    case State::ground:
      return ground(in, token);
    case State::word:
      return more_word(in, token);
    case State::u_ampersand:
      return after_u_ampersand(in, token);
    case State::slash:
      if (*in.at != '*') return mark_before('/', in, token);
      ++in.at;
      comment_depth_ = 1;
      escape_end_ = ~std::uint64_t{0};
      state_ = State::comment;
      return false;
    case State::minus:
      if (*in.at != '-') return mark_before('-', in, token);
      state_ = State::line_comment;
      return false;
    case State::line_comment:
      while (in.at != in.end && class_of(*in.at) != Class::newline) ++in.at;
      if (in.at != in.end) state_ = State::ground;
      return false;
    case State::comment:
    case State::comment_slash:
    case State::comment_star:
      more_comment(in);
      return false;
    case State::string:
      return more_string(in, token);
    case State::string_escaped:
      content(between(in.at, in.at + 1));
      ++in.at;
      state_ = State::string;
      return false;
    case State::string_quote:
      return after_string_quote(in, token);
    case State::quoted:
      return more_quoted(in);
    case State::quoted_quote:
      return after_quoted_quote(in, token);
    case State::dollar:
      return after_dollar(in, token);
    case State::dollar_tag:
      return more_tag(in, token);
    case State::body:
      more_body(in);
      return false;
    case State::body_tag:
      return match_tag(in, token);
  }
  return false;
}

// What is no token, and tokens that nobody asks for: the loop that ordinary text stays in. It works
// on copies, as a char may alias any member.
void SqlLexer::pass_over(Cursor& in) {
  const bool skim = attention_ == (kNames | kPhrases);
  const char* at = in.at;
  const char* const end = in.end;
  const char* last = nullptr;
  for (; at != end; ++at) {
    const Class here = class_of(*at);
    if (here == Class::space) continue;
    if (here == Class::word) {
      const char* behind = at + 1;
      while (behind != end && in_word(*behind)) ++behind;
      if (behind == end || words::may_be_sought(between(at, behind), skim)) break;
      if (behind - at == 1 && (*behind == '\'' || *behind == '&')) break;  // E'…'
      last = behind;
      at = behind - 1;
    } else if (here == Class::digit || here == Class::mark) {
      last = at + 1;
    } else {
      break;
    }
  }
  in.at = at;
  if (last != nullptr) last_end_ = in.offset(last);
}

bool SqlLexer::ground(Cursor& in, Token& token) {
  while (true) {
    if (!(attention_ & kEveryToken)) pass_over(in);
    if (in.at == in.end) return false;
    const char c = *in.at;
    switch (class_of(c)) {
      case Class::space:
        ++in.at;
        break;
      case Class::newline:
        newline_at_ = in.offset();
        ++in.at;
        break;
      case Class::word:
        if (begin_word(in, token)) return true;
        if (state_ != State::ground) return false;
        break;
      case Class::digit:
      case Class::bracket:
      case Class::mark:
        begin_ = in.offset();
        ++in.at;
        if (mark(c, in, token)) return true;
        break;
      case Class::quote: {
        const bool continues = last_end_ == escape_end_ && newline_at_ >= escape_end_;
        begin_ = in.offset();
        open_string(continues || !plain_backslash_ ? Quote::escape : Quote::plain, in);
        return false;
      }
      case Class::double_quote:
        begin_ = in.offset();
        if (begin_quoted(in, token)) return true;
        if (state_ != State::ground) return false;
        break;
      case Class::dollar:
      case Class::slash:
      case Class::minus:
        begin_ = in.offset();
        ++in.at;
        state_ = c == '$' ? State::dollar : c == '/' ? State::slash : State::minus;
        return false;
      case Class::semicolon:
        begin_ = in.offset();
        ++in.at;
        if (semicolon(in, token)) return true;
        break;
    }
  }
}

std::string_view SqlLexer::take_word(Cursor& in) {
  const char* at = in.at;
  while (at != in.end && in_word(*at)) ++at;
  return between(std::exchange(in.at, at), at);
}

bool SqlLexer::begin_word(Cursor& in, Token& token) {
  begin_ = in.offset();
  const std::string_view text = take_word(in);
  if (in.at != in.end) return end_word(text, in, token);
  held_bytes_ = 0;
  hold(text);
  state_ = State::word;
  return false;
}

bool SqlLexer::more_word(Cursor& in, Token& token) {
  hold(take_word(in));
  if (in.at == in.end) return false;
  state_ = State::ground;
  return end_word(held(), in, token);
}

// A word of one letter may be the beginning of a quoted text: E'…', U&"…".
bool SqlLexer::end_word(std::string_view text, Cursor& in, Token& token) {
  if (text.size() == 1 && (*in.at == '\'' || *in.at == '&')) {
    const char letter = fold(text[0]);
    if (*in.at == '&' && letter == 'u') {
      held_[0] = text[0];
      held_bytes_ = 1;
      ++in.at;
      state_ = State::u_ampersand;
      return false;
    }
    const bool bits = letter == 'b' || letter == 'x';
    if (*in.at == '\'' && (bits || letter == 'e' || letter == 'n')) {
      const bool escape = letter == 'e' || (letter == 'n' && !plain_backslash_);
      open_string(bits ? Quote::bits : escape ? Quote::escape : Quote::plain, in);
      return false;
    }
  }
  return give_word(text, in, token);
}

bool SqlLexer::give_word(std::string_view text, Cursor& in, Token& token) {
  const bool after_dot = last_end_ == dot_end_;
  last_end_ = in.offset();
  const bool every = (attention_ & kEveryToken) != 0;
  const WordRow* row = find_word(text, every);
  if (!every && !(row && (row->sought & attention_))) return false;
  token = Token{.kind = Token::Kind::word,
                .after_dot = after_dot,
                .word = row ? row->word : Word::none,
                .text = text,
                .begin = begin_,
                .end = last_end_};
  return true;
}

bool SqlLexer::after_u_ampersand(Cursor& in, Token& token) {
  state_ = State::ground;
  if (*in.at == '\'') {
    open_string(Quote::plain, in);
    unclear_ = true;
    return false;
  }
  if (*in.at == '"') {
    held_bytes_ = 0;
    unclear_ = true;
    ++in.at;
    state_ = State::quoted;
    return false;
  }
  return give_word(held(), in, token);  // The & is lost, and nobody asks for it.
}

bool SqlLexer::mark(char c, Cursor& in, Token& token) {
  if (class_of(c) == Class::digit) {
    c = '0';
  } else if (c == '(') {
    ++depth_;
  } else if (c == ')') {
    depth_ -= depth_ > 0;
  }
  last_end_ = in.offset();
  if (c == '.') dot_end_ = last_end_;
  if (!(attention_ & kEveryToken)) return false;
  token = Token{.kind = Token::Kind::mark, .mark = c, .begin = begin_, .end = last_end_};
  return true;
}

// A mark that is known by what is not behind it.
bool SqlLexer::mark_before(char c, Cursor& in, Token& token) {
  state_ = State::ground;
  return mark(c, in, token);
}

bool SqlLexer::semicolon(Cursor& in, Token& token) {
  if (depth_ > 0) return mark(';', in, token);
  end_before_ = last_end_;
  last_end_ = in.offset();
  token = Token{.kind = Token::Kind::semicolon, .begin = begin_, .end = last_end_};
  return true;
}

void SqlLexer::more_comment(Cursor& in) {
  for (; in.at != in.end; ++in.at) {
    const char c = *in.at;
    if (c == '*' && state_ == State::comment_slash) {
      ++comment_depth_;
      state_ = State::comment;
    } else if (c == '/' && state_ == State::comment_star) {
      state_ = State::comment;
      if (--comment_depth_ > 0) continue;
      ++in.at;
      state_ = State::ground;
      return;
    } else {
      state_ = c == '*' ? State::comment_star : c == '/' ? State::comment_slash : State::comment;
    }
  }
}

}  // namespace weir::protocol
