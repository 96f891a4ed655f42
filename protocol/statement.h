// statement.h: what the statements of an SQL text are, and what each may leave behind in its
// session, said while the text streams by; the same however it is cut.
//
// It reads what is written: what a function, a trigger or EXECUTE of a text put together does
// cannot be seen from here. Text is taken for UTF-8 or another encoding whose further bytes are not
// ASCII.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/sql_lexer.h"

namespace weir::protocol {

enum class StatementKind : std::uint8_t {
  other,  // SELECT, INSERT, GRANT …
  prepare,
  execute,
  deallocate,
  deallocate_all,
  discard_all,
  discard,  // PLANS, SEQUENCES, TEMP
  set,      // SET SESSION CHARACTERISTICS, too
  set_local,
  set_transaction,
  reset,
  reset_all,
  begin,     // START TRANSACTION
  commit,    // END
  rollback,  // ABORT
  rollback_to,
  savepoint,
  release,
  prepare_transaction,
  commit_prepared,
  rollback_prepared,
  listen,
  unlisten,
  notify,
  declare,
  fetch,
  move,
  close,
  copy,
  load,
  explain,
  call,
  anonymous_block,  // DO
  create,
  alter,
  drop,
};

// What a statement may leave behind on its server when its transaction has ended; one bit each.
// What is certain to end with the transaction leaves none: SET LOCAL, ON COMMIT DROP, _xact_ locks.
enum class Trace : std::uint16_t {
  setting = 1 << 0,        // SET name
  role = 1 << 1,           // SET ROLE, SET SESSION AUTHORIZATION
  set_config = 1 << 2,     // set_config(…), unless its third argument is a plain true
  temp_table = 1 << 3,     // CREATE TEMP …, INTO TEMP, pg_temp.…
  listen = 1 << 4,         // LISTEN
  advisory_lock = 1 << 5,  // pg_advisory_lock(), pg_try_advisory_lock() and their _shared
  hold_cursor = 1 << 6,    // DECLARE … WITH HOLD
  prepared = 1 << 7,       // SQL's PREPARE
  sequence = 1 << 8,       // nextval(), setval(): what currval() and lastval() give
  load = 1 << 9,           // LOAD
  block = 1 << 10,         // A DO in whose text stands a word of the above
  unclear = 1 << 11,  // It was not understood: an open quote, a name in U&"…". Expect anything.
};

class Traces {
 public:
  constexpr Traces() = default;
  explicit constexpr Traces(std::uint16_t bits) : bits_(bits) {}
  constexpr bool has(Trace trace) const { return (bits_ & static_cast<unsigned>(trace)) != 0; }
  constexpr void add(Trace trace) { bits_ |= static_cast<std::uint16_t>(trace); }
  constexpr void add(Traces traces) { bits_ |= traces.bits_; }
  constexpr void remove(Trace trace) {
    bits_ &= static_cast<std::uint16_t>(~static_cast<unsigned>(trace));
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint16_t bits() const { return bits_; }
  friend constexpr bool operator==(Traces, Traces) = default;

 private:
  std::uint16_t bits_ = 0;
};

struct Statement {
  StatementKind kind = StatementKind::other;
  // A prepared statement is executed, maybe by EXPLAIN EXECUTE or CREATE TABLE … AS EXECUTE.
  bool executes = false;
  bool to_default = false;  // SET … TO DEFAULT
  Traces traces;            // Of PREPARE with those of the text prepared, which are EXECUTE's.
  // Of the prepared statement, savepoint, cursor or channel: folded, quotes undone, cut as
  // PostgreSQL cuts it. Of the parameter of SET and RESET: always folded, `timezone` for TIME ZONE
  // and so on; `session characteristics` for that. Empty where there is none, and with
  // Trace::unclear for U&"…". Valid during the call.
  std::string_view name;
  // Offsets in the whole text. The name as it is written, quotes included: 0, 0 where it is not.
  std::uint64_t name_begin = 0;
  std::uint64_t name_end = 0;
  // From the first byte of the first token to behind the last, without the ';'.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class StatementScanner {
 public:
  // As the server has standard_conforming_strings when the text comes.
  explicit StatementScanner(bool standard_conforming_strings = true)
      : lexer_(standard_conforming_strings) {}

  // The next part of the text. `each` is called with every Statement that ends in it; what is only
  // space and comments is none.
  template <typename Each>
  void feed(std::string_view part, Each&& each) {
    Token token;
    while (lexer_.next(part, token)) {
      if (take(token)) give(each);
    }
  }
  template <typename Each>
  void feed(Bytes part, Each&& each) {
    feed(as_text(part), each);
  }

  // The text is over. The scanner is used up.
  template <typename Each>
  void finish(Each&& each) {
    Token token;
    for (std::string_view last{"\n"}; lexer_.next(last, token);) {
      if (take(token)) give(each);
    }
    if (take_end()) give(each);
  }

 private:
  enum class State : std::uint8_t {
    head,
    skim,
    name,
    deallocate,
    deallocate_name,
    prepare,
    prepare_transaction,
    discard,
    transaction,
    savepoint,
    declare,
    declare_options,
    declare_with,
    explain,
    block,
    create,
    create_rest,
    routine_name,
    routine,
    set,
    set_session,
    set_local,
    set_name,
    set_part,
    set_value,
    reset,
    reset_name,
    reset_part,
  };
  enum class Pending : std::uint8_t { none, call, schema, insert, into, into_temp };

  template <typename Each>
  void give(Each& each) {
    statement_.name = name();
    each(static_cast<const Statement&>(statement_));
    forget();
  }

  bool take(const Token& token);
  bool take_end();
  void settle(std::uint64_t end);
  void forget();
  Attention wanted() const;

  void read(const Token& token);
  void read_head(const Token& token);
  void read_name(const Token& token);
  void read_name_or(Word word, State state, const Token& token);
  void read_deallocate(const Token& token);
  void read_transaction(const Token& token);
  void read_declare_with(const Token& token);
  void read_explain(const Token& token);
  void read_create(const Token& token);
  void read_create_rest(const Token& token);
  void read_routine(const Token& token);

  // statement_set.cc: SET and RESET.
  void read_set(const Token& token);
  void read_set_session(const Token& token);
  void read_set_local(const Token& token);
  void read_parameter(const Token& token);
  void read_after_parameter(const Token& token);
  void read_part(const Token& token, State next);
  void read_value(const Token& token);
  void read_reset(const Token& token);
  void read_after_reset(const Token& token);
  void settle_parameter();
  void settle_set();

  // statement_traces.cc: what may stand anywhere in a statement.
  void watch(const Token& token);
  static Pending pending_after(Pending before, Word word);
  void called(Word function);
  void follow_config(const Token& token);

  void add_name(const Token& token, bool always_folded = false);
  void name_it(std::string_view name);
  std::string_view name() const { return {name_.data(), name_bytes_}; }

  SqlLexer lexer_;
  Statement statement_;
  State state_ = State::head;
  Pending pending_ = Pending::none;
  Word function_ = Word::none;   // Of Pending::call.
  Word parameter_ = Word::none;  // The only word so far of what is SET.
  Word before_ = Word::none;     // The word right before, where it matters.
  bool temp_created_ = false;
  bool config_open_ = false;  // Inside the parentheses of set_config.
  bool config_local_ = false;
  std::uint8_t config_argument_ = 0;
  std::uint8_t config_tokens_ = 0;  // Of the argument; no more than 2 are counted.
  std::uint8_t name_bytes_ = 0;
  std::uint32_t config_depth_ = 0;
  std::uint32_t atomic_depth_ = 0;
  std::array<char, 2 * kIdentifierBytesMax + 1> name_{};
};

}  // namespace weir::protocol
