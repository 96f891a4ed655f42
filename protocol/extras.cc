#include "protocol/extras.h"

#include <algorithm>
#include <map>
#include <utility>

#include "protocol/check.h"

namespace weir::protocol {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_word(std::string_view word) {
  if (word.empty() || !is_letter(word.front())) return false;
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '$'; });
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// With the rights of a role less may be set: it is taken last, and given back first.
struct RoleLast {
  bool operator()(const std::string& a, const std::string& b) const {
    const bool a_is_role = a == "role";
    const bool b_is_role = b == "role";
    return a_is_role != b_is_role ? b_is_role : a < b;
  }
};
using Sorted = std::map<std::string, std::string, RoleLast>;

Sorted sorted(const SettingsRef& extras) {
  Sorted out;
  for (std::size_t i = 0; i + 1 < extras.size(); i += 2) {
    out.emplace(*extras.value(i), *extras.value(i + 1));
  }
  return out;
}

void add_call(std::string& sql, const std::string& name, const std::string& value) {
  sql += sql.empty() ? "SELECT " : ", ";
  sql += "pg_catalog.set_config(" + quote_literal(name) + ", " + value + ", false)";
}

void add_row(std::string& rows, const std::string& name, const std::string& value) {
  rows += rows.empty() ? "(" : ", (";
  rows += quote_literal(name) + ", " + quote_literal(value) + ")";
}

}  // namespace

std::optional<Fault> bad_setting_name(std::string_view name) {
  bool good = true;
  for (std::string_view left = name; good;) {
    const auto dot = left.find('.');
    good = is_word(left.substr(0, dot));
    if (dot == std::string_view::npos) break;
    left.remove_prefix(dot + 1);
  }
  if (good) return std::nullopt;
  if (name.find('.') == std::string_view::npos) {
    return Fault{"42704", "unrecognized configuration parameter \"" + std::string{name} + "\""};
  }
  return Fault{"42602", "invalid configuration parameter name \"" + std::string{name} + "\"",
               "Custom parameter names must be two or more simple identifiers separated by dots."};
}

SettingsRef with_extras(SettingsTable& table, const SettingsRef& had,
                        const std::vector<Setting>& asked) {
  if (asked.empty()) return had;
  Sorted all = sorted(had);
  for (const auto& [name, value] : asked) all[lower(name)] = value;
  WEIR_CHECK(all.size() <= kExtrasMax);
  Values values;
  for (auto& [name, value] : all) {
    values.emplace_back(name);
    values.emplace_back(std::move(value));
  }
  return table.intern(std::move(values));
}

std::string extras_sql(const SettingsRef& have, const SettingsRef& want, bool sure) {
  std::string sql;
  if (sure && have == want) return sql;
  const Sorted had = sorted(have);
  const Sorted wanted = sorted(want);
  for (auto at = had.rbegin(); at != had.rend(); ++at) {
    if (!wanted.contains(at->first)) add_call(sql, at->first, "NULL");
  }
  for (const auto& [name, value] : wanted) {
    const auto found = had.find(name);
    if (sure && found != had.end() && found->second == value) continue;
    add_call(sql, name, quote_literal(value));
  }
  return sql.empty() ? sql : sql + ";";
}

bool drops_extras(const SettingsRef& have, const SettingsRef& want) {
  if (have == want) return false;
  const Sorted had = sorted(have);
  const Sorted wanted = sorted(want);
  return std::any_of(had.begin(), had.end(),
                     [&](const auto& one) { return !wanted.contains(one.first); });
}

std::string go_back_sql(const Tracked& tracked, const SettingsRef& startup,
                        const SettingsRef& extras) {
  std::string rows;
  for (std::size_t i = 0; i < tracked.size(); ++i) {
    if (startup.value(i)) add_row(rows, tracked.name(i), *startup.value(i));
  }
  for (const auto& [name, value] : sorted(extras)) add_row(rows, name, value);
  if (rows.empty()) return rows;
  // pg_settings hides role and settings of no module that is loaded: of these the value tells.
  return "SELECT pg_catalog.set_config(w.n, w.v, false) FROM (VALUES " + rows +
         ") w(n, v) LEFT JOIN pg_catalog.pg_settings s"
         " ON pg_catalog.lower(s.name) = pg_catalog.lower(w.n)"
         " WHERE CASE WHEN s.name IS NOT NULL THEN s.source <> 'session'"
         " ELSE COALESCE(pg_catalog.current_setting(w.n, true), '') ="
         " CASE w.n WHEN 'role' THEN 'none' ELSE '' END END;";
}

}  // namespace weir::protocol
