// named_files.h: the files that settings name besides themselves: secrets and who may enter. They
// are read with the settings, and again by themselves when they have changed.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/complaints.h"
#include "proxy/config/config.h"

namespace weir::proxy::config {

// Reads auth_file, auth_hba_file, auth_ident_file and every password_file into `config`.
void read_named_files(Config& config, Complaints& complaints);

// `in_force` with what its files hold now. The fault is the first complaint, and how many more
// there are. The warnings are about those files alone.
Result<Config> refresh(const Config& in_force);

// The files of refresh() with what they include, and those of certificates, keys and authorities.
std::vector<std::string> named_files(const Config& config);

}  // namespace weir::proxy::config
