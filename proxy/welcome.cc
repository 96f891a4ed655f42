#include "proxy/welcome.h"

#include <utility>

#include "protocol/encode.h"

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
  for (const auto& [name, told] : told_) {
    const auto index = tracked.index(name);
    const std::string value = index ? asked.value(*index).value_or(told) : told;
    protocol::put_parameter_status(last_.statuses, name, value);
    if (index) values[*index] = value;
  }
  for (std::size_t i = 0; i < tracked.size() && last_.untold.empty(); ++i) {
    if (asked.value(i) && !values[i]) last_.untold = tracked.name(i);
  }
  last_.settings = table.intern(std::move(values));
  return last_;
}

}  // namespace weir::proxy
