// parameters.h: the session parameters that follow a client from server to server.
//
// PostgreSQL reports them (manual: Asynchronous Operations, ParameterStatus). Most clients have
// the same values, so a set of values is interned: equal sets are one object, and "does this
// server suit this client" is one comparison of pointers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/bytes.h"

namespace weir::protocol {

inline constexpr std::size_t kTrackedMax = 64;

// Which parameters are tracked, in PostgreSQL's spelling. Names compare without case.
class Tracked {
 public:
  // Those that PostgreSQL reports and a client may SET, and `extra`; duplicates, what is no name,
  // and what is beyond kTrackedMax are left out.
  explicit Tracked(std::span<const std::string> extra);

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t index) const { return names_[index]; }
  std::optional<std::size_t> index(std::string_view name) const;
  bool operator==(const Tracked&) const = default;

 private:
  std::vector<std::string> names_;
};

// A bit for each tracked parameter.
using TrackedMask = std::uint64_t;
static_assert(kTrackedMax <= 64);
constexpr TrackedMask bit_of(std::size_t index) { return TrackedMask{1} << index; }

// One value a tracked parameter; nothing where it was never told.
using Values = std::vector<std::optional<std::string>>;

class SettingsTable;

// A counted reference to an interned set. Not for sharing between threads: each worker has its
// own table. An empty reference stands for a set in which nothing is told.
class SettingsRef {
 public:
  SettingsRef() = default;
  SettingsRef(const SettingsRef& other);
  SettingsRef(SettingsRef&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  SettingsRef& operator=(SettingsRef other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~SettingsRef();

  const std::optional<std::string>& value(std::size_t index) const;
  std::size_t size() const;
  // The set whole, or as `size` values.
  Values values() const;
  Values values(std::size_t size) const;
  // The same set. Sets of different tables never are.
  bool operator==(const SettingsRef& other) const { return entry_ == other.entry_; }
  explicit operator bool() const { return entry_ != nullptr; }

 private:
  friend class SettingsTable;
  struct Entry;
  explicit SettingsRef(Entry* entry);
  Entry* entry_ = nullptr;
};

class SettingsTable {
 public:
  SettingsTable();
  ~SettingsTable();  // REQUIRES: no reference is left.
  // Of no values at all: an empty reference.
  SettingsRef intern(Values values);
  // `from` with one value changed.
  SettingsRef with(const SettingsRef& from, const Tracked& tracked, std::size_t index,
                   std::string_view value);
  std::size_t size() const { return entries_.size(); }

 private:
  friend class SettingsRef;
  void forget(SettingsRef::Entry* entry);
  std::unordered_map<std::string, std::unique_ptr<SettingsRef::Entry>> entries_;  // By its bytes.
};

// The SQL that takes a server from `have` to `want`; empty when nothing told differs. Those of
// `own` are wanted as the server has them by itself: they are RESET. Pure ASCII whatever the values
// are, so that no client_encoding and no standard_conforming_strings can give it another meaning.
std::string restore_sql(const Tracked& tracked, const SettingsRef& have, const SettingsRef& want,
                        TrackedMask own = 0);

// `text` as an SQL string constant that means the same under every setting of the session.
std::string quote_literal(std::string_view text);

}  // namespace weir::protocol
