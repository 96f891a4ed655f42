#include "protocol/parameters.h"

#include <algorithm>
#include <array>

#include "protocol/check.h"
#include "protocol/spelling.h"

namespace weir::protocol {

namespace {

// All that PostgreSQL reports and a client may SET; the last three since 14, 16 and 18.
constexpr std::array<std::string_view, 9> kAlways{"client_encoding",
                                                  "DateStyle",
                                                  "TimeZone",
                                                  "standard_conforming_strings",
                                                  "application_name",
                                                  "IntervalStyle",
                                                  "default_transaction_read_only",
                                                  "scram_iterations",
                                                  "search_path"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// They go into SET as they are.
bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

std::string key_of(const Values& values) {
  std::string key;
  for (const auto& value : values) {
    key += value ? '+' : '-';
    if (!value) continue;
    key += *value;
    key += '\0';
  }
  return key;
}

}  // namespace

Tracked::Tracked(std::span<const std::string> extra) {
  for (const auto name : kAlways) names_.emplace_back(name);
  for (const auto& name : extra) {
    if (!is_name(name) || index(name) || names_.size() == kTrackedMax) continue;
    names_.push_back(name);
  }
}

std::optional<std::size_t> Tracked::index(std::string_view name) const {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (same_name(names_[i], name)) return i;
  }
  return std::nullopt;
}

struct SettingsRef::Entry {
  Entry(SettingsTable* owner, Values told) : table(owner), values(std::move(told)) {}
  SettingsTable* table;
  std::size_t references = 0;
  Values values;
};

SettingsRef::SettingsRef(Entry* entry) : entry_(entry) { ++entry_->references; }

SettingsRef::SettingsRef(const SettingsRef& other) : entry_(other.entry_) {
  if (entry_ != nullptr) ++entry_->references;
}

SettingsRef::~SettingsRef() {
  if (entry_ != nullptr && --entry_->references == 0) entry_->table->forget(entry_);
}

const std::optional<std::string>& SettingsRef::value(std::size_t index) const {
  static const std::optional<std::string> kUntold;
  if (entry_ == nullptr || index >= entry_->values.size()) return kUntold;
  return entry_->values[index];
}

std::size_t SettingsRef::size() const { return entry_ != nullptr ? entry_->values.size() : 0; }

Values SettingsRef::values() const { return entry_ != nullptr ? entry_->values : Values{}; }

Values SettingsRef::values(std::size_t size) const {
  Values values = this->values();
  values.resize(size);
  return values;
}

SettingsTable::SettingsTable() = default;

SettingsTable::~SettingsTable() { WEIR_CHECK(entries_.empty()); }

SettingsRef SettingsTable::intern(Values values) {
  if (values.empty()) return {};
  std::string key = key_of(values);
  auto& slot = entries_[std::move(key)];
  if (!slot) slot = std::make_unique<SettingsRef::Entry>(this, std::move(values));
  return SettingsRef{slot.get()};
}

SettingsRef SettingsTable::with(const SettingsRef& from, const Tracked& tracked, std::size_t index,
                                std::string_view value) {
  const auto& had = from.value(index);
  if (had && *had == value) return from;
  Values values = from.values(tracked.size());
  values[index] = value;
  return intern(std::move(values));
}

void SettingsTable::forget(SettingsRef::Entry* entry) { entries_.erase(key_of(entry->values)); }

std::string quote_literal(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "E'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      out += c == '\'' ? "''" : "\\\\";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string restore_sql(const Tracked& tracked, const SettingsRef& have, const SettingsRef& want,
                        TrackedMask own) {
  std::string sql;
  if (have == want) return sql;
  for (std::size_t i = 0; i < tracked.size(); ++i) {
    const auto& value = want.value(i);
    if (!value || have.value(i) == value) continue;
    const std::string& name = tracked.name(i);
    if ((own & bit_of(i)) != 0) {
      if (have.value(i)) sql += "RESET " + name + ";";
      continue;
    }
    // Bytes of the client's encoding need not be text in the server's: SET would refuse them, where
    // a startup packet is let in.
    const bool is_label = name == "application_name";
    // search_path is a list of names: SET would take the text for one name.
    if (name == "search_path") {
      sql += "SELECT pg_catalog.set_config('search_path', " + quote_literal(*value) + ", false);";
    } else {
      sql += "SET " + name + " TO " +
             quote_literal(is_label ? spelled_application_name(*value) : *value) + ";";
    }
  }
  return sql;
}

}  // namespace weir::protocol
