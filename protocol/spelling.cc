#include "protocol/spelling.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace weir::protocol {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

struct Encoding {
  std::string_view clean;  // Small letters and digits alone.
  std::string_view name;
};

// manual: Character Set Support. latin and win carry their numbers: see spelled_encoding().
constexpr auto kEncodings = std::to_array<Encoding>({
    {"abc", "WIN1258"},
    {"alt", "WIN866"},
    {"big5", "BIG5"},
    {"euccn", "EUC_CN"},
    {"eucjis2004", "EUC_JIS_2004"},
    {"eucjp", "EUC_JP"},
    {"euckr", "EUC_KR"},
    {"euctw", "EUC_TW"},
    {"gb18030", "GB18030"},
    {"gbk", "GBK"},
    {"iso88591", "LATIN1"},
    {"iso885910", "LATIN6"},
    {"iso885913", "LATIN7"},
    {"iso885914", "LATIN8"},
    {"iso885915", "LATIN9"},
    {"iso885916", "LATIN10"},
    {"iso88592", "LATIN2"},
    {"iso88593", "LATIN3"},
    {"iso88594", "LATIN4"},
    {"iso88595", "ISO_8859_5"},
    {"iso88596", "ISO_8859_6"},
    {"iso88597", "ISO_8859_7"},
    {"iso88598", "ISO_8859_8"},
    {"iso88599", "LATIN5"},
    {"johab", "JOHAB"},
    {"koi8", "KOI8R"},
    {"koi8r", "KOI8R"},
    {"koi8u", "KOI8U"},
    {"mskanji", "SJIS"},
    {"muleinternal", "MULE_INTERNAL"},
    {"shiftjis", "SJIS"},
    {"shiftjis2004", "SHIFT_JIS_2004"},
    {"sjis", "SJIS"},
    {"sqlascii", "SQL_ASCII"},
    {"tcvn", "WIN1258"},
    {"tcvn5712", "WIN1258"},
    {"uhc", "UHC"},
    {"unicode", "UTF8"},
    {"utf8", "UTF8"},
    {"vscii", "WIN1258"},
    {"win", "WIN1251"},
    {"win932", "SJIS"},
    {"win936", "GBK"},
    {"win949", "UHC"},
    {"win950", "BIG5"},
});
constexpr auto kNumbered = std::to_array<std::string_view>(
    {"latin1",  "latin2",  "latin3",  "latin4",  "latin5",  "latin6",  "latin7",
     "latin8",  "latin9",  "latin10", "win866",  "win874",  "win1250", "win1251",
     "win1252", "win1253", "win1254", "win1255", "win1256", "win1257", "win1258"});

constexpr std::size_t kNameMax = 63;  // PostgreSQL's NAMEDATALEN, without its zero byte.

// PostgreSQL's parse_bool: any beginning that only one of them has.
std::string spelled_bool(std::string_view value) {
  const std::string text = lower(value);
  const auto begins = [&](std::string_view word, std::size_t least) {
    return text.size() >= least && word.starts_with(text);
  };
  if (begins("true", 1) || begins("yes", 1) || text == "on" || text == "1") return "on";
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0") return "off";
  return std::string{value};
}

std::string spelled_interval_style(std::string_view value) {
  std::string text = lower(value);
  for (const std::string_view known :
       {"postgres", "postgres_verbose", "sql_standard", "iso_8601"}) {
    if (text == known) return text;
  }
  return std::string{value};
}

struct DateStyle {
  std::string style, order;

  // False: no word of a DateStyle, or a second one of its kind that says something else.
  bool take(std::string_view word) {
    if (word == "iso" || word == "sql") return agree(style, upper(std::string{word}));
    if (word == "german") return agree(style, "German");
    if (word.starts_with("postgres")) return agree(style, "Postgres");
    if (word == "ymd") return agree(order, "YMD");
    if (word == "dmy" || word.starts_with("euro")) return agree(order, "DMY");
    if (word == "mdy" || word == "us" || word.starts_with("noneuro")) return agree(order, "MDY");
    return false;
  }
  static bool agree(std::string& had, std::string said) {
    const bool fits = had.empty() || had == said;
    had = std::move(said);
    return fits;
  }
};

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

std::string spelled_date_style(std::string_view value, std::string_view told) {
  DateStyle parts;
  const std::string text = lower(value);
  for (std::string_view left = text;;) {
    const auto comma = left.find(',');
    if (!parts.take(trimmed(left.substr(0, comma)))) return std::string{value};
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  const auto comma = std::min(told.find(','), told.size());
  if (parts.style.empty()) parts.style = trimmed(told.substr(0, comma));
  if (parts.order.empty() && parts.style == "German" && text.find("german") != text.npos) {
    parts.order = "DMY";
  }
  if (parts.order.empty()) parts.order = trimmed(told.substr(std::min(comma + 1, told.size())));
  return parts.style + ", " + parts.order;
}

}  // namespace

std::optional<std::string> spelled_encoding(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return std::nullopt;
  if (name == "UNICODE") return std::string{name};  // So it is left, for old JDBC drivers.
  std::string clean;
  for (const char c : name) {
    const char l = lower(c);
    if ((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9')) clean += l;
  }
  if (clean.starts_with("windows") && clean.size() > 7) clean.erase(3, 4);
  for (const std::string_view known : kNumbered) {
    if (clean == known) return upper(std::move(clean));
  }
  for (const auto& [known, spelling] : kEncodings) {
    if (clean == known) return std::string{spelling};
  }
  return std::nullopt;
}

std::string spelled_application_name(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return text;
}

std::string spelled(std::string_view name, std::string_view value, std::string_view told) {
  if (name == "client_encoding") return spelled_encoding(value).value_or(std::string{value});
  if (name == "DateStyle") return spelled_date_style(value, told);
  if (name == "IntervalStyle") return spelled_interval_style(value);
  if (name == "application_name") return spelled_application_name(std::string{value});
  if (name == "standard_conforming_strings" || name == "default_transaction_read_only") {
    return spelled_bool(value);
  }
  return std::string{value};
}

}  // namespace weir::protocol
