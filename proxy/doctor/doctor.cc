#include "proxy/doctor/doctor.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/config/expand.h"
#include "proxy/doctor/examine.h"
#include "proxy/doctor/here.h"
#include "proxy/doctor/judge.h"
#include "proxy/doctor/plan.h"

extern char** environ;

namespace weir::proxy::doctor {

namespace {

// PGPASSWORD, PGSSLMODE and their like change what libpq does, and nothing that pgweir does.
void silence_libpq() {
  std::vector<std::string> names;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view variable{*at};
    const auto name = variable.substr(0, variable.find('='));
    const bool ours = name.starts_with("PGWEIR_") || name.starts_with("PGBOUNCER_");
    if (name.starts_with("PG") && !ours) names.emplace_back(name);
  }
  for (const std::string& name : names) unsetenv(name.c_str());
}

}  // namespace

Findings examine(const config::Config& config) {
  Facts facts;
  tls::Contexts contexts;
  facts.here = look_around(config, contexts);
  Plan plan = make_plan(config);
  run_commands(plan.errands);
  silence_libpq();
  make_visits(config, plan.errands, contexts);
  for (Errand& errand : plan.errands) facts.visits.push_back(std::move(errand.visit));
  Findings all = judge(config, facts);
  for (Finding& remark : plan.remarks) {
    const auto at = std::find_if(all.begin(), all.end(), [&](const Finding& finding) {
      return finding.database >= remark.database;
    });
    all.insert(at, std::move(remark));
  }
  return all;
}

Findings as_findings(const std::vector<std::string>& complaints,
                     const std::vector<std::string>& warnings) {
  Findings all;
  for (const std::string& each : complaints) all.push_back({Level::error, "settings", "", each});
  for (const std::string& each : warnings) all.push_back({Level::warning, "settings", "", each});
  return all;
}

}  // namespace weir::proxy::doctor
