// judge.h: from facts to findings. Pure: no clock, no socket, no file.
#pragma once

#include "proxy/config/config.h"
#include "proxy/doctor/facts.h"
#include "proxy/doctor/finding.h"

namespace weir::proxy::doctor {

// Each finding once, those about pgweir itself first, then by database.
Findings judge(const config::Config& config, const Facts& facts);

}  // namespace weir::proxy::doctor
