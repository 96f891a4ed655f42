// assign.h: one key of [pgweir] into its field of Settings.
#pragma once

#include "proxy/config/keys.h"
#include "proxy/config/sentence.h"
#include "proxy/config/settings.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {

// A key that is not built yet is checked and otherwise left alone. The sentence has no place.
// REQUIRES: `key` is a row of keys() with the global scope.
Said<void> assign(Settings& settings, const Key& key, const Text& text);

}  // namespace weir::proxy::config
