// show.h: the rows that SHOW commands answer with; columns, order and types are PgBouncer's.
#pragma once

#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "proxy/config/config.h"
#include "proxy/mail.h"

namespace weir::proxy {

class Console;

void show_help(Console& console);
void show_version(Console& console);

// The worker's rows of one pool made one; sorted by database and user.
std::vector<PoolCounts> merge(std::vector<PoolCounts> rows);
// RowDescription and DataRows. `console_clients`: for the console's own row.
void put_pools(Buffer& out, const std::vector<PoolCounts>& pools, std::size_t console_clients);

// One row for each key of [pgweir], by name. `with_sources`: and where its value was said.
void put_config(Buffer& out, const config::Config& config, bool with_sources);

std::string version_line();  // As SHOW VERSION and --version say it.

}  // namespace weir::proxy
