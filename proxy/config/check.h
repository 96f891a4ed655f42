// check.h: what a value must hold beside its type, and what settings ask of each other. All
// sentences: nothing here changes a Config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/config.h"
#include "proxy/config/sentence.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {

// `value` is what parse_value() made of `text`.
Said<void> check_value(const Key& key, const Value& value, const Text& text);

// Settings that cannot hold together, each sentence with the place of one of them.
std::vector<std::string> contradictions(const Config& config);

// A database without a host is reached in unix_socket_dir: a fault when that is empty. What load()
// returns has been checked; hold() may put an empty unix_socket_dir back.
Result<void> check_hosts(const Config& config);

}  // namespace weir::proxy::config
