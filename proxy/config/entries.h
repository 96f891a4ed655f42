// entries.h: one line of [databases], [users] or [peers]. Sentences have no place and quote no
// password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/keys.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

// What was said besides: for the loader, which warns once for each key and knows the place.
struct Remarks {
  std::vector<const Key*> unbuilt;
  std::vector<std::string> warnings;
};

// `text` is `key=value …`, a postgresql:// URI, or a URI with keys behind it; a key wins over the
// URI.
Said<Database> read_database(const std::string& name, std::string_view text, Remarks& remarks);
Said<User> read_user(const std::string& name, std::string_view text, Remarks& remarks);
Said<void> check_peer(std::string_view name, std::string_view text);

}  // namespace weir::proxy::config
