// log.h: one line per fact. Whoever speaks gives the line its level and names the connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace weir::proxy {

enum class Level : unsigned char { debug, info, warning, error, fatal };

// Called by every worker; an implementation is safe for that.
class Log {
 public:
  virtual ~Log() = default;
  virtual void line(Level level, std::string_view text) = 0;
  virtual bool wants(Level level) const = 0;
  // The file has been moved away (log rotation), or another is wanted: begins a new one.
  virtual void reopen(const std::string& file) = 0;
  virtual void set_debug(bool wanted) = 0;
};

struct LogSettings {
  std::string file = {};    // Empty: standard error only.
  bool to_terminal = true;  // Standard error as well.
  bool debug = false;
  bool debug_always = false;  // Whatever set_debug() says.
};

// Through spdlog. Fails when the file cannot be opened.
Result<std::unique_ptr<Log>> open_log(const LogSettings& settings);

}  // namespace weir::proxy
