// Property: a quoted value is printable ASCII, and PostgreSQL's lexer reads back from it what was
// quoted, and nothing behind it, under both settings of standard_conforming_strings. What SET gets
// for an application_name is as long, in printable ASCII. A name that may be a setting's and its
// value stand in SQL as literals alone, and a greeting's spelling of a value is its own spelling.
#include "protocol/parameters.h"

#include <cctype>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/extras.h"
#include "protocol/spelling.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

int hex_digit(char c) {
  const auto at = std::string_view{"0123456789abcdef"}.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// The constant at the front of `sql` (manual: String Constants with C-Style Escapes); what is
// behind it stays. Nothing when it does not end or escapes in a way that is not for us.
std::optional<std::string> read_constant(std::string_view& sql, bool standard_conforming) {
  const bool extended = !sql.empty() && (sql[0] == 'E' || sql[0] == 'e');
  const bool escapes = extended || !standard_conforming;
  if (extended) sql.remove_prefix(1);
  if (sql.empty() || sql[0] != '\'') return std::nullopt;
  std::string text;
  for (std::size_t i = 1; i < sql.size(); ++i) {
    const char next = i + 1 < sql.size() ? sql[i + 1] : '\0';
    if (sql[i] == '\'' && next != '\'') {
      sql.remove_prefix(i + 1);
      return text;
    }
    if (sql[i] == '\'' || (escapes && sql[i] == '\\' && next == '\\')) {
      text += sql[i++];
    } else if (escapes && sql[i] == '\\') {  // \xh or \xhh, as many as there are.
      if (next != 'x') return std::nullopt;
      i += 2;
      int value = 0, digits = 0;
      for (; digits < 2 && i < sql.size() && hex_digit(sql[i]) >= 0; ++digits, ++i) {
        value = value * 16 + hex_digit(sql[i]);
      }
      if (digits == 0) return std::nullopt;
      text += static_cast<char>(value);
      --i;
    } else {
      text += sql[i];
    }
  }
  return std::nullopt;
}

void check_constant(std::string_view sql, std::string_view want, std::string_view behind) {
  for (const char c : sql) WEIR_CHECK(c >= 0x20 && c < 0x7f);
  for (const bool standard_conforming : {false, true}) {
    std::string_view left = sql;
    const auto read = read_constant(left, standard_conforming);
    WEIR_CHECK(read && *read == want && left == behind);
  }
}

// The name is what stands in front of the first '='.
void check_extra(std::string_view given) {
  const auto equals = given.find('=');
  if (equals == given.npos) return;
  const std::string name{given.substr(0, equals)};
  const std::string value{given.substr(equals + 1)};
  if (bad_setting_name(name)) return;
  for (const char c : name) {
    WEIR_CHECK(static_cast<unsigned char>(c) < 0x80 &&
               (std::isalnum(c) != 0 || c == '_' || c == '.' || c == '$'));
  }
  SettingsTable table;
  const SettingsRef extras = with_extras(table, {}, {{name, value}});
  WEIR_CHECK(with_extras(table, {}, {{name, "x"}, {name, value}}) == extras);
  const std::string head = "SELECT pg_catalog.set_config(";
  const std::string sql = extras_sql({}, extras, true);
  WEIR_CHECK(sql.starts_with(head));
  const std::string behind = ", " + quote_literal(value) + ", false);";
  check_constant(std::string_view{sql}.substr(head.size()), *extras.value(0), behind);
  WEIR_CHECK(extras_sql(extras, {}, true) ==
             head + quote_literal(*extras.value(0)) + ", NULL, false);");
}

void check_spelling(std::string_view value) {
  for (const char* const name : {"client_encoding", "DateStyle", "IntervalStyle",
                                 "standard_conforming_strings", "application_name"}) {
    const std::string once = spelled(name, value, "ISO, MDY");
    WEIR_CHECK(spelled(name, once, "ISO, MDY") == once);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string value{as_text({data, size})};
  check_constant(quote_literal(value), value, "");
  check_extra(value);
  check_spelling(value);

  SettingsTable table;
  const Tracked tracked{{}};
  for (std::size_t i = 0; i < tracked.size(); ++i) {
    const SettingsRef want = table.with({}, tracked, i, value);
    WEIR_CHECK(want.value(i) == value);
    const std::string sql = restore_sql(tracked, {}, want);
    const bool list = tracked.name(i) == "search_path";
    const std::string head =
        list ? "SELECT pg_catalog.set_config('search_path', " : "SET " + tracked.name(i) + " TO ";
    WEIR_CHECK(sql.starts_with(head));
    std::string kept = value;
    if (tracked.name(i) == "application_name") {
      for (char& c : kept) c = c >= 0x20 && c < 0x7f ? c : '?';
    }
    check_constant(std::string_view{sql}.substr(head.size()), kept, list ? ", false);" : ";");
    WEIR_CHECK(restore_sql(tracked, want, want).empty());
  }
  return 0;
}
