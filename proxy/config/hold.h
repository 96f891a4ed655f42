// hold.h: what a reload does not change (reload == false in the table of keys) keeps the value that
// the program was started with, however the file reads now.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace weir::proxy::config {

// Puts what is in force back into `next`; a sentence for each key that `next` would have changed.
std::vector<std::string> hold(Config& next, const Config& in_force);

}  // namespace weir::proxy::config
