// auth_lines.h: what pg_hba.conf and pg_ident.conf have in common (manual: 21.1): a line is fields
// between spaces, a field is words between commas. Quotes, # comments, lines that go on behind a
// backslash, @file in place of a word, and PostgreSQL 16's include, include_if_exists, include_dir.
// Relative paths start at the directory of the file that names them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/complaints.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

constexpr int kAuthDepthMax = 10;  // Of files that name each other, as PostgreSQL's.
constexpr std::size_t kAuthFilesMax = 10'000;
constexpr std::size_t kAuthBytesMax = 16 << 20;  // Of all these files.

struct AuthWord {
  std::string text;
  bool quoted = false;  // It begins with a quote, so it is no keyword.

  bool is(std::string_view keyword) const { return !quoted && text == keyword; }
};

using AuthField = std::vector<AuthWord>;  // Empty: nothing but an @file without a word in it.

struct AuthLine {
  Place place;  // Of its first line.
  std::vector<AuthField> fields;
};

// The lines that hold fields. A mistake goes to `complaints` and its line is left out. `name`
// stands for the file in sentences, and what it includes is looked for beside it. `files` gets the
// paths of all that, directories and what is not there among them.
std::vector<AuthLine> auth_lines(const std::string& name, std::string_view text,
                                 Complaints& complaints, std::vector<std::string>* files = nullptr);

}  // namespace weir::proxy::config
