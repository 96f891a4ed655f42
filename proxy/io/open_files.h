// open_files.h: how many descriptors this process may have.
#pragma once

#include <cstdint>

namespace weir::proxy::io {

// Raises the soft limit of open files to the hard one and returns what is in force then.
std::int64_t raise_open_files();

}  // namespace weir::proxy::io
