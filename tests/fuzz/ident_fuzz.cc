// ident_fuzz.cc: maps are read or refused, a copy of them says what they say, and a rule without
// expressions lets in just the pair that it names.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/check.h"
#include "proxy/config/ident.h"

using namespace weir::proxy::config;

namespace {

bool plain(const IdentRule& rule) { return !rule.system_pattern && !rule.database_pattern; }

void check_rule(const IdentRule& rule) {
  const IdentMaps one{{rule}};
  WEIR_CHECK(one.has(rule.map) && !one.has(rule.map + "x"));
  WEIR_CHECK(!one.allows(rule.map + "x", rule.system_user, rule.database_user));
  if (!plain(rule)) return;
  WEIR_CHECK(one.allows(rule.map, rule.system_user, rule.database_user));
  WEIR_CHECK(!one.allows(rule.map, rule.system_user + "x", rule.database_user));
  WEIR_CHECK(one.allows(rule.map, rule.system_user, rule.database_user + "x") == rule.all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto maps =
      parse_ident("i.conf", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!maps) {
    WEIR_CHECK(!maps.error().text.empty());
    return 0;
  }
  const IdentMaps copy = *maps;
  WEIR_CHECK(copy == *maps);
  for (const IdentRule& rule : maps->rules) {
    check_rule(rule);
    for (const char* name : {"anna", "anna@example.com", "CN=anna,OU=shop"}) {
      WEIR_CHECK(copy.allows(rule.map, name, "anna") == maps->allows(rule.map, name, "anna"));
    }
  }
  return 0;
}
