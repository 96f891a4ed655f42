// fields.h: from a parsed Value into a field of whatever type. Inside the config room only; the
// tables that say which key fills which field stand in settings.cc and entries.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/config/settings.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {

inline void set(int& field, const Value& value) {
  field = static_cast<int>(std::get<std::int64_t>(value));
}
inline void set(std::int64_t& field, const Value& value) { field = std::get<std::int64_t>(value); }
inline void set(bool& field, const Value& value) { field = std::get<bool>(value); }
inline void set(std::string& field, const Value& value) { field = std::get<std::string>(value); }
inline void set(std::vector<std::string>& field, const Value& value) {
  field = std::get<std::vector<std::string>>(value);
}
inline void set(PoolMode& field, const Value& value) {
  const auto& word = std::get<std::string>(value);
  field = word == "transaction" ? PoolMode::transaction
          : word == "statement" ? PoolMode::statement
                                : PoolMode::session;
}
inline void set(AuthType& field, const Value& value) {
  const auto& word = std::get<std::string>(value);
  field = word == "trust"   ? AuthType::trust
          : word == "plain" ? AuthType::plain
          : word == "md5"   ? AuthType::md5
                            : AuthType::scram_sha_256;
}
template <typename T>
void set(std::optional<T>& field, const Value& value) {
  T inside{};
  set(inside, value);
  field = inside;
}

// One row of such a table: the field is one of several member types of Owner.
template <typename Owner, typename... T>
struct Bound {
  std::string_view key;
  std::variant<T Owner::*...> field;
};

// Whether a row bears the key's name; if so the value now stands in its field.
template <typename Owner, typename Row>
bool set_field(Owner& owner, std::span<const Row> rows, std::string_view key, const Value& value) {
  for (const Row& row : rows) {
    if (row.key != key) continue;
    std::visit([&](auto member) { set(owner.*member, value); }, row.field);
    return true;
  }
  return false;
}

}  // namespace weir::proxy::config
