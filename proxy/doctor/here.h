// here.h: what this machine allows and holds, before any server is asked.
#pragma once

#include "proxy/config/config.h"
#include "proxy/doctor/facts.h"
#include "proxy/tls/contexts.h"

namespace weir::proxy::doctor {

// Loads the files of all TLS settings into `contexts`, as the program does at its start.
HereFacts look_around(const config::Config& config, tls::Contexts& contexts);

}  // namespace weir::proxy::doctor
