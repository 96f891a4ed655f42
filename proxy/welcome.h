// welcome.h: what clients of a pool are told when they come in: what a server told, but for what
// they have asked for themselves. Most ask for the same, so the last greeting is kept.
#pragma once

#include <string>

#include "protocol/parameters.h"
#include "proxy/commons.h"

namespace weir::proxy {

class Welcome {
 public:
  struct Greeting {
    protocol::SettingsRef asked;
    protocol::SettingsRef settings;  // What was asked for, and for the rest what was told.
    std::string untold;              // It was asked for and no server tells of it; empty: none.
    Buffer statuses;                 // ParameterStatus messages.
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
