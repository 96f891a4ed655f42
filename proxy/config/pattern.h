// pattern.h: a regular expression as a value: copied, compared, and matched by several threads. It
// is PostgreSQL's kind as far as libc's extended kind means the same; what would mean another thing
// there, or take unbounded time or memory, is refused.
#pragma once

#include <regex.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/sentence.h"

namespace weir::proxy::config {

constexpr std::size_t kPatternBytesMax = 256;
constexpr std::size_t kPatternAtomsMax = 512;   // With its repetitions written out, as libc does.
constexpr std::size_t kPatternNameMax = 1'024;  // Bytes; a longer name matches nothing.

class Pattern {
 public:
  static Said<Pattern> compile(std::string_view text);
  Pattern(const Pattern& other);
  Pattern& operator=(const Pattern& other);
  Pattern(Pattern&&) noexcept = default;
  Pattern& operator=(Pattern&&) noexcept = default;
  ~Pattern() = default;

  struct Found {
    std::optional<std::string> group;  // What the first group matched, if it did.
  };
  // Anywhere in `name`, unless the expression has ^ and $.
  std::optional<Found> find(std::string_view name) const;
  bool has_group() const { return compiled_->re_nsub > 0; }
  bool operator==(const Pattern& other) const { return text_ == other.text_; }

 private:
  struct Free {
    void operator()(regex_t* compiled) const;
  };
  using Compiled = std::unique_ptr<regex_t, Free>;

  Pattern(std::string text, Compiled compiled);
  static Said<Compiled> compile_plain(const std::string& text);

  std::string text_;  // In libc's spelling.
  Compiled compiled_;
};

}  // namespace weir::proxy::config
