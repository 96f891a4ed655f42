// statement_cases.h: tests/vectors/statements.txt, and a Statement in the words of that file.
#pragma once

#include <string>
#include <vector>

#include "protocol/statement.h"

namespace weir::vectors {

struct StatementCase {
  std::string title;
  std::string text;
  bool standard_strings = true;
  int from_version = 0;           // Of PostgreSQL.
  protocol::Traces unseen;        // Reported, and not there afterwards.
  std::vector<std::string> seen;  // A line a statement.
};

std::vector<StatementCase> statement_cases();

// "execute [s_1] +prepared !executes"
std::string describe(const protocol::Statement& statement);
const char* name_of(protocol::StatementKind kind);
std::string names_of(protocol::Traces traces);  // " +setting +role"

// What is seen of a text in parts of so many bytes.
std::vector<std::string> scan(const std::string& text, std::size_t part_bytes,
                              bool standard_strings = true);

}  // namespace weir::vectors
