// sql_word.h: the words of SQL that matter to the statement scanner, and a lookup that turns an
// ordinary word away after one table access.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::protocol {

enum class Word : std::uint8_t {
  none,
  // clang-format off
  abort_, all, alter, analyse, analyze, as, atomic, authorization, begin, call, case_, catalog,
  characteristics, close, commit, copy, create, cursor, deallocate, declare, default_, discard, do_,
  drop, end, execute, explain, fetch, function, global, hold, insert, into, listen, load, local,
  merge, move, names, nextval, notify, on, option, or_, pg_advisory_lock, pg_advisory_lock_shared,
  pg_temp, pg_try_advisory_lock, pg_try_advisory_lock_shared, prepare, prepared, procedure, release,
  replace, reset, role, rollback, savepoint, schema, session, session_authorization, set,
  set_config, setval, start, temp, temporary, time, to, transaction, true_, unlisten, verbose, with,
  work, xml, zone,
  // clang-format on
};

// Where a word is looked for when not every token is; one bit each.
using Attention = std::uint8_t;
inline constexpr Attention kEveryToken = 1;
inline constexpr Attention kNames = 2;      // Of functions and schemas; counts in "quotes", too.
inline constexpr Attention kPhrases = 4;    // Beginnings of INTO TEMP.
inline constexpr Attention kCreates = 8;    // CREATE … ON COMMIT DROP, AS EXECUTE.
inline constexpr Attention kRoutines = 16;  // BEGIN ATOMIC … END.
inline constexpr Attention kInside = 32;    // Inside of quoted text: what a DO may do.

struct WordRow {
  std::string_view text;
  Word word = Word::none;
  Attention sought = 0;
};

inline constexpr WordRow kWords[] = {
    // By first letter.
    {"abort", Word::abort_},
    {"all", Word::all},
    {"alter", Word::alter},
    {"analyse", Word::analyse},
    {"analyze", Word::analyze},
    {"as", Word::as, kCreates | kRoutines},
    {"atomic", Word::atomic},
    {"authorization", Word::authorization},
    {"begin", Word::begin, kRoutines},
    {"call", Word::call},
    {"case", Word::case_, kRoutines},
    {"catalog", Word::catalog},
    {"characteristics", Word::characteristics},
    {"close", Word::close},
    {"commit", Word::commit},
    {"copy", Word::copy},
    {"create", Word::create},
    {"cursor", Word::cursor},
    {"deallocate", Word::deallocate},
    {"declare", Word::declare},
    {"default", Word::default_},
    {"discard", Word::discard, kInside},
    {"do", Word::do_},
    {"drop", Word::drop},
    {"end", Word::end, kRoutines},
    {"execute", Word::execute},
    {"explain", Word::explain},
    {"fetch", Word::fetch},
    {"function", Word::function},
    {"global", Word::global},
    {"hold", Word::hold, kInside},
    {"insert", Word::insert, kPhrases},
    {"into", Word::into, kPhrases},
    {"listen", Word::listen, kInside},
    {"load", Word::load, kInside},
    {"local", Word::local},
    {"merge", Word::merge, kPhrases},
    {"move", Word::move},
    {"names", Word::names},
    {"nextval", Word::nextval, kNames | kInside},
    {"notify", Word::notify},
    {"on", Word::on, kCreates},
    {"option", Word::option},
    {"or", Word::or_},
    {"pg_advisory_lock", Word::pg_advisory_lock, kNames | kInside},
    {"pg_advisory_lock_shared", Word::pg_advisory_lock_shared, kNames | kInside},
    {"pg_temp", Word::pg_temp, kNames | kInside},
    {"pg_try_advisory_lock", Word::pg_try_advisory_lock, kNames | kInside},
    {"pg_try_advisory_lock_shared", Word::pg_try_advisory_lock_shared, kNames | kInside},
    {"prepare", Word::prepare, kInside},
    {"prepared", Word::prepared},
    {"procedure", Word::procedure},
    {"release", Word::release},
    {"replace", Word::replace},
    {"reset", Word::reset, kInside},
    {"role", Word::role},
    {"rollback", Word::rollback},
    {"savepoint", Word::savepoint},
    {"schema", Word::schema},
    {"session", Word::session},
    {"session_authorization", Word::session_authorization},
    {"set", Word::set, kInside},
    {"set_config", Word::set_config, kNames | kInside},
    {"setval", Word::setval, kNames | kInside},
    {"start", Word::start},
    {"temp", Word::temp, kInside},
    {"temporary", Word::temporary, kInside},
    {"time", Word::time},
    {"to", Word::to},
    {"transaction", Word::transaction},
    {"true", Word::true_},
    {"unlisten", Word::unlisten},
    {"verbose", Word::verbose},
    {"with", Word::with},
    {"work", Word::work},
    {"xml", Word::xml},
    {"zone", Word::zone},
};

inline constexpr std::size_t kWordBytesMax = 31;

// As PostgreSQL folds an identifier in UTF-8: ASCII alone.
constexpr char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

namespace words {

struct Letter {
  std::uint32_t lengths = 0;         // Bit n: a word of n bytes begins with it.
  std::uint32_t sought_lengths = 0;  // The same of words that are sought, not only understood.
  std::uint32_t skim_lengths = 0;    // The same of names and phrases.
  std::uint8_t from = 0;
  std::uint8_t to = 0;
};

consteval std::array<Letter, 32> letters() {
  std::array<Letter, 32> by_letter{};
  for (std::size_t i = 0; i < std::size(kWords); ++i) {
    Letter& letter = by_letter[static_cast<std::size_t>(kWords[i].text[0] & 31)];
    const std::uint32_t length = std::uint32_t{1} << kWords[i].text.size();
    if (letter.lengths == 0) letter.from = static_cast<std::uint8_t>(i);
    letter.to = static_cast<std::uint8_t>(i + 1);
    letter.lengths |= length;
    if (kWords[i].sought != 0) letter.sought_lengths |= length;
    if (kWords[i].sought & (kNames | kPhrases)) letter.skim_lengths |= length;
  }
  return by_letter;
}
inline constexpr std::array<Letter, 32> kLetters = letters();

// Few that nobody seeks may pass. `skim`: only names and phrases are sought.
inline bool may_be_sought(std::string_view text, bool skim) {
  const Letter& letter = kLetters[static_cast<std::size_t>(text[0] & 31)];
  return text.size() <= kWordBytesMax &&
         ((skim ? letter.skim_lengths : letter.sought_lengths) >> text.size() & 1) != 0;
}

constexpr bool same_folded(std::string_view text, std::string_view folded) {
  for (std::size_t i = 0; i < folded.size(); ++i) {
    if (fold(text[i]) != folded[i]) return false;
  }
  return text.size() == folded.size();
}

}  // namespace words

// The row of a word in any case, or nullptr. With `all` false only words that are sought are found.
inline const WordRow* find_word(std::string_view text, bool all) {
  if (text.empty() || text.size() > kWordBytesMax) return nullptr;
  const words::Letter& letter = words::kLetters[static_cast<std::size_t>(text[0] & 31)];
  if (((all ? letter.lengths : letter.sought_lengths) >> text.size() & 1) == 0) return nullptr;
  for (std::size_t i = letter.from; i < letter.to; ++i) {
    if (kWords[i].text.size() == text.size() && words::same_folded(text, kWords[i].text)) {
      return &kWords[i];
    }
  }
  return nullptr;
}

}  // namespace weir::protocol
