// stage.h: what the models of one run share: time, chance, the trace, and the first complaint.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/agenda.h"
#include "tests/street/chance.h"
#include "tests/street/town.h"

namespace weir::sim {

// What has been done to the pooler on purpose: reasons for which a client may lose its session.
struct Excuses {
  std::size_t server_deaths = 0;
  std::size_t login_troubles = 0;
  Instant query_wait_timeout = kNever;  // The smallest in force so far.
  // What pgweir says when a client has taken too long, and how long that is.
  std::map<std::string, Instant, std::less<>> timeouts;
  Instant query_cancel = kNever;  // When a query is cancelled that takes too long.
  bool notices = false;           // Clients are told when they log in, and while they wait.
};

class Stage {
 public:
  Stage(street::Town& the_town, std::uint64_t seed, bool tracing)
      : town(the_town), chance(seed), novelty(~seed), tracing_(tracing) {}

  street::Town& town;
  street::Chance chance;   // The models' own.
  street::Chance novelty;  // For what was modelled later: the draws above stay as they were.
  Agenda agenda;
  Excuses excuses;
  std::vector<street::Peer*> strays;  // Connections that nobody looks after: cancels.

  Instant now() const { return town.net.now(); }
  Instant span(Instant below) {
    return static_cast<Instant>(chance.below(static_cast<std::size_t>(below)));
  }
  void later(Instant span, std::function<void()> what) { agenda.at(now() + span, std::move(what)); }

  // Takes what the pooler has logged since into the trace.
  void note_log();
  bool tracing() const { return tracing_; }
  void say(const std::string& who, std::string_view what);
  // Of what must never be; the first one counts.
  void complain(const std::string& what);
  const std::string& complaint() const { return complaint_; }
  const std::vector<std::string>& trace() const { return trace_; }

 private:
  bool tracing_;
  std::string complaint_;
  std::vector<std::string> trace_;
  std::size_t logged_ = 0;
};

}  // namespace weir::sim
