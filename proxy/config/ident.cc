#include "proxy/config/ident.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "proxy/config/auth_lines.h"
#include "proxy/config/ini.h"

namespace weir::proxy::config {
namespace {

constexpr std::string_view kGroup = "\\1";

Said<void> take_pattern(const std::string& text, std::optional<Pattern>& to) {
  if (!text.starts_with('/')) return {};
  auto pattern = Pattern::compile(std::string_view(text).substr(1));
  if (!pattern) return no("the expression " + quoted(text) + ": " + pattern.error());
  to = std::move(*pattern);
  return {};
}

Said<void> take_database_user(const AuthWord& word, IdentRule& rule) {
  if (!word.quoted && word.text.starts_with('+')) {
    return no(quoted(word.text) + " is a group, whose members PostgreSQL alone knows: write a " +
              "line for each of them");
  }
  rule.all = word.is("all");
  rule.database_user = word.text;
  const bool copies = !word.text.starts_with('/') && word.text.find(kGroup) != std::string::npos;
  if (copies && rule.system_pattern && !rule.system_pattern->has_group()) {
    return no("\\1 stands for the first group, and " + quoted(rule.system_user) + " has none");
  }
  return take_pattern(word.text, rule.database_pattern);
}

Said<IdentRule> read_rule(const AuthLine& line) {
  constexpr std::size_t kFields = 3;
  if (line.fields.size() != kFields) return no("a line is: map system-user database-user");
  for (const AuthField& field : line.fields) {
    if (field.size() != 1) return no("no lists here: write a line for each");
  }
  IdentRule rule;
  rule.map = line.fields[0][0].text;
  rule.system_user = line.fields[1][0].text;
  if (rule.map.empty()) return no("the map's name is empty");
  if (auto taken = take_pattern(rule.system_user, rule.system_pattern); !taken) {
    return no(taken.error());
  }
  if (auto taken = take_database_user(line.fields[2][0], rule); !taken) return no(taken.error());
  return rule;
}

bool may_be(const IdentRule& rule, const std::string& name, std::string_view database_user) {
  if (rule.all) return true;
  if (rule.database_pattern) return rule.database_pattern->find(database_user).has_value();
  return name == database_user;
}

bool allows(const IdentRule& rule, std::string_view system_user, std::string_view database_user) {
  if (!rule.system_pattern) {
    return rule.system_user == system_user && may_be(rule, rule.database_user, database_user);
  }
  const auto found = rule.system_pattern->find(system_user);
  if (!found) return false;
  std::string name = rule.database_user;
  const auto at = rule.database_pattern ? std::string::npos : name.find(kGroup);
  if (at != std::string::npos) {
    if (!found->group) return false;
    name.replace(at, kGroup.size(), *found->group);
  }
  return may_be(rule, name, database_user);
}

}  // namespace

bool IdentMaps::allows(std::string_view map, std::string_view system_user,
                       std::string_view database_user) const {
  if (map.empty()) return system_user == database_user;
  return std::any_of(rules.begin(), rules.end(), [&](const IdentRule& rule) {
    return rule.map == map && config::allows(rule, system_user, database_user);
  });
}

bool IdentMaps::has(std::string_view map) const {
  return std::any_of(rules.begin(), rules.end(),
                     [&](const IdentRule& rule) { return rule.map == map; });
}

Result<IdentMaps> parse_ident(const std::string& name, std::string_view text) {
  Complaints complaints;
  IdentMaps maps;
  for (const AuthLine& line : auth_lines(name, text, complaints, &maps.files)) {
    auto rule = read_rule(line);
    if (rule) {
      maps.rules.push_back(std::move(*rule));
    } else {
      complaints.add(line.place, rule.error());
    }
  }
  if (!complaints.empty()) return complaints.fault();
  return maps;
}

Result<IdentMaps> read_ident(const std::string& path, const Place& said_at,
                             const std::string& written) {
  const auto text =
      read_file(path, kAuthBytesMax, said_at, config::quoted(written.empty() ? path : written));
  if (!text) return tl::unexpected(text.error());
  return parse_ident(path, *text);
}

}  // namespace weir::proxy::config
