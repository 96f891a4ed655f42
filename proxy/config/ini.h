// ini.h: an ini file to a flat list of entries, with places, through inih. Values of any length and
// with any semicolon in them come out as they stand: see ini.cc for how.
// Comments begin a line with ; or #. Names may stand in double quotes, with "" for a quote.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/complaints.h"
#include "proxy/config/expand.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

constexpr std::size_t kIniLineBytesMax = 1 << 20;
constexpr std::size_t kIniBytesMax = 16 << 20;    // The file and all it includes.
constexpr std::size_t kIniLinesMax = 256 * 1024;  // Likewise.
constexpr int kIncludeDepthMax = 10;

struct IniEntry {
  Place place;
  std::string section;
  std::string name;   // Without its quotes.
  std::string value;  // Without the spaces around it; may be empty.
};

struct IniSection {
  Place place;
  std::string name;
};

// Everything in the order of the file, repeated sections and names included. A complaint begins
// with `file:line:` of the file it is about; what it is about is left out.
struct Ini {
  std::vector<IniSection> sections;
  std::vector<IniEntry> entries;
  Complaints complaints;
  std::vector<std::string> warnings;  // Likewise.
  std::vector<std::string> files;     // Paths of all that was read, and of patterns' directories.
};

// `%include path` takes in another file where it stands, or all that the pattern names: see
// include.h. Of what is in a line only that path has its variables expanded here.
Ini read_ini(const std::string& path, const Environment& environment);
Ini parse_ini(const std::string& name, std::string_view text, const Environment& environment);

// The whole of a regular file, or a fault that says what the system said: a pipe or a device could
// keep a reload, and with it every client, waiting for ever. `at` is where it was asked for;
// `called` what the fault calls it.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max, const Place& at,
                              const std::string& called);
Result<std::string> read_file(const std::string& path, std::size_t bytes_max, const Place& at);

}  // namespace weir::proxy::config
