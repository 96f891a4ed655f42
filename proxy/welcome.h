// welcome.h: what clients of a pool are told when they come in: what a server told, but for what
// they have asked for themselves. Most ask for the same, so the last greeting is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/extras.h"
#include "protocol/parameters.h"
#include "proxy/commons.h"

namespace weir::proxy {

// What a client's startup packet asks for.
struct Asked {
  protocol::Values tracked;
  std::vector<protocol::Setting> extras;
};

class Welcome {
 public:
  struct Greeting {
    protocol::SettingsRef asked;
    protocol::SettingsRef told;             // By the server, of its own.
    protocol::SettingsRef startup;          // What was asked for, if the server tells of it.
    protocol::SettingsRef settings;         // That, and for the rest what was told.
    std::vector<protocol::Setting> untold;  // It was asked for and no server tells of it.
    std::optional<Fault> refusal;           // PostgreSQL would not take it.
    Buffer statuses;                        // ParameterStatus messages.
  };

  // A server has logged in, and told this.
  void learn(Parameters told);
  // Good until the next call of either.
  const Greeting& greeting(const protocol::SettingsRef& asked, const protocol::Tracked& tracked,
                           protocol::SettingsTable& table);

 private:
  Parameters told_;
  Greeting last_;
};

}  // namespace weir::proxy
