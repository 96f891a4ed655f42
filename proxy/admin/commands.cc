#include "proxy/admin/commands.h"

#include <array>

#include "proxy/admin/console.h"
#include "proxy/admin/show.h"

namespace weir::proxy {

namespace {

constexpr std::array kCommands{
    Command{"SHOW HELP", false, show_help, "SHOW HELP|CONFIG|POOLS|VERSION"},
    Command{"SHOW CONFIG", false, [](Console& console) { console.show_config(false); }, ""},
    Command{"SHOW CONFIG SOURCES", false, [](Console& console) { console.show_config(true); },
            "SHOW CONFIG SOURCES"},
    Command{"SHOW POOLS", false, [](Console& console) { console.ask_counts(); }, ""},
    Command{"SHOW VERSION", false, show_version, ""},
    Command{"RELOAD", true, [](Console& console) { console.ask_reload(); }, "RELOAD"},
    Command{"SHUTDOWN", true, [](Console& console) { console.shut_down(Stop::now); }, "SHUTDOWN"},
    Command{"SHUTDOWN WAIT_FOR_SERVERS", true,
            [](Console& console) { console.shut_down(Stop::when_servers_left); },
            "SHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS"},
    Command{"SHUTDOWN WAIT_FOR_CLIENTS", true,
            [](Console& console) { console.shut_down(Stop::when_clients_left); }, ""},
};

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ';';
}
constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Past white space and comments (manual: 4.1.5).
std::size_t skip_blank(std::string_view sql, std::size_t at) {
  while (at < sql.size()) {
    if (is_space(sql[at])) {
      ++at;
    } else if (sql.substr(at, 2) == "--") {
      at = std::min(sql.find('\n', at), sql.size());
    } else if (sql.substr(at, 2) == "/*") {
      const auto end = sql.find("*/", at + 2);
      at = end == std::string_view::npos ? sql.size() : end + 2;
    } else {
      break;
    }
  }
  return at;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

std::optional<std::string> read_words(std::string_view sql) {
  std::string words;
  for (std::size_t at = skip_blank(sql, 0); at < sql.size(); at = skip_blank(sql, at)) {
    if (!is_word(sql[at])) return std::nullopt;
    if (!words.empty()) words += ' ';
    for (; at < sql.size() && is_word(sql[at]); ++at) {
      const char c = sql[at];
      words += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return words;
}

const Command* find_command(std::string_view sql) {
  auto words = read_words(sql);
  if (!words) return nullptr;
  // SELECT is another way to say SHOW, for tools that know no other word.
  if (words->starts_with("SELECT ")) words->replace(0, 6, "SHOW");
  for (const Command& command : kCommands) {
    if (command.words == *words) return &command;
  }
  return nullptr;
}

}  // namespace weir::proxy
