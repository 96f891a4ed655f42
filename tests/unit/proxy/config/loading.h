// loading.h: a few lines of settings to a Config, or to the sentence that refuses them.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "proxy/config/load.h"

namespace weir::proxy::config {

inline Config loaded(const std::string& text, const Environment& environment = {}) {
  auto config = load_text("t.ini", text, environment);
  CHECK_MESSAGE(config.has_value(), (config ? "" : config.error().text));
  return config ? *config : Config{};
}

inline std::string complaint(const std::string& text, const Environment& environment = {}) {
  const auto config = load_text("t.ini", text, environment);
  return config ? "accepted" : config.error().text;
}

inline Config with_setting(const std::string& line) { return loaded("[pgweir]\n" + line + "\n"); }

inline Config with_database(const std::string& line, const Environment& environment = {}) {
  return loaded("[pgweir]\n[databases]\n" + line + "\n", environment);
}

inline std::string setting_complaint(const std::string& lines,
                                     const Environment& environment = {}) {
  return complaint("[pgweir]\n" + lines + "\n", environment);
}

inline std::string database_complaint(const std::string& line,
                                      const Environment& environment = {}) {
  return complaint("[pgweir]\n[databases]\n" + line + "\n", environment);
}

// A start without a file.
inline Result<Config> from_environment(const Environment& environment) {
  return load({.file = {}, .environment = environment});
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weir::proxy::config
