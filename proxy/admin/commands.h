// commands.h: what the console understands: a table of commands, and the reader of their words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

class Console;

struct Command {
  std::string_view words;  // Upper case, separated by one space.
  bool changes;            // Only for admin users.
  void (*run)(Console&);
  std::string_view usage;  // A line of SHOW HELP; empty: not listed.
};

std::span<const Command> commands();

// The words of one statement in upper case: comments, white space and semicolons fall away.
// Nothing when it is no plain sequence of words.
std::optional<std::string> read_words(std::string_view sql);

// The command `sql` names; nullptr when there is none.
const Command* find_command(std::string_view sql);

}  // namespace weir::proxy
