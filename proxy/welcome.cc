#include "proxy/welcome.h"

#include <utility>

#include "protocol/encode.h"
#include "protocol/spelling.h"

namespace weir::proxy {

void Welcome::learn(Parameters told) {
  told_ = std::move(told);
  last_ = {};
}

const Welcome::Greeting& Welcome::greeting(const protocol::SettingsRef& asked,
                                           const protocol::Tracked& tracked,
                                           protocol::SettingsTable& table) {
  if (last_.settings && last_.asked == asked) return last_;
  last_ = {};
  last_.asked = asked;
  protocol::Values values(tracked.size());
  protocol::Values own(tracked.size());
  protocol::Values startup;
  for (const auto& [name, told] : told_) {
    const auto index = tracked.index(name);
    std::string value = told;
    if (index && asked.value(*index)) {
      value = protocol::spelled(tracked.name(*index), *asked.value(*index), told);
      startup.resize(tracked.size());
      startup[*index] = value;
    }
    protocol::put_parameter_status(last_.statuses, name, value);
    if (!index) continue;
    values[*index] = value;
    own[*index] = told;
  }
  for (std::size_t i = 0; i < tracked.size(); ++i) {
    if (!asked.value(i)) continue;
    if (!values[i]) last_.untold.emplace_back(tracked.name(i), *asked.value(i));
    if (tracked.name(i) == "client_encoding" && !protocol::spelled_encoding(*asked.value(i))) {
      last_.refusal = Fault{
          "22023", "invalid value for parameter \"client_encoding\": \"" + *asked.value(i) + "\""};
    }
  }
  last_.told = table.intern(std::move(own));
  last_.startup = table.intern(std::move(startup));
  last_.settings = table.intern(std::move(values));
  return last_;
}

}  // namespace weir::proxy
