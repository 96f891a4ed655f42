#include "proxy/config/hold.h"

#include <cstddef>
#include <string_view>

#include "proxy/config/assign.h"
#include "proxy/config/keys.h"

namespace weir::proxy::config {

std::vector<std::string> hold(Config& next, const Config& in_force) {
  std::vector<std::string> said;
  for (std::size_t row = 0; row < keys().size(); ++row) {
    const Key& key = keys()[row];
    if ((key.scopes & kGlobal) == 0 || key.reload) continue;
    // Values are compared, not texts: 0x1920 is 6432.
    const Settings wanted = next.settings;
    const std::string text = in_force.texts[row].value_or("");
    if (!assign(next.settings, key, text)) continue;
    if (!(next.settings == wanted)) {
      said.push_back(next.said_at(key.name) + std::string{key.name} +
                     " has changed: it takes a restart");
    }
    next.texts[row] = in_force.texts[row];
    next.shown[row] = in_force.shown[row];
    next.sources[row] = in_force.sources[row];
  }
  return said;
}

}  // namespace weir::proxy::config
