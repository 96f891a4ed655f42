// options.h: the command line. Its flags are PgBouncer's.
#pragma once

#include <optional>
#include <string>

namespace weir::proxy {

struct Options {
  std::string file = {};  // Empty: settings come from the environment alone.
  bool check = false;     // Say what is wrong with the settings, and end.
  bool doctor = false;    // Go to the servers as well, and say what will hurt.
  bool json = false;      // As an object, for programs.
  bool quiet = false;
  bool verbose = false;
  bool daemon = false;
  std::string user = {};
};

// Nothing: the program is to end with `exit_code`; what there was to say has been printed.
std::optional<Options> read_options(int argc, char** argv, int& exit_code);

}  // namespace weir::proxy
