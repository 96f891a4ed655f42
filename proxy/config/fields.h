// fields.h: from a parsed Value into a field of whatever type. Inside the config room only; the
// tables that say which key fills which field stand in settings.cc and entries.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
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
// A choice: `words` in the order of the enumerators.
template <typename Enum, std::size_t N>
void set_choice(Enum& field, const std::array<std::string_view, N>& words, const Value& value) {
  const auto at = std::find(words.begin(), words.end(), std::get<std::string>(value));
  if (at != words.end()) field = static_cast<Enum>(at - words.begin());
}
inline constexpr auto kPoolModeWords =
    std::to_array<std::string_view>({"session", "transaction", "statement"});
inline constexpr auto kAuthTypeWords = std::to_array<std::string_view>(
    {"any", "trust", "plain", "md5", "scram-sha-256", "cert", "hba"});
inline constexpr auto kSslModeWords = std::to_array<std::string_view>(
    {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"});
inline constexpr auto kBindingWords =
    std::to_array<std::string_view>({"disable", "prefer", "require"});
inline constexpr auto kQueryTimeoutActionWords =
    std::to_array<std::string_view>({"cancel", "close"});
static_assert(static_cast<std::size_t>(PoolMode::statement) + 1 == kPoolModeWords.size());
static_assert(static_cast<std::size_t>(AuthType::hba) + 1 == kAuthTypeWords.size());
static_assert(static_cast<std::size_t>(SslMode::verify_full) + 1 == kSslModeWords.size());
static_assert(static_cast<std::size_t>(ChannelBinding::require) + 1 == kBindingWords.size());
static_assert(static_cast<std::size_t>(QueryTimeoutAction::close) + 1 ==
              kQueryTimeoutActionWords.size());

inline void set(PoolMode& field, const Value& value) { set_choice(field, kPoolModeWords, value); }
inline void set(AuthType& field, const Value& value) { set_choice(field, kAuthTypeWords, value); }
inline void set(SslMode& field, const Value& value) { set_choice(field, kSslModeWords, value); }
inline void set(ChannelBinding& field, const Value& value) {
  set_choice(field, kBindingWords, value);
}
inline void set(QueryTimeoutAction& field, const Value& value) {
  set_choice(field, kQueryTimeoutActionWords, value);
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
