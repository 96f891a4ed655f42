// log_tail.h: when a test fails, the ends of the logs of the programs that ran in it are printed.
#pragma once

#include <string>

namespace weir::e2e {

void watch_log(const std::string& path);  // A program writes there now.
void keep_log(const std::string& path);   // The file is about to go: keep its end.

}  // namespace weir::e2e
