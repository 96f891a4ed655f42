// sql_lexer.h: cuts SQL text into tokens as it streams by (manual: Lexical Structure).
//
// It keeps at most the beginning of one token and a dollar quote's tag. Comments and space are no
// tokens. Unless every token is asked for it gives only the words that are sought, which is what
// makes it quick: all else is passed over in one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/sql_word.h"

namespace weir::protocol {

inline constexpr std::size_t kIdentifierBytesMax = 63;  // PostgreSQL cuts longer ones.

struct Token {
  enum class Kind : std::uint8_t { word, quoted, string, mark, semicolon };
  Kind kind = Kind::mark;
  char mark = 0;               // '(' and so on; '0' for digits, '$' for a parameter.
  bool after_dot = false;      // A word right behind a '.'.
  bool unclear = false;        // U&"…" or U&'…': escapes are not undone.
  bool suspect = false;        // Quoted text that was looked into, and a word sought was there.
  Word word = Word::none;      // Of a quoted name only where that may be a name sought.
  std::string_view text = {};  // As written, quotes undone; may be cut behind kIdentifierBytesMax.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool is(char c) const { return kind == Kind::mark && mark == c; }
  bool is_name() const { return kind == Kind::word || kind == Kind::quoted; }
  Word keyword() const { return kind == Kind::word ? word : Word::none; }  // "all" is a name.
};

class SqlLexer {
 public:
  explicit SqlLexer(bool standard_conforming_strings)
      : plain_backslash_(standard_conforming_strings) {}

  // Takes the next token off the front of `part`; false: the part is used up. A token ends when
  // what follows it has been seen: a newline as the last part brings the last one. A ';' inside
  // parentheses is a mark. `token.text` is valid until the next call, and as long as `part`.
  bool next(std::string_view& part, Token& token);

  // What next() gives from now on. Semicolons always come.
  void attend(Attention attention) { attention_ = attention; }

  std::uint32_t depth() const { return depth_; }        // Of parentheses, behind the last token.
  std::uint64_t last_end() const { return last_end_; }  // Of tokens passed over, too.
  // The last token that was given is a ';': where the one before it ended.
  std::uint64_t end_before() const { return end_before_; }
  bool inside() const { return state_ != State::ground; }  // A quoted text or comment is open.

 private:
  enum class State : std::uint8_t {
    ground,
    word,
    u_ampersand,
    slash,
    minus,
    line_comment,
    comment,
    comment_slash,
    comment_star,
    string,
    string_escaped,
    string_quote,
    quoted,
    quoted_quote,
    dollar,
    dollar_tag,
    body,
    body_tag,
  };
  enum class Quote : std::uint8_t { plain, escape, bits };

  struct Cursor {
    const char* begin;
    const char* at;
    const char* end;
    std::uint64_t base;
    std::uint64_t offset() const { return offset(at); }
    std::uint64_t offset(const char* p) const {
      return base + static_cast<std::uint64_t>(p - begin);
    }
  };

  bool step(Cursor& in, Token& token);
  void pass_over(Cursor& in);
  bool ground(Cursor& in, Token& token);
  static std::string_view take_word(Cursor& in);
  bool begin_word(Cursor& in, Token& token);
  bool more_word(Cursor& in, Token& token);
  bool end_word(std::string_view text, Cursor& in, Token& token);
  bool give_word(std::string_view text, Cursor& in, Token& token);
  bool after_u_ampersand(Cursor& in, Token& token);
  bool mark(char c, Cursor& in, Token& token);
  bool mark_before(char c, Cursor& in, Token& token);
  bool semicolon(Cursor& in, Token& token);

  void open_string(Quote quote, Cursor& in);
  bool more_string(Cursor& in, Token& token);
  bool after_string_quote(Cursor& in, Token& token);
  bool end_string(Cursor& in, Token& token);
  bool begin_quoted(Cursor& in, Token& token);
  bool more_quoted(Cursor& in);
  bool after_quoted_quote(Cursor& in, Token& token);
  bool end_quoted(std::string_view text, Cursor& in, Token& token);

  bool after_dollar(Cursor& in, Token& token);
  bool more_tag(Cursor& in, Token& token);
  void more_body(Cursor& in);
  bool match_tag(Cursor& in, Token& token);
  void more_comment(Cursor& in);

  void content(std::string_view text);
  void hold(std::string_view text);
  void look_inside(std::string_view text);
  void end_inner_word();
  std::string_view held() const { return {held_.data(), held_bytes_}; }

  State state_ = State::ground;
  Quote quote_ = Quote::plain;
  Attention attention_ = kEveryToken;
  bool plain_backslash_;
  bool unclear_ = false;
  bool suspect_ = false;
  bool held_all_ = true;  // Nothing of the token has been cut off.
  std::uint8_t held_bytes_ = 0;
  std::uint8_t tag_bytes_ = 0;
  std::uint8_t tag_matched_ = 0;
  std::uint8_t inner_bytes_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t comment_depth_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t begin_ = 0;  // Of the token that has begun.
  std::uint64_t last_end_ = 0;
  std::uint64_t end_before_ = 0;
  std::uint64_t dot_end_ = ~std::uint64_t{0};
  std::uint64_t escape_end_ = ~std::uint64_t{0};  // Of an E'…' that a newline and a ' continue.
  std::uint64_t newline_at_ = 0;
  std::array<char, kIdentifierBytesMax + 1> held_{};
  std::array<char, kIdentifierBytesMax + 1> tag_{};
  std::array<char, kWordBytesMax + 1> inner_{};
};

}  // namespace weir::protocol
