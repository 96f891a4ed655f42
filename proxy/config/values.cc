#include "proxy/config/values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstddef>
#include <optional>
#include <system_error>

#include "pool/quota.h"

namespace weir::proxy::config {
namespace {

struct Bounds {
  std::int64_t least, most;
};

constexpr Bounds bounds(Unit unit) {
  switch (unit) {
    case Unit::port:
      return {0, 65535};
    case Unit::peer:
      return {0, 16383};
    case Unit::octal:
      return {0, 07777};
    case Unit::level:
      return {0, 3};
    case Unit::iterations:
      return {1, 1'000'000};
    case Unit::threads:
      return {0, pool::kWorkersMax};
    default:
      return {0, INT_MAX};
  }
}

// Far beyond any timeout, and far from the end of an int64 when added to a clock.
constexpr double kSecondsMax = 1e10;

struct Scale {
  std::string_view suffix;
  double factor;
};
constexpr auto kTimes = std::to_array<Scale>(
    {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}});
constexpr auto kSizes = std::to_array<Scale>(
    {{"b", 1}, {"kb", 1024}, {"mb", 1024.0 * 1024}, {"gb", 1024.0 * 1024 * 1024}});

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// strtol's base 0: 0x for hexadecimal, a leading 0 for octal. Overflow saturates, so that the
// complaint is about the range and not about the spelling.
std::optional<std::int64_t> whole_number(std::string_view text) {
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  if (text.empty() || text[0] == '-' || text[0] == '+') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) number = INT64_MAX;
  return minus ? -number : number;
}

// A decimal number and one of the suffixes; without a suffix `bare` is its factor.
template <std::size_t N>
std::optional<double> measured(std::string_view text, const std::array<Scale, N>& scales,
                               double bare) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number)) return std::nullopt;
  const auto used = static_cast<std::size_t>(end - text.data());
  const std::string_view suffix = trim(text.substr(used));
  if (suffix.empty()) return number * bare;
  for (const Scale& scale : scales) {
    if (same_word(suffix, scale.suffix)) return number * scale.factor;
  }
  return std::nullopt;
}

// What a key of a line is given may be more than it seems: lines hold passwords, too.
std::string complaint(const Key& key, const Text& text, std::string_view what,
                      std::string_view cure) {
  const bool shown = key.scopes == kGlobal || is_plain_word(text.written);
  return (shown ? quoted(text.written) : "what is written") + " is " + std::string(what) + " for " +
         std::string(key.name) + ": " + std::string(cure);
}

Said<Value> read_time(const Key& key, const Text& text, double bare) {
  const auto seconds = measured(text.value, kTimes, bare);
  if (!seconds) {
    return no(complaint(key, text, "no time",
                        bare == 1 ? "write seconds, or a number with us, ms, s, min, h or d"
                                  : "write milliseconds, or a number with us, ms, s, min, h or d"));
  }
  if (*seconds < 0 || *seconds > kSecondsMax) {
    return no(complaint(key, text, "out of range", "a time is neither negative nor eternal"));
  }
  return std::llround(*seconds * 1e6);
}

Said<Value> read_size(const Key& key, const Text& text) {
  const auto plain = whole_number(text.value);
  const auto size = plain ? static_cast<double>(*plain) : measured(text.value, kSizes, 1.0);
  if (!size || std::floor(*size) != *size) {
    return no(complaint(key, text, "no size", "write bytes, or a number with kB, MB or GB"));
  }
  const std::int64_t most = key.name == "max_packet_size" ? UINT32_MAX : INT_MAX;  // PgBouncer's.
  if (*size < 0 || *size > static_cast<double>(most)) {
    return no(complaint(key, text, "out of range", "0 to " + std::to_string(most) + " bytes"));
  }
  return static_cast<std::int64_t>(*size);
}

// PgBouncer reads numbers of [pgbouncer] by strtol's base 0, and those of a line as decimal ones.
bool is_octal_or_decimal(const Key& key, std::string_view text) {
  return (key.scopes & kGlobal) == 0 && text.size() > 1 && text[0] == '0' &&
         std::isdigit(static_cast<unsigned char>(text[1])) != 0;
}

Said<Value> read_integer(const Key& key, const Text& text) {
  if (key.unit == Unit::bytes) return read_size(key, text);
  if (is_octal_or_decimal(key, text.value)) {
    return no(complaint(key, text, "octal or decimal", "write it without the 0 in front"));
  }
  const bool counts_time = key.unit == Unit::seconds || key.unit == Unit::milliseconds;
  const double bare = key.unit == Unit::milliseconds ? 1e-3 : 1;
  const auto number = whole_number(text.value);
  if (!number) {
    if (counts_time) return read_time(key, text, bare);
    return no(complaint(key, text, "no number", "write a whole number without a unit"));
  }
  const Bounds limit = bounds(key.unit);
  if (*number < limit.least || *number > limit.most) {
    return no(complaint(key, text, "out of range",
                        std::to_string(limit.least) + " to " + std::to_string(limit.most)));
  }
  if (counts_time) return std::llround(static_cast<double>(*number) * bare * 1e6);
  return *number;
}

Said<Value> read_boolean(const Key& key, const Text& text) {
  for (const std::string_view word : {"1", "on", "true", "yes"}) {
    if (same_word(text.value, word)) return true;
  }
  for (const std::string_view word : {"0", "off", "false", "no"}) {
    if (same_word(text.value, word)) return false;
  }
  return no(complaint(key, text, "no switch", "write 0 or 1"));
}

// How many of Value's units make one of the bare number's.
std::int64_t units_in_one(const Key& key) {
  if (key.type == Type::time || key.unit == Unit::seconds) return 1'000'000;
  return key.unit == Unit::milliseconds ? 1'000 : 1;
}

// `amount` / `units`, exact: 2500000 / 1000000 is "2.5".
std::string bare_number(std::int64_t amount, std::int64_t units) {
  std::string out = std::to_string(amount / units);
  if (amount % units == 0) return out;
  const std::string zeros_in_front = std::to_string(units + amount % units);
  out.append(".").append(zeros_in_front, 1);
  return out.substr(0, out.find_last_not_of('0') + 1);
}

std::string listed(const Key& key) {
  std::string out;
  any_word(key.choices, [&](std::string_view choice) {
    if (!any_word(key.refused, [&](std::string_view word) { return word == choice; })) {
      out.append(out.empty() ? "" : ", ").append(choice);
    }
    return false;
  });
  return out;
}

Said<Value> read_choice(const Key& key, const Text& text) {
  std::string_view found;
  const bool known = any_word(key.choices, [&](std::string_view word) {
    found = word;
    return same_word(word, text.value);
  });
  if (!known) return no(complaint(key, text, "no choice", "write one of " + listed(key)));
  if (any_word(key.refused, [&](std::string_view word) { return word == found; })) {
    return no(std::string(key.name) + " = " + std::string(found) +
              " is not built yet, and pgweir does not pretend: write one of " + listed(key));
  }
  return std::string(found);
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (const auto name = trim(text.substr(0, comma)); !name.empty()) out.emplace_back(name);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return out;
}

std::string unknown_setting(std::string_view name, Scopes scope) {
  std::string out = "unknown setting " + quoted(name);
  if (const auto near = nearest_key(name, scope); !near.empty()) {
    return out + "; did you mean " + std::string(near) + "?";
  }
  if (find_key(name, kGlobal) != nullptr) return out + " here: it belongs in [pgweir]";
  if (find_key(name, kDatabase) != nullptr) return out + " here: it belongs in [databases]";
  if (find_key(name, kUser) != nullptr) return out + " here: it belongs in [users]";
  return out;
}

bool asks_for_nothing(const Key& key, const Value& value) {
  // Whoever writes the usual number of these counts on them.
  const bool promises = key.name == "max_prepared_statements";
  if (!promises && key.fallback != nullptr && parse_value(key, key.fallback) == value) return true;
  if (const auto* const number = std::get_if<std::int64_t>(&value)) {
    return *number == 0 && key.name != "suspend_timeout";  // There, 0 is a short time.
  }
  if (const auto* const yes = std::get_if<bool>(&value)) return !*yes;
  const auto* const text = std::get_if<std::string>(&value);
  return text != nullptr && text->empty();
}

std::string shown_text(const Key& key, const Text& text) {
  if (key.unit == Unit::secret) return text.value.empty() ? "" : "********";
  if (key.type == Type::text || key.type == Type::list) return std::string(text.written);
  const auto value = parse_value(key, text);
  if (!value || key.unit == Unit::octal) return std::string(text.value);
  if (const auto* const yes = std::get_if<bool>(&*value)) return *yes ? "1" : "0";
  if (const auto* const word = std::get_if<std::string>(&*value)) return *word;
  return bare_number(std::get<std::int64_t>(*value), units_in_one(key));
}

Said<Value> parse_value(const Key& key, const Text& text) {
  switch (key.type) {
    case Type::text:
      return std::string(text.value);
    case Type::list:
      return split_list(text.value);
    case Type::integer:
      return read_integer(key, text);
    case Type::boolean:
      return read_boolean(key, text);
    case Type::time:
      return read_time(key, text, 1);
    case Type::choice:
      return read_choice(key, text);
  }
  return no("a key without a type");
}

}  // namespace weir::proxy::config
