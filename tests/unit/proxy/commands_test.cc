// commands_test.cc: what people type into the console, and which command that is.
#include "proxy/admin/commands.h"

#include <doctest/doctest.h>

using weir::proxy::commands;
using weir::proxy::find_command;
using weir::proxy::read_words;

namespace {

std::string_view found(std::string_view sql) {
  const auto* const command = find_command(sql);
  return command != nullptr ? command->words : "";
}

}  // namespace

TEST_CASE("words in any case, with any space, semicolon and comment around them") {
  CHECK(read_words("show pools").value_or("?") == "SHOW POOLS");
  CHECK(read_words(" Show\t\n POOLS ; ;").value_or("?") == "SHOW POOLS");
  CHECK(read_words("/* a */show/**/pools -- all of them").value_or("?") == "SHOW POOLS");
  CHECK(read_words("-- nothing").value_or("?").empty());
  CHECK(read_words("/* open").value_or("?").empty());
  CHECK(read_words(";").value_or("?").empty());
}

TEST_CASE("what is no plain sequence of words") {
  CHECK_FALSE(read_words("show 'pools'").has_value());
  CHECK_FALSE(read_words("set x = 1").has_value());
  CHECK_FALSE(read_words("\xff").has_value());
}

TEST_CASE("each command is found by its own words") {
  for (const auto& command : commands()) CHECK(find_command(command.words) == &command);
}

TEST_CASE("SELECT is another way to say SHOW") {
  CHECK(found("select version") == "SHOW VERSION");
  CHECK(found("selectversion").empty());
}

TEST_CASE("what is no command") {
  for (const char* const sql :
       {"", "show", "show nothing", "pools", "show pools now", "select 1"}) {
    CHECK(found(sql).empty());
  }
}

TEST_CASE("only SHOW leaves everything as it is") {
  for (const auto& command : commands()) {
    CHECK(command.changes == !command.words.starts_with("SHOW"));
  }
}
