#include "protocol/statement.h"

#include <algorithm>
#include <utility>

namespace weir::protocol {

namespace {

// As PostgreSQL cuts an identifier: not within a character of UTF-8.
std::string_view clipped(std::string_view text) {
  if (text.size() <= kIdentifierBytesMax) return text;
  std::size_t bytes = kIdentifierBytesMax;
  while (bytes > 0 && (static_cast<std::uint8_t>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace

bool StatementScanner::take(const Token& token) {
  if (token.kind == Token::Kind::semicolon) {
    if (state_ == State::head || atomic_depth_ > 0) return false;
    settle(lexer_.end_before());
    return true;
  }
  if (state_ == State::head) statement_.begin = token.begin;
  if (state_ != State::routine_name && state_ != State::routine) watch(token);
  read(token);
  lexer_.attend(wanted());
  return false;
}

bool StatementScanner::take_end() {
  const bool open = lexer_.inside() || atomic_depth_ > 0;
  if (state_ == State::head && !open) return false;
  if (state_ == State::head) statement_.begin = lexer_.last_end();
  if (open) statement_.traces.add(Trace::unclear);
  settle(lexer_.last_end());
  return true;
}

void StatementScanner::settle(std::uint64_t end) {
  if (config_open_) statement_.traces.add(Trace::set_config);
  if (state_ == State::set_name) settle_parameter();
  if (statement_.kind == StatementKind::set) settle_set();
  statement_.end = end;
}

void StatementScanner::forget() {
  statement_ = {};
  state_ = State::head;
  pending_ = Pending::none;
  function_ = parameter_ = before_ = Word::none;
  temp_created_ = config_open_ = false;
  name_bytes_ = 0;
  atomic_depth_ = 0;
  lexer_.attend(kEveryToken);
}

Attention StatementScanner::wanted() const {
  if (pending_ != Pending::none || config_open_ || before_ != Word::none) return kEveryToken;
  switch (state_) {
    case State::skim:
      return kNames | kPhrases;
    case State::create_rest:
      return kNames | kPhrases | kCreates;
    case State::routine:
      return kRoutines;
    case State::block:
      return kEveryToken | kInside;
    default:
      return kEveryToken;
  }
}

void StatementScanner::read(const Token& token) {
  switch (state_) {
    case State::skim:
      return;
    case State::head:
      return read_head(token);
    case State::name:
      return read_name(token);
    case State::deallocate:
      return read_deallocate(token);
    case State::deallocate_name:
      if (token.keyword() != Word::all) return read_name(token);
      name_it({});
      statement_.kind = StatementKind::deallocate_all;
      state_ = State::skim;
      return;
    case State::prepare:
      return read_name_or(Word::transaction, State::prepare_transaction, token);
    case State::prepare_transaction:
      state_ = State::skim;
      if (token.kind != Token::Kind::string) return;  // The name of a statement after all.
      name_it({});
      statement_.traces.remove(Trace::prepared);
      statement_.kind = StatementKind::prepare_transaction;
      return;
    case State::discard:
      if (token.keyword() == Word::all) statement_.kind = StatementKind::discard_all;
      state_ = State::skim;
      return;
    case State::transaction:
      return read_transaction(token);
    case State::savepoint:
      return read_name_or(Word::savepoint, State::name, token);
    case State::declare:
      read_name(token);
      state_ = State::declare_options;
      return;
    case State::declare_options:
      if (token.keyword() == Word::cursor) state_ = State::declare_with;
      return;
    case State::declare_with:
      return read_declare_with(token);
    case State::explain:
      return read_explain(token);
    case State::block:
      if (token.suspect) statement_.traces.add(Trace::block);
      return;
    case State::create:
      return read_create(token);
    case State::create_rest:
      return read_create_rest(token);
    case State::routine_name:
      if (token.word == Word::pg_temp) statement_.traces.add(Trace::temp_table);
      state_ = State::routine;
      return;
    case State::routine:
      return read_routine(token);
    default:
      return read_set(token);
  }
}

void StatementScanner::read_head(const Token& token) {
  struct Head {
    Word word;
    StatementKind kind;
    State state;
  };
  using Kind = StatementKind;
  static constexpr Head kHeads[] = {
      {Word::abort_, Kind::rollback, State::transaction},
      {Word::alter, Kind::alter, State::skim},
      {Word::begin, Kind::begin, State::skim},
      {Word::call, Kind::call, State::skim},
      {Word::close, Kind::close, State::name},
      {Word::commit, Kind::commit, State::transaction},
      {Word::copy, Kind::copy, State::skim},
      {Word::create, Kind::create, State::create},
      {Word::deallocate, Kind::deallocate, State::deallocate},
      {Word::declare, Kind::declare, State::declare},
      {Word::discard, Kind::discard, State::discard},
      {Word::do_, Kind::anonymous_block, State::block},
      {Word::drop, Kind::drop, State::skim},
      {Word::end, Kind::commit, State::transaction},
      {Word::execute, Kind::execute, State::name},
      {Word::explain, Kind::explain, State::explain},
      {Word::fetch, Kind::fetch, State::skim},
      {Word::listen, Kind::listen, State::name},
      {Word::load, Kind::load, State::skim},
      {Word::move, Kind::move, State::skim},
      {Word::notify, Kind::notify, State::name},
      {Word::prepare, Kind::prepare, State::prepare},
      {Word::release, Kind::release, State::savepoint},
      {Word::reset, Kind::reset, State::reset},
      {Word::rollback, Kind::rollback, State::transaction},
      {Word::savepoint, Kind::savepoint, State::name},
      {Word::set, Kind::set, State::set},
      {Word::start, Kind::begin, State::skim},
      {Word::unlisten, Kind::unlisten, State::name},
  };
  state_ = State::skim;
  const Word word = token.keyword();
  if (word == Word::none) return;
  for (const Head& head : kHeads) {
    if (head.word != word) continue;
    statement_.kind = head.kind;
    state_ = head.state;
  }
  statement_.executes = word == Word::execute;
  if (word == Word::listen) statement_.traces.add(Trace::listen);
  if (word == Word::load) statement_.traces.add(Trace::load);
  if (word == Word::prepare) statement_.traces.add(Trace::prepared);
}

void StatementScanner::read_name(const Token& token) {
  state_ = State::skim;
  if (!token.is_name() ||
      (statement_.kind == StatementKind::close && token.keyword() == Word::all)) {
    return;
  }
  name_it({});
  add_name(token);
}

// A word in front of a name, or the name itself: what follows tells.
void StatementScanner::read_name_or(Word word, State state, const Token& token) {
  read_name(token);
  if (token.keyword() == word) state_ = state;
}

void StatementScanner::read_deallocate(const Token& token) {
  if (token.keyword() != Word::all) {
    return read_name_or(Word::prepare, State::deallocate_name, token);
  }
  statement_.kind = StatementKind::deallocate_all;
  state_ = State::skim;
}

void StatementScanner::read_transaction(const Token& token) {
  const Word word = token.keyword();
  if (word == Word::work || word == Word::transaction) return;
  state_ = State::skim;
  const bool back = statement_.kind == StatementKind::rollback;
  if (word == Word::to && back) {
    statement_.kind = StatementKind::rollback_to;
    state_ = State::savepoint;
  } else if (word == Word::prepared) {
    statement_.kind = back ? StatementKind::rollback_prepared : StatementKind::commit_prepared;
  }
}

void StatementScanner::read_declare_with(const Token& token) {
  const Word word = token.keyword();
  if (word == Word::hold && before_ == Word::with) statement_.traces.add(Trace::hold_cursor);
  if (word != Word::with || before_ == Word::with) state_ = State::skim;
  before_ = state_ == State::skim ? Word::none : word;
}

// Options in parentheses or before the statement, which is what is looked for.
void StatementScanner::read_explain(const Token& token) {
  const Word word = token.keyword();
  if (lexer_.depth() > 0 || token.kind == Token::Kind::mark) return;
  if (word == Word::analyze || word == Word::analyse || word == Word::verbose) return;
  state_ = State::skim;
  statement_.executes = word == Word::execute;
  if (word == Word::execute) state_ = State::name;
  if (word == Word::create) state_ = State::create;
}

void StatementScanner::read_create(const Token& token) {
  switch (token.keyword()) {
    case Word::or_:
    case Word::replace:
    case Word::local:
    case Word::global:
      return;
    case Word::temp:
    case Word::temporary:
      temp_created_ = true;
      statement_.traces.add(Trace::temp_table);
      state_ = State::create_rest;
      return;
    case Word::function:
    case Word::procedure:
      state_ = State::routine_name;
      return;
    default:
      state_ = State::create_rest;
  }
}

void StatementScanner::read_create_rest(const Token& token) {
  const Word before = std::exchange(before_, Word::none);
  if (lexer_.depth() > 0) return;
  const Word word = token.keyword();
  if (before == Word::as) {  // The query; what it says is no more ours.
    statement_.executes = word == Word::execute;
    state_ = statement_.executes ? State::name : State::skim;
  } else if (word == Word::as || word == Word::on || (word == Word::commit && before == Word::on)) {
    before_ = word;
  } else if (word == Word::drop && before == Word::commit && temp_created_) {
    statement_.traces.remove(Trace::temp_table);
  }
}

// CREATE FUNCTION … BEGIN ATOMIC …; …; END: psql counts the same words.
void StatementScanner::read_routine(const Token& token) {
  const Word before = std::exchange(before_, Word::none);
  const Word word = token.keyword();
  if (token.after_dot || before == Word::as) return;  // A column may have any name.
  if (word == Word::begin || word == Word::as) {
    before_ = word;
  } else if (word == Word::atomic && before == Word::begin && atomic_depth_ == 0) {
    atomic_depth_ = 1;
  } else if (word == Word::case_ && atomic_depth_ > 0) {
    ++atomic_depth_;
  } else if (word == Word::end && atomic_depth_ > 0) {
    --atomic_depth_;
  }
}

void StatementScanner::add_name(const Token& token, bool always_folded) {
  if (token.unclear) {
    statement_.traces.add(Trace::unclear);
    return name_it({});
  }
  if (statement_.name_end == 0) statement_.name_begin = token.begin;
  statement_.name_end = token.end;
  const bool folded = always_folded || token.kind == Token::Kind::word;
  for (const char c : clipped(token.text)) {
    if (name_bytes_ < name_.size()) name_[name_bytes_++] = folded ? fold(c) : c;
  }
}

void StatementScanner::name_it(std::string_view name) {
  statement_.name_begin = statement_.name_end = 0;
  std::copy(name.begin(), name.end(), name_.begin());
  name_bytes_ = static_cast<std::uint8_t>(name.size());
}

}  // namespace weir::protocol
