// signals.h: INT, TERM, HUP, QUIT, USR1 and USR2 as calls between two reads of one loop. As long as
// it lives they do nothing else to the process.
#pragma once

#include <functional>
#include <memory>

#include "proxy/io/loop.h"

namespace weir::proxy::io {

class Signals {
 public:
  Signals(Loop& loop, std::function<void(int signal)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Watch;
  std::unique_ptr<Watch> watch_;
};

}  // namespace weir::proxy::io
