// log.h: one line per fact. Whoever speaks gives the line its level and names the connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/result.h"
#include "proxy/config/settings.h"

namespace weir::proxy {

enum class Level : unsigned char { debug, info, warning, error, fatal };

// Where lines go, but for the terminal.
struct LogPlaces {
  std::string file = {};  // Empty: none.
  bool syslog = false;
  std::string syslog_ident = {};     // Empty: the program's name.
  std::string syslog_facility = {};  // A word of the setting of that name.
  bool operator==(const LogPlaces&) const = default;

  static LogPlaces from(const config::Settings& settings);
};

// Called by every worker; an implementation is safe for that.
class Log {
 public:
  virtual ~Log() = default;
  virtual void line(Level level, std::string_view text) = 0;
  virtual bool wants(Level level) const = 0;
  // The file has been moved away (log rotation), or other places are wanted: begins anew.
  virtual void reopen(const LogPlaces& places) = 0;
  virtual void set_debug(bool wanted) = 0;
};

struct LogSettings {
  LogPlaces places = {};
  bool to_terminal = true;  // Standard error as well.
  bool debug = false;
  bool debug_always = false;  // Whatever set_debug() says.
};

// Through spdlog. Fails when the file cannot be opened.
Result<std::unique_ptr<Log>> open_log(const LogSettings& settings);

}  // namespace weir::proxy
