#include "proxy/doctor/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "proxy/version.h"

namespace weir::proxy::doctor {

namespace {

constexpr std::size_t kLevelColumns = 9;
constexpr std::size_t kColumns = 100;
constexpr const char* kMargin = "           ";

// Between words, so that no line is longer than kColumns, unless a word is.
std::string wrapped(std::string_view prose) {
  const std::string_view margin = kMargin;
  std::string text;
  std::size_t column = margin.size();
  while (!prose.empty()) {
    const auto end = std::min(prose.find(' '), prose.size());
    const auto word = prose.substr(0, end);
    prose.remove_prefix(std::min(end + 1, prose.size()));
    if (!text.empty() && column + 1 + word.size() > kColumns) {
      text.append("\n").append(margin);
      column = margin.size();
    } else if (!text.empty()) {
      text += ' ';
      ++column;
    }
    text += word;
    column += word.size();
  }
  return text;
}

// A full stop ends prose; what else is there may be copied, and stays as it is.
std::string below(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    text.append("\n").append(kMargin);
    text += line.ends_with('.') ? wrapped(line) : std::string{line};
  }
  return text;
}

std::string line_of(const Finding& finding) {
  std::string level = name_of(finding.level);
  level.resize(kLevelColumns, ' ');
  return "  " + level + wrapped(finding.sentence) + below(finding.cure) + "\n";
}

std::string total(const Findings& findings) {
  const auto count = [&](Level level) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& finding) { return finding.level == level; });
  };
  const auto errors = count(Level::error);
  const auto warnings = count(Level::warning);
  if (errors == 0 && warnings == 0) return "All is well.\n";
  const auto counted = [](auto number, const char* thing) {
    return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
  };
  return counted(errors, "error") + ", " + counted(warnings, "warning") + ".\n";
}

nlohmann::json or_null(const std::string& text) {
  return text.empty() ? nlohmann::json{} : nlohmann::json(text);
}

}  // namespace

std::string as_text(const std::string& file, const Findings& findings) {
  std::string text;
  const std::string* database = nullptr;
  for (const Finding& finding : findings) {
    if (database == nullptr || *database != finding.database) {
      const std::string& itself = file.empty() ? "the environment" : file;
      text += (finding.database.empty() ? itself : finding.database) + "\n";
      database = &finding.database;
    }
    text += line_of(finding);
  }
  return text + total(findings);
}

std::string as_json(const std::string& file, const Findings& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"level", name_of(finding.level)},
                    {"code", finding.code},
                    {"database", or_null(finding.database)},
                    {"sentence", finding.sentence},
                    {"cure", or_null(finding.cure)}});
  }
  const nlohmann::ordered_json whole{{"version", kVersion},
                                     {"file", or_null(file)},
                                     {"findings", std::move(list)},
                                     {"worst", name_of(worst(findings))}};
  // A server's own words may be in any encoding.
  return whole.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int exit_status(const Findings& findings) { return static_cast<int>(worst(findings)); }

}  // namespace weir::proxy::doctor
