// background.h: -d. The command returns when the doors are open, and with a failure when they did
// not open: whom the shell waits for waits for the word of the one that stays.
#pragma once

#include "protocol/result.h"

namespace weir::proxy {

class Background {
 public:
  // Returns in the one that stays. The other ends within, once it knows how the start went.
  static Result<Background> go();
  // The start has succeeded: standard input, output and error are let go. Without this call the
  // end of it counts as a start that failed.
  void tell_up() const;

 private:
  explicit Background(int word) : word_(word) {}
  int word_;  // The writing end of a pipe.
};

}  // namespace weir::proxy
