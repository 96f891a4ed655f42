#include "tests/sim/session.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "protocol/encode.h"
#include "tests/sim/toy_sql.h"

namespace weir::sim {

namespace {

using protocol::Severity;
using Words = std::vector<std::string>;

constexpr const char* kCancelled = "canceling statement due to user request";

void put_row(Buffer& out, std::string_view value) {
  const std::array<std::optional<std::string_view>, 1> row{value};
  protocol::put_data_row(out, row);
}

void put_columns(Buffer& out, std::string_view name) {
  const std::array columns{protocol::Column{name}};
  protocol::put_row_description(out, columns);
}

std::string cstring(std::string_view& body) {
  const std::size_t end = std::min(body.find('\0'), body.size());
  std::string text{body.substr(0, end)};
  body.remove_prefix(std::min(end + 1, body.size()));
  return text;
}

std::size_t number(const Words& words, std::size_t at) {
  return at < words.size() ? std::strtoul(words[at].c_str(), nullptr, 10) : 0;
}

std::string word(const Words& words, std::size_t at) {
  return at < words.size() ? words[at] : std::string{};
}

bool gives_rows(const Words& words) {
  const std::string verb = word(words, 0);
  return verb == "echo" || verb == "rows" || verb == "take" || verb == "show";
}

// One format byte and one text column.
const std::string kCopyFormat{"\0\0\1\0\0", 5};

// The first one of a FunctionCall without formats.
std::string_view argument(std::string_view call) {
  return call.substr(12, load_u32(reinterpret_cast<const std::uint8_t*>(call.data()) + 8));
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

}  // namespace

Session::Session(const Settings& asked) : startup_(default_settings()) {
  for (const auto& [name, value] : asked) {
    if (startup_.contains(name)) startup_[name] = spell(name, value).value_or(value);
  }
  now_.settings = reported_ = startup_;
}

bool Session::silent(const Message& message) const {
  switch (message.tag) {
    case 'X':
    case 'H':
    case 'd':
      return true;
    case 'c':
    case 'f':
      return !copying_in();
    case 'S':
      return copying_in();
    default:
      return skipping_;
  }
}

Instant Session::cost(const Message& message) const {
  if (status_ == 'E' || silent(message)) return 0;
  std::string sql;
  std::string_view body = message.body;
  if (message.tag == 'Q') {
    sql = cstring(body);
  } else if (message.tag == 'F') {
    sql = argument(body);
  } else if (message.tag == 'E') {
    const auto portal = portals_.find(cstring(body));
    if (portal != portals_.end()) sql = portal->second.sql;
  }
  Instant cost = 0;
  for (const auto& statement : statements_of(sql)) {
    const Words words = words_of(statement);
    if (words[0] == "take") cost += static_cast<Instant>(number(words, 1));
  }
  return cost;
}

void Session::step(const Message& message, Buffer& out) {
  if (message.tag == 'X') {
    over_ = true;
    return;
  }
  if (copying_in()) return copy_step(message, out);
  if (silent(message)) return;
  if (message.tag == 'Q') {
    std::string_view body = message.body;
    return query(cstring(body), out);
  }
  if (message.tag == 'S') {
    batch_ = skipping_ = false;
    return ready(out);
  }
  if (message.tag == 'F') return call(message.body, out);
  batch_ = true;
  if (status_ == 'I' && !saved_) saved_ = now_;
  if (!extended(message, out)) skipping_ = true;
}

void Session::cancel(const Message& message, Buffer& out) {
  if (status_ == 'I' && !saved_) saved_ = now_;
  fail("57014", kCancelled, out);
  batch_ = skipping_ = message.tag != 'Q' && message.tag != 'F';
  if (!batch_) ready(out);
}

void Session::query(std::string_view sql, Buffer& out) {
  if (status_ == 'I') saved_ = now_;
  const auto statements = statements_of(sql);
  if (statements.empty()) protocol::put_empty_query_response(out);
  for (const auto& statement : statements) {
    if (!run(statement, true, nullptr, out)) break;
    if (copying_in()) {
      copy_ = Copy::simple;
      return;
    }
  }
  ready(out);
}

bool Session::extended(const Message& message, Buffer& out) {
  switch (message.tag) {
    case 'P':
      return parse(message.body, out);
    case 'B':
      return bind(message.body, out);
    case 'D':
      return describe(message.body, out);
    case 'E':
      return execute(message.body, out);
    case 'C':
      close(message.body, out);
      return true;
    default:
      return fail("08P01", "unknown message", out);
  }
}

bool Session::parse(std::string_view body, Buffer& out) {
  const std::string name = cstring(body);
  const std::string sql = cstring(body);
  const Words words = words_of(sql);
  const std::string verb = word(words, 0);
  if (status_ == 'E' && verb != "rollback" && verb != "commit") {
    return fail("25P02", "current transaction is aborted", out);
  }
  if (!name.empty() && statements_.contains(name)) {
    return fail("42P05", "prepared statement \"" + name + "\" already exists", out);
  }
  statements_[name] = sql;
  put_message(out, {'1', {}});
  return true;
}

bool Session::bind(std::string_view body, Buffer& out) {
  const std::string portal = cstring(body);
  const std::string name = cstring(body);
  const auto statement = statements_.find(name);
  if (statement == statements_.end()) {
    return fail("26000", "prepared statement \"" + name + "\" does not exist", out);
  }
  portals_[portal] = {statement->second, 0};
  put_message(out, {'2', {}});
  return true;
}

bool Session::describe(std::string_view body, Buffer& out) {
  const char kind = body[0];
  body.remove_prefix(1);
  const std::string name = cstring(body);
  std::string sql;
  if (kind == 'S') {
    if (!statements_.contains(name)) return fail("26000", "no such statement", out);
    sql = statements_[name];
    put_message(out, {'t', std::string(2, '\0')});
  } else {
    if (!portals_.contains(name)) return fail("34000", "no such portal", out);
    sql = portals_[name].sql;
  }
  gives_rows(words_of(sql)) ? put_columns(out, "toy") : put_message(out, {'n', {}});
  return true;
}

bool Session::execute(std::string_view body, Buffer& out) {
  const std::string name = cstring(body);
  if (!portals_.contains(name)) return fail("34000", "no such portal", out);
  Portal& portal = portals_[name];
  rows_max_ = load_u32(reinterpret_cast<const std::uint8_t*>(body.data()));
  const auto statements = statements_of(portal.sql);
  if (statements.empty()) {
    protocol::put_empty_query_response(out);
    return true;
  }
  const bool ran = run(statements[0], false, &portal, out);
  rows_max_ = 0;
  if (ran && copying_in()) copy_ = Copy::extended;
  return ran;
}

void Session::close(std::string_view body, Buffer& out) {
  const char kind = body[0];
  body.remove_prefix(1);
  kind == 'S' ? statements_.erase(cstring(body)) : portals_.erase(cstring(body));
  put_message(out, {'3', {}});
}

// Ends an extended query, too, and commits it (as PostgreSQL's finish_xact_command).
void Session::call(std::string_view body, Buffer& out) {
  if (status_ == 'I' && !saved_) saved_ = now_;
  batch_ = false;
  const Words words = words_of(argument(body));
  if (status_ == 'E') {
    fail("25P02", "current transaction is aborted", out);
  } else if (words[0] == "fail") {
    fail("22012", words.back(), out);
  } else if (words[0] == "notice") {
    protocol::put_notice(out, Severity::notice, Fault{"00000", words.back(), {}});
    put_message(out, {'V', std::string(4, '\xff')});  // NULL.
  } else {
    std::string result(4, '\0');
    result[3] = static_cast<char>(words.back().size());
    put_message(out, {'V', result + words.back()});
  }
  ready(out);
}

void Session::copy_step(const Message& message, Buffer& out) {
  if (message.tag == 'd') ++copied_;
  if (message.tag != 'c' && message.tag != 'f') return;
  const bool simple = copy_ == Copy::simple;
  copy_ = Copy::none;
  if (message.tag == 'c') {
    protocol::put_command_complete(out, "COPY " + std::to_string(copied_));
  } else {
    fail("57014", "COPY from stdin failed: " + message.body.substr(0, message.body.size() - 1),
         out);
    skipping_ = !simple;
  }
  if (simple) ready(out);
}

bool Session::run(std::string_view statement, bool described, Portal* portal, Buffer& out) {
  const Words words = words_of(statement);
  const std::string& verb = words[0];
  if (verb == "begin" || verb == "commit" || verb == "rollback") return run_transaction(verb, out);
  if (status_ == 'E') return fail("25P02", "current transaction is aborted", out);
  if (described && gives_rows(words)) put_columns(out, "toy");
  if (verb == "set" || verb == "reset") return run_set(words, out);
  if (verb == "select") return run_set_config(statement, out);
  if (verb == "fail") return fail("22012", word(words, 1), out);
  if (verb == "notice") {
    protocol::put_notice(out, Severity::notice, Fault{"00000", word(words, 1), {}});
    protocol::put_command_complete(out, "NOTICE");
  } else if (verb == "rows") {
    run_rows(words, portal, out);
  } else if (verb == "echo" || verb == "take" || verb == "show") {
    const auto found = now_.settings.find(word(words, 1));
    const bool known = found != now_.settings.end();
    put_row(out, verb == "show" ? (known ? found->second : "") : words.back());
    protocol::put_command_complete(out, upper(verb) + " 1");
  } else if (verb == "copyin") {
    put_message(out, {'G', kCopyFormat});
    copy_ = Copy::simple;
    copied_ = 0;
  } else if (verb == "copyout") {
    put_message(out, {'H', kCopyFormat});
    for (std::size_t i = 0; i < number(words, 1); ++i) {
      put_message(out, {'d', words.back() + ":" + std::to_string(i)});
    }
    put_message(out, {'c', {}});
    protocol::put_command_complete(out, "COPY " + word(words, 1));
  } else if (verb == "deallocate" || verb == "discard") {
    statements_.clear();
    if (verb == "discard") now_ = {startup_, {}};
    protocol::put_command_complete(out, upper(verb) + " ALL");
  } else {
    return fail("42601", "syntax error at \"" + std::string{statement} + "\"", out);
  }
  return true;
}

void Session::run_rows(const Words& words, Portal* portal, Buffer& out) {
  const std::size_t all = number(words, 1);
  const std::string filler(number(words, 2), '.');
  std::size_t at = portal != nullptr ? portal->rows_sent : 0;
  const std::size_t end = rows_max_ > 0 ? std::min(all, at + rows_max_) : all;
  for (; at < end; ++at) put_row(out, words.back() + ":" + std::to_string(at) + filler);
  if (portal != nullptr) portal->rows_sent = at;
  if (at < all) return put_message(out, {'s', {}});
  protocol::put_command_complete(out, "SELECT " + std::to_string(all));
}

bool Session::run_transaction(const std::string& verb, Buffer& out) {
  const bool failed = status_ == 'E';
  if (verb == "begin") {
    if (failed) return fail("25P02", "current transaction is aborted", out);
    if (status_ == 'I') before_local_.clear();
    status_ = 'T';
    protocol::put_command_complete(out, "BEGIN");
    return true;
  }
  if (verb == "rollback" || failed) {
    roll_back();
  } else {
    for (const auto& [name, value] : before_local_) now_.settings[name] = value;
    before_local_.clear();
  }
  status_ = 'I';
  saved_ = now_;
  portals_.clear();
  protocol::put_command_complete(out, verb == "rollback" || failed ? "ROLLBACK" : "COMMIT");
  return true;
}

bool Session::fail(const char* sqlstate, std::string text, Buffer& out) {
  protocol::put_error(out, Severity::error, {sqlstate, std::move(text), {}});
  roll_back();
  if (status_ == 'T') status_ = 'E';
  portals_.clear();
  return false;
}

void Session::roll_back() {
  if (saved_) now_ = *saved_;
  before_local_.clear();
}

void Session::ready(Buffer& out) {
  if (status_ == 'I') {
    saved_.reset();
    portals_.clear();
  }
  for (const auto& [name, value] : now_.settings) {
    const bool told = !is_reported(name) || reported_[name] == value;
    if (!told) protocol::put_parameter_status(out, name, value);
  }
  reported_ = now_.settings;
  protocol::put_ready_for_query(out, status_);
}

}  // namespace weir::sim
