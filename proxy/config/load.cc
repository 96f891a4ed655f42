#include "proxy/config/load.h"

#include <utility>

#include "proxy/config/environment.h"
#include "proxy/config/ini.h"
#include "proxy/config/loader.h"

namespace weir::proxy::config {
namespace {

Loaded take_all(const Ini& ini, const std::string& name, const Environment& environment) {
  Loader loader(environment);
  loader.take(ini, name);
  take_settings(loader, environment);
  take_databases(loader, environment);
  return loader.finish();
}

Loaded take_all(const Source& source) {
  if (!source.file.empty()) {
    return take_all(read_ini(source.file, source.environment), source.file, source.environment);
  }
  Loader loader(source.environment);
  take_databases_alone(loader, source.environment);
  take_settings(loader, source.environment);
  check_trust(loader);
  return loader.finish();
}

// `asked`: what to give --check for the rest.
Result<Config> whole(Loaded loaded, const std::string& asked) {
  if (loaded.complaints.empty()) return std::move(loaded.config);
  return fail("F0000",
              loaded.complaints.summary("pgweir --check" + (asked.empty() ? asked : " " + asked)));
}

}  // namespace

Result<Config> load(const Source& source) { return whole(take_all(source), source.file); }

Result<Config> load_text(const std::string& name, std::string_view text,
                         const Environment& environment) {
  return whole(take_all(parse_ini(name, text, environment), name, environment), name);
}

Report check(const Source& source) {
  Loaded loaded = take_all(source);
  return {std::move(loaded.complaints), std::move(loaded.config.warnings)};
}

}  // namespace weir::proxy::config
