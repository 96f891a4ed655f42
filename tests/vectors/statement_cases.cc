#include "tests/vectors/statement_cases.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "protocol/check.h"

namespace weir::vectors {

namespace {

using protocol::Statement;
using protocol::StatementKind;
using protocol::Trace;
using protocol::Traces;

// In the order of their enums.
constexpr const char* kKinds[] = {"other",
                                  "prepare",
                                  "execute",
                                  "deallocate",
                                  "deallocate_all",
                                  "discard_all",
                                  "discard",
                                  "set",
                                  "set_local",
                                  "set_transaction",
                                  "reset",
                                  "reset_all",
                                  "begin",
                                  "commit",
                                  "rollback",
                                  "rollback_to",
                                  "savepoint",
                                  "release",
                                  "prepare_transaction",
                                  "commit_prepared",
                                  "rollback_prepared",
                                  "listen",
                                  "unlisten",
                                  "notify",
                                  "declare",
                                  "fetch",
                                  "move",
                                  "close",
                                  "copy",
                                  "load",
                                  "explain",
                                  "call",
                                  "anonymous_block",
                                  "create",
                                  "alter",
                                  "drop"};
static_assert(std::size(kKinds) == static_cast<std::size_t>(StatementKind::drop) + 1);
constexpr const char* kTraces[] = {"setting",  "role",          "set_config",  "temp_table",
                                   "listen",   "advisory_lock", "hold_cursor", "prepared",
                                   "sequence", "load",          "block",       "unclear"};
static_assert(1 << (std::size(kTraces) - 1) == static_cast<int>(Trace::unclear));

// What stands in the title behind "[key ", up to the "]".
std::string option(const std::string& title, const std::string& key) {
  const auto at = title.find("[" + key + " ");
  if (at == std::string::npos) return {};
  const auto from = at + key.size() + 2;
  return title.substr(from, title.find(']', from) - from);
}

Traces traces_from(const std::string& names) {
  Traces traces;
  for (std::size_t i = 0; i < std::size(kTraces); ++i) {
    if ((" " + names + " ").find(std::string(" ") + kTraces[i] + " ") == std::string::npos)
      continue;
    traces.add(static_cast<Trace>(1 << i));
  }
  return traces;
}

}  // namespace

std::vector<StatementCase> statement_cases() {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/vectors/statements.txt");
  WEIR_CHECK(file.is_open());
  std::vector<StatementCase> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("= ")) {
      cases.emplace_back();
      cases.back().title = line.substr(2);
      cases.back().standard_strings = option(line, "scs") != "off";
      cases.back().unseen = traces_from(option(line, "unseen:"));
      const std::string from = option(line, "from");
      cases.back().from_version = from.empty() ? 0 : std::stoi(from);
    } else if (line.starts_with("> ")) {
      cases.back().seen.push_back(line.substr(2));
    } else if (!cases.empty() && !line.empty()) {
      std::string& text = cases.back().text;
      text += (text.empty() ? "" : "\n") + line;
    }
  }
  WEIR_CHECK(cases.size() > 150);
  return cases;
}

const char* name_of(StatementKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::string names_of(Traces traces) {
  std::string names;
  for (std::size_t i = 0; i < std::size(kTraces); ++i) {
    if (traces.has(static_cast<Trace>(1 << i))) names += std::string(" +") + kTraces[i];
  }
  return names;
}

std::string describe(const Statement& statement) {
  std::string line = name_of(statement.kind);
  if (!statement.name.empty()) line += " [" + std::string(statement.name) + "]";
  line += names_of(statement.traces);
  if (statement.executes) line += " !executes";
  if (statement.to_default) line += " !to_default";
  return line;
}

std::vector<std::string> scan(const std::string& text, std::size_t part_bytes,
                              bool standard_strings) {
  std::vector<std::string> seen;
  const auto each = [&](const Statement& statement) { seen.push_back(describe(statement)); };
  protocol::StatementScanner scanner(standard_strings);
  for (std::size_t at = 0; at < text.size(); at += part_bytes) {
    // A copy that ends where the part does, so that a sanitizer sees whoever looks behind it.
    const std::vector<char> part(
        text.begin() + static_cast<std::ptrdiff_t>(at),
        text.begin() + static_cast<std::ptrdiff_t>(std::min(text.size(), at + part_bytes)));
    scanner.feed(std::string_view{part.data(), part.size()}, each);
  }
  scanner.finish(each);
  return seen;
}

}  // namespace weir::vectors
