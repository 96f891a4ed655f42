// loader.h: builds one Config, setting by setting, and keeps what is to be said of each. Inside the
// config room only; load.h has what others call.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "proxy/config/complaints.h"
#include "proxy/config/config.h"
#include "proxy/config/entries.h"
#include "proxy/config/expand.h"
#include "proxy/config/ini.h"
#include "proxy/config/keys.h"
#include "proxy/config/libpq.h"
#include "proxy/config/sentence.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {

// The config is whole only if there are no complaints.
struct Loaded {
  Config config;
  Complaints complaints;
};

class Loader {
 public:
  // `environment`: for ${NAME}; outlives the loader.
  explicit Loader(const Environment& environment);

  // `name` stands for the file in sentences.
  void take(const Ini& ini, const std::string& name);
  // One setting; `place` is its source, too.
  void set(const Key& key, const Text& text, const Place& place);
  // The same out of a variable, which may win over the file.
  void set_from_variable(const Key& key, const Text& text, const Place& variable);
  // What read_database() said of it. The last of a name replaces the ones before it whole.
  void add(const std::string& name, Said<Database> database, const Remarks& remarks,
           const Place& place);

  void complain(const Place& place, std::string_view sentence);
  void warn(const Place& place, std::string_view sentence);
  Config& config() { return loaded_.config; }

  // Looks at the whole, and reads what the settings name.
  Loaded finish();

 private:
  bool check_section(const IniSection& section);
  void take_entry(const IniEntry& entry);
  void take_setting(const IniEntry& entry);
  void take_database(const IniEntry& entry);
  void take_user(const IniEntry& entry);
  void take_peer(const IniEntry& entry);
  void take_proxies();
  void look_at_authorities();
  void pass_on(const Place& place, const Remarks& remarks);
  void warn_unbuilt(const Place& place, const Key& key);
  void warn_once(const Place& place, std::string_view about, const std::string& sentence);

  const Environment& environment_;
  const Libpq libpq_;  // Held: each line of a database asks it.
  Loaded loaded_;
  bool settings_broken_ = false;               // Then they need not hold together.
  std::set<std::string, std::less<>> warned_;  // What has been warned of once already.
};

}  // namespace weir::proxy::config
