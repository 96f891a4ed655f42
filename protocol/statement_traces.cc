// statement_traces.cc: what may stand anywhere in a statement and leaves something behind:
// functions by their names, INTO TEMP, the schema of temporary tables.
#include <algorithm>
#include <utility>

#include "protocol/statement.h"

namespace weir::protocol {

namespace {

// What boolean's input takes for true (manual: Boolean Type).
bool is_true(const Token& token) {
  if (token.keyword() == Word::true_) return true;
  if (token.kind != Token::Kind::string || token.unclear) return false;
  constexpr std::string_view kTrue[] = {"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"};
  return std::any_of(std::begin(kTrue), std::end(kTrue),
                     [&](std::string_view word) { return words::same_folded(token.text, word); });
}

}  // namespace

void StatementScanner::watch(const Token& token) {
  const Pending before = std::exchange(pending_, Pending::none);
  if (token.kind == Token::Kind::quoted && token.unclear) statement_.traces.add(Trace::unclear);
  if (config_open_) follow_config(token);
  if (before == Pending::call && token.is('(')) return called(function_);
  if (before == Pending::schema && token.is('.')) statement_.traces.add(Trace::temp_table);
  if (before == Pending::into_temp && token.is_name()) statement_.traces.add(Trace::temp_table);
  pending_ = pending_after(before, token.word);
  function_ = token.word;
}

StatementScanner::Pending StatementScanner::pending_after(Pending before, Word word) {
  switch (word) {
    case Word::local:
    case Word::global:
      return before == Pending::into ? Pending::into : Pending::none;
    case Word::temp:
    case Word::temporary:
      return before == Pending::into ? Pending::into_temp : Pending::none;
    case Word::insert:
    case Word::merge:
      return Pending::insert;  // INTO that follows makes no table.
    case Word::into:
      return before == Pending::insert ? Pending::none : Pending::into;
    case Word::pg_temp:
      return Pending::schema;
    case Word::nextval:
    case Word::setval:
    case Word::set_config:
    case Word::pg_advisory_lock:
    case Word::pg_advisory_lock_shared:
    case Word::pg_try_advisory_lock:
    case Word::pg_try_advisory_lock_shared:
      return Pending::call;
    default:
      return Pending::none;
  }
}

void StatementScanner::called(Word function) {
  if (function == Word::nextval || function == Word::setval) {
    statement_.traces.add(Trace::sequence);
  } else if (function != Word::set_config) {
    statement_.traces.add(Trace::advisory_lock);
  } else if (config_open_) {  // One within another: too much to follow.
    statement_.traces.add(Trace::set_config);
  } else {
    config_open_ = true;
    config_local_ = false;
    config_argument_ = config_tokens_ = 0;
    config_depth_ = lexer_.depth();
  }
}

// set_config(name, value, is_local): local is only what is written as one plain true.
void StatementScanner::follow_config(const Token& token) {
  if (lexer_.depth() < config_depth_) {
    const bool local = config_argument_ == 2 && config_tokens_ == 1 && config_local_;
    if (!local) statement_.traces.add(Trace::set_config);
    config_open_ = false;
  } else if (lexer_.depth() == config_depth_ && token.is(',')) {
    config_argument_ = static_cast<std::uint8_t>(std::min(config_argument_ + 1, 3));
    config_tokens_ = 0;
  } else {
    config_tokens_ = static_cast<std::uint8_t>(std::min(config_tokens_ + 1, 2));
    config_local_ = is_true(token);
  }
}

}  // namespace weir::protocol
