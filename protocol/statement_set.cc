// statement_set.cc: SET and RESET, whose grammar has words that may be names (manual: SET, RESET).
#include "protocol/statement.h"

namespace weir::protocol {

namespace {

bool is_equals(const Token& token) { return token.is('=') || token.keyword() == Word::to; }

}  // namespace

void StatementScanner::read_set(const Token& token) {
  switch (state_) {
    case State::set:
      read_parameter(token);
      if (token.keyword() == Word::session) state_ = State::set_session;
      if (token.keyword() == Word::local) state_ = State::set_local;
      return;
    case State::set_session:
      return read_set_session(token);
    case State::set_local:
      return read_set_local(token);
    case State::set_name:
      return read_after_parameter(token);
    case State::set_part:
      return read_part(token, State::set_name);
    case State::set_value:
      return read_value(token);
    case State::reset:
      return read_reset(token);
    case State::reset_name:
      return read_after_reset(token);
    case State::reset_part:
      return read_part(token, State::reset_name);
    default:
      state_ = State::skim;
  }
}

// Behind SET SESSION, or SET LOCAL SESSION.
void StatementScanner::read_set_session(const Token& token) {
  if (token.is('.') || is_equals(token)) return read_after_parameter(token);
  switch (token.keyword()) {
    case Word::characteristics:
      name_it("session characteristics");
      state_ = State::skim;
      return;
    case Word::authorization:
      name_it("session_authorization");
      state_ = State::set_value;
      return;
    default:
      name_it({});
      read_parameter(token);
      if (token.keyword() == Word::session) state_ = State::set_session;
  }
}

void StatementScanner::read_set_local(const Token& token) {
  if (token.is('.') || is_equals(token)) return read_after_parameter(token);
  statement_.kind = StatementKind::set_local;
  name_it({});
  read_parameter(token);
  if (token.keyword() == Word::session) state_ = State::set_session;
}

void StatementScanner::read_parameter(const Token& token) {
  state_ = State::skim;
  if (!token.is_name()) return;
  parameter_ = token.keyword();
  add_name(token, true);
  state_ = State::set_name;
}

// A '.' makes more of the name, '=' and TO end it; anything else tells that it was a phrase.
void StatementScanner::read_after_parameter(const Token& token) {
  if (token.is('.')) {
    parameter_ = Word::none;
    state_ = State::set_part;
    return;
  }
  state_ = State::set_value;
  if (is_equals(token)) return;
  const bool phrase = parameter_ == Word::time || parameter_ == Word::xml;  // Of two words.
  settle_parameter();
  if (!phrase) read_value(token);
}

void StatementScanner::read_part(const Token& token, State next) {
  state_ = State::skim;
  if (!token.is_name()) return;
  if (name_bytes_ < name_.size()) name_[name_bytes_++] = '.';
  add_name(token, true);
  state_ = next;
}

void StatementScanner::read_value(const Token& token) {
  state_ = State::skim;
  const Word word = token.keyword();
  statement_.to_default = word == Word::default_ || (word == Word::local && name() == "timezone");
  // Tables made from here on are temporary, and outlive the setting.
  const bool temp =
      token.word == Word::pg_temp || (token.kind == Token::Kind::string && token.text == "pg_temp");
  if (temp && name() == "search_path") statement_.traces.add(Trace::temp_table);
}

void StatementScanner::settle_parameter() {
  switch (parameter_) {
    case Word::time:
      return name_it("timezone");
    case Word::names:
      statement_.to_default = true;  // Unless an encoding follows.
      return name_it("client_encoding");
    case Word::schema:
      return name_it("search_path");
    case Word::xml:
      return name_it("xmloption");
    case Word::transaction:
      statement_.kind = StatementKind::set_transaction;
      return name_it({});
    default:
      return;
  }
}

void StatementScanner::settle_set() {
  if (statement_.to_default) return;
  const bool role = name() == "role" || name() == "session_authorization";
  statement_.traces.add(role ? Trace::role : Trace::setting);
}

void StatementScanner::read_reset(const Token& token) {
  state_ = State::skim;
  if (token.keyword() == Word::all) {
    statement_.kind = StatementKind::reset_all;
  } else if (token.is_name()) {
    parameter_ = token.keyword();
    add_name(token, true);
    state_ = State::reset_name;
  }
}

void StatementScanner::read_after_reset(const Token& token) {
  state_ = State::skim;
  if (token.is('.')) {
    state_ = State::reset_part;
  } else if (parameter_ == Word::time) {
    name_it("timezone");
  } else if (parameter_ == Word::session) {
    name_it("session_authorization");
  } else if (parameter_ == Word::transaction) {
    name_it("transaction_isolation");
  }
}

}  // namespace weir::protocol
