// load.h: from a file, a text or the environment to a Config. A fault's text is a sentence that
// begins with `file:line:`; nothing is half loaded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/complaints.h"
#include "proxy/config/config.h"
#include "proxy/config/expand.h"

namespace weir::proxy::config {

// All that settings may come from: what it names now, each time it is loaded.
struct Source {
  std::string file = {};  // Empty: the environment is all there is; see environment.h.
  Environment environment = {};
};

// Reads the file, what it includes and its auth_file; the environment wins. Relative paths start at
// the working directory. The fault is the first complaint, and how many more there are.
Result<Config> load(const Source& source);

// The same for a text already in memory; `name` stands for the file in sentences.
Result<Config> load_text(const std::string& name, std::string_view text,
                         const Environment& environment = {});

// All that is to be said of it.
struct Report {
  Complaints complaints;
  std::vector<std::string> warnings;
};
Report check(const Source& source);

}  // namespace weir::proxy::config
