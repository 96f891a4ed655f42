#include "proxy/config/pattern.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include "protocol/check.h"

namespace weir::proxy::config {
namespace {

// PostgreSQL's short names for kinds of characters.
std::string_view kind(char letter) {
  switch (letter) {
    case 'd':
      return "[:digit:]";
    case 's':
      return "[:space:]";
    case 'w':
      return "[:alnum:]_";
    default:
      return {};
  }
}

// How many atoms there are once libc has written each repetition out, which it does before it
// matches: (((a+)+)+)+ are sixteen.
class Weight {
 public:
  void atom() {
    close_atom();
    last_ = 1;
    has_atom_ = true;
  }
  void open_group() {
    close_atom();
    outer_.push_back(sum_);
    sum_ = 0;
  }
  void close_group() {
    close_atom();
    last_ = sum_ + 1;
    sum_ = outer_.empty() ? 0 : outer_.back();
    if (!outer_.empty()) outer_.pop_back();
    has_atom_ = true;
  }
  // False: nothing stands before it, or another repetition does, or it becomes too much.
  bool repeat(std::size_t times) {
    if (!has_atom_) return false;
    has_atom_ = false;
    last_ *= std::max(times, std::size_t{1});
    return bounded();
  }
  void bar() { close_atom(); }
  bool bounded() const { return sum_ + last_ <= kPatternAtomsMax; }

 private:
  void close_atom() {
    sum_ += last_;
    last_ = 0;
    has_atom_ = false;
  }

  std::vector<std::size_t> outer_;
  std::size_t sum_ = 0;   // Of the group that is open, but for its last atom.
  std::size_t last_ = 0;  // Bounded by bounded(): it is asked after each step.
  bool has_atom_ = false;
};

// From PostgreSQL's spelling to libc's.
class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : text_(text) {}

  Said<std::string> run() {
    for (; at_ < text_.size(); ++at_) {
      auto taken = inside_ ? take_inside(text_[at_]) : take_outside(text_[at_]);
      if (!taken) return no(taken.error());
      if (!weight_.bounded()) return no(kTooMuch);
    }
    return std::move(out_);
  }

 private:
  static constexpr const char* kTooMuch = "written out it has more than 512 parts";

  char ahead(std::size_t by) const { return at_ + by < text_.size() ? text_[at_ + by] : '\0'; }

  Said<void> take_outside(char c) {
    switch (c) {
      case '\\':
        return take_escape();
      case '(':
        if (ahead(1) == '?') return no("(? is not built in");
        weight_.open_group();
        break;
      case ')':
        weight_.close_group();
        break;
      case '|':
      case '^':
      case '$':
        weight_.bar();
        break;
      case '*':
      case '?':
      case '+':
        return take_repeat(c == '+' ? 2 : 1, 1);
      case '{':
        return take_bounds();
      default:
        weight_.atom();
    }
    out_ += c;
    if (c == '[') open_bracket();
    return {};
  }

  Said<void> take_escape() {
    const char c = ahead(1);
    ++at_;
    weight_.atom();
    if (const auto set = kind(c); !set.empty()) {
      out_.append("[").append(set).append("]");
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      return no(std::string("\\") + c + " is not built in: there are \\d, \\s and \\w");
    } else if (c != '\0') {
      out_.append("\\").append(1, c);
    } else {
      return no("it ends in a backslash");
    }
    return {};
  }

  Said<void> take_repeat(std::size_t times, std::size_t bytes) {
    if (!weight_.repeat(times)) {
      return no(weight_.bounded() ? "a repetition of nothing, or of a repetition" : kTooMuch);
    }
    out_.append(text_.substr(at_, bytes));
    at_ += bytes - 1;
    return {};
  }

  // {m}, {m,} or {m,n}.
  Said<void> take_bounds() {
    const auto close = text_.find('}', at_);
    if (close == std::string_view::npos) return no("{ without }");
    const std::string_view bounds = text_.substr(at_ + 1, close - at_ - 1);
    const auto comma = bounds.find(',');
    const auto least = number(bounds.substr(0, comma));
    auto most = least;
    if (comma != std::string_view::npos) {
      const std::string_view rest = bounds.substr(comma + 1);
      most = !rest.empty() ? number(rest) : least ? std::optional(*least + 1) : std::nullopt;
    }
    if (!least || !most) return no("{} holds one number, or two with a comma, up to 255");
    return take_repeat(std::max(*least, *most), bounds.size() + 2);
  }

  static std::optional<std::size_t> number(std::string_view text) {
    constexpr std::size_t kMost = 255;  // PostgreSQL's.
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > kMost) return {};
    return number;
  }

  // A ] that stands first in brackets is one of their characters.
  void open_bracket() {
    inside_ = true;
    if (ahead(1) == '^') out_ += text_[++at_];
    if (ahead(1) == ']') out_ += text_[++at_];
  }

  Said<void> take_inside(char c) {
    if (c == '\\') {
      const auto set = kind(ahead(1));
      if (set.empty()) return no("a backslash in [] is not built in but for \\d, \\s and \\w");
      out_ += set;
      ++at_;
      return {};
    }
    if (c == '[') {
      if (ahead(1) != ':') return no("[ in [] is not built in but for [:class:]");
      const auto end = text_.find(":]", at_ + 2);
      if (end == std::string_view::npos) return no("[: without :]");
      out_.append(text_.substr(at_, end + 2 - at_));
      at_ = end + 1;
      return {};
    }
    inside_ = c != ']';
    out_ += c;
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool inside_ = false;  // Of brackets.
  Weight weight_;
  std::string out_;
};

}  // namespace

Said<Pattern> Pattern::compile(std::string_view text) {
  if (text.empty()) return no("it is empty");
  if (text.size() > kPatternBytesMax) return no("it is longer than 256 bytes");
  if (text.find('\0') != std::string_view::npos) return no("a NUL byte");
  auto plain = Rewriter(text).run();
  if (!plain) return no(plain.error());
  auto compiled = compile_plain(*plain);
  if (!compiled) return no(compiled.error());
  return Pattern(std::move(*plain), std::move(*compiled));
}

Pattern::Pattern(std::string text, Compiled compiled)
    : text_(std::move(text)), compiled_(std::move(compiled)) {}

Pattern::Pattern(const Pattern& other) : text_(other.text_) {
  auto compiled = compile_plain(text_);
  WEIR_CHECK(compiled.has_value());
  compiled_ = std::move(*compiled);
}

Pattern& Pattern::operator=(const Pattern& other) {
  if (this != &other) *this = Pattern(other);
  return *this;
}

Said<Pattern::Compiled> Pattern::compile_plain(const std::string& text) {
  auto fresh = std::make_unique<regex_t>();
  const int status = ::regcomp(fresh.get(), text.c_str(), REG_EXTENDED);
  if (status != 0) {
    char reason[128] = "";
    ::regerror(status, fresh.get(), reason, sizeof reason);
    return no(reason);
  }
  return Compiled(fresh.release());
}

std::optional<Pattern::Found> Pattern::find(std::string_view name) const {
  if (name.size() > kPatternNameMax || name.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string copy(name);
  std::array<regmatch_t, 2> at{};
  if (::regexec(compiled_.get(), copy.c_str(), at.size(), at.data(), 0) != 0) return std::nullopt;
  Found found;
  if (at[1].rm_so >= 0) {
    const auto from = static_cast<std::size_t>(at[1].rm_so);
    found.group = copy.substr(from, static_cast<std::size_t>(at[1].rm_eo) - from);
  }
  return found;
}

void Pattern::Free::operator()(regex_t* compiled) const {
  ::regfree(compiled);
  std::default_delete<regex_t>()(compiled);
}

}  // namespace weir::proxy::config
