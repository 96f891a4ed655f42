// keys.h: every setting in one table: type, unit, default, scope, whether a reload changes it and
// whether pgweir does anything with it yet. The loader, SHOW CONFIG, the sample file and
// docs/SETTINGS.md all read this table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::proxy::config {

// Bits: the section a key may stand in.
using Scopes = std::uint8_t;
constexpr Scopes kGlobal = 1;    // [pgweir], alias [pgbouncer]
constexpr Scopes kDatabase = 2;  // a line of [databases]
constexpr Scopes kUser = 4;      // a line of [users]
constexpr Scopes kPeer = 8;      // a line of [peers]

// How the text is read: see parse.h.
enum class Type : std::uint8_t {
  text,
  list,     // Names between commas.
  integer,  // As strtol base 0 reads it; never negative.
  boolean,  // 0 or 1.
  time,     // Seconds, fractions allowed, or a number with us, ms, s, min, h, d.
  choice,   // One of `choices`, any case.
};

// What the value counts; also bounds an integer.
enum class Unit : std::uint8_t {
  none,
  path,
  sql,
  count,
  threads,
  port,
  peer,
  octal,
  level,
  bytes,
  seconds,
  milliseconds,
  iterations,
  secret,  // No sentence and no SHOW has the value.
};

// What pgweir does with a key.
enum class Stage : std::uint8_t {
  built,
  later,  // Checked and kept, without effect so far: setting it draws a warning.
  moot,   // There is nothing here that it could mean, as `differs` says.
};

// What `differs` says of a key that is our own.
constexpr std::string_view kOwnKey = "PgBouncer has no such key.";

struct Key {
  std::string_view name;
  Type type;
  Unit unit;
  const char* fallback;  // The default as SHOW CONFIG prints it; nullptr: unset.
  Scopes scopes;
  bool reload;  // RELOAD changes it; otherwise it needs a restart.
  Stage stage;
  std::string_view says;          // One line for the operator.
  std::string_view choices = {};  // Type::choice: all of PgBouncer's words, between spaces.
  std::string_view refused = {};  // Words among them that promise what is not built.
  std::string_view differs = {};  // From PgBouncer: one sentence; empty: it does not.
  std::string_view instead = {};  // Stage::later: why, and what to do: one sentence.

  bool built() const { return stage == Stage::built; }
};

std::span<const Key> keys();

// The row for `name` in one scope, or nullptr. Some names mean different things in different
// scopes.
const Key* find_key(std::string_view name, Scopes scope);

// The key of that scope nearest in spelling, or empty if none is near.
std::string_view nearest_key(std::string_view name, Scopes scope);

}  // namespace weir::proxy::config
