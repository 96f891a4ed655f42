// examine.h: makes the visits of a plan, several at a time, each with its own deadlines.
#pragma once

#include <cstddef>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/plan.h"
#include "proxy/tls/contexts.h"

namespace weir::proxy::doctor {

inline constexpr std::size_t kVisitsAtOnce = 8;

// Runs each password_command once. Before the environment is changed: it is theirs as well.
void run_commands(std::vector<Errand>& errands);

// Fills in what the visits find. The errands must have had their commands run.
void make_visits(const config::Config& config, std::vector<Errand>& errands,
                 tls::Contexts& contexts);

}  // namespace weir::proxy::doctor
