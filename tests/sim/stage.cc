#include "tests/sim/stage.h"

namespace weir::sim {

void Stage::say(const std::string& who, std::string_view what) {
  if (!tracing_) return;
  trace_.push_back(std::to_string(now() - 1000 * kSecond) + " us  " + who + ": " +
                   std::string{what});
}

void Stage::note_log() {
  if (!tracing_) return town.log.lines.clear();
  for (; logged_ < town.log.lines.size(); ++logged_) say("pgweir", town.log.lines[logged_]);
}

void Stage::complain(const std::string& what) {
  say("AUDITOR", what);
  if (complaint_.empty()) complaint_ = what;
}

}  // namespace weir::sim
