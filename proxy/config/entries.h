// entries.h: one line of [databases], [users] or [peers]. Sentences have no place and quote no
// password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/connstring.h"
#include "proxy/config/keys.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

// What was said besides: for the loader, which warns once for each key and knows the place.
struct Remarks {
  std::vector<const Key*> unbuilt;
  std::vector<std::string> warnings;
  // Its path is out of a variable: it may be the password itself.
  bool hides_password_file = false;
  bool has_host = false, has_hostaddr = false;
};

// The words of a line are `key=value …`, a postgresql:// URI, or a URI with keys behind it; a key
// wins over the URI.
using Words = std::vector<Word>;
Said<Database> read_database(const std::string& name, const Words& words, Remarks& remarks);
Said<User> read_user(const std::string& name, const Words& words, Remarks& remarks);
Said<void> check_peer(std::string_view name, const Words& words);

}  // namespace weir::proxy::config
