// report.h: findings as text for people, by database, or as one JSON object for programs.
#pragma once

#include <string>

#include "proxy/doctor/finding.h"

namespace weir::proxy::doctor {

// `file`: the settings file; empty: settings come from the environment alone.
std::string as_text(const std::string& file, const Findings& findings);
// {"version", "file" (null without one), "findings": [{"level", "code", "database" (null: of pgweir
// itself), "sentence", "cure" (null: none)}], "worst"}
std::string as_json(const std::string& file, const Findings& findings);

// 0: all is well. 1: warnings. 2: errors.
int exit_status(const Findings& findings);

}  // namespace weir::proxy::doctor
