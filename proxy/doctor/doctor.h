// doctor.h: `pgweir doctor`: goes where pgweir would go, with the settings that it would have, and
// says what will hurt. Changes nothing, there or here.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/finding.h"

namespace weir::proxy::doctor {

// Takes the variables that libpq would listen to out of the environment. Up to a minute and more
// where commands hang or many servers do not answer. REQUIRES: no other thread.
Findings examine(const config::Config& config);

// For settings that cannot be loaded: what --check says of them.
Findings as_findings(const std::vector<std::string>& complaints,
                     const std::vector<std::string>& warnings);

}  // namespace weir::proxy::doctor
