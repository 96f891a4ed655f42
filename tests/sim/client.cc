// client.cc: what a model client sees, held against what it must see.
#include "tests/sim/client.h"

#include <algorithm>

#include "protocol/decode.h"
#include "protocol/encode.h"
#include "tests/sim/logins.h"
#include "tests/sim/scenario.h"

namespace weir::sim {

namespace {

bool same_but_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

}  // namespace

Client::Client(Stage& stage, std::size_t number, Temper temper)
    : id(number), stage_(stage), temper_(std::move(temper)), oracle_(temper_.asked) {}

void Client::connect() {
  phase_ = Phase::login;
  came_at_ = asked_at_ = stage_.now();
  peer_ = &stage_.town.connect(stage_.chance.below(stage_.town.workers()));
  peer_->on_event = [this] { on_event(); };
  if (temper_.slow) peer_->set_capacity(256 + stage_.chance.below(4096));
  login_.emplace(
      protocol::ServerLogin::Request{.user = temper_.user,
                                     .database = temper_.database,
                                     .parameters = {temper_.asked.begin(), temper_.asked.end()},
                                     .secret = temper_.password},
      entropy(stage_.novelty).nonce);
  Buffer out;
  login_->start(out);
  stage_.say(name(), "connects to " + temper_.database + "/" + temper_.user);
  peer_->send(out);
  if (temper_.abrupt && stage_.chance.one_in(10)) {
    stage_.later(stage_.span(20 * kMillisecond), [this] { depart(stage_.chance.below(5)); });
  }
}

std::string Client::state() const {
  return name() + (phase_ == Phase::login ? " logs in" : "") + " sent " +
         std::to_string(sent_.size()) + (sent_.empty() ? "" : " from " + text_of(sent_.front())) +
         " expects " + std::to_string(expected_.size()) +
         (expected_.empty() ? "" : " from " + text_of(expected_.front()));
}

void Client::wrong(const std::string& what) { stage_.complain(name() + ": " + what); }

void Client::on_event() {
  in_ += as_text(peer_->take());
  if (left()) {
    if (peer_->ended() && !done()) depart(1);
    return;
  }
  while (!left()) {
    const auto message = take_message(in_);
    if (!message) break;
    stage_.say(name(), "sees " + text_of(*message));
    on_message(*message);
  }
  if (!left() && peer_->ended()) on_hangup();
}

void Client::on_hangup() {
  if (takes_too_long() && !told_over_) return depart(1);  // In the middle of a message.
  if (!told_over_) wrong("the pooler hung up without a word; " + state());
  if (!in_.empty()) wrong("the last message was cut off");
  depart(1);
}

void Client::on_message(const Message& message) {
  if (told_over_) return wrong("a message after FATAL: " + text_of(message));
  if (barred_ && message.tag != 'E') return wrong("is served in a transaction in statement mode");
  if (message.tag == 'S') {
    const auto told = protocol::parse_parameter_status(as_bytes(message.body));
    if (!told) return wrong("a malformed ParameterStatus");
    view_[told->name] = told->value;
    return;
  }
  if (message.tag == 'N' && is_ours(message)) return;
  seen_last_ = message.tag;
  phase_ == Phase::login ? on_login(message) : on_answer(message);
}

// A notice of pgweir's own. Where a wait begins, no answer is half way.
bool Client::is_ours(const Message& message) {
  const std::string text = protocol::parse_error(as_bytes(message.body)).message;
  const bool welcome = text == kLoginNotice;
  if (!welcome && !text.starts_with("No server connection available")) return false;
  const bool due = welcome ? phase_ == Phase::login && !welcomed_ : seen_last_ == 'Z';
  if (!due || !stage_.excuses.notices) wrong("a notice out of place: " + text);
  welcomed_ |= welcome;
  return true;
}

void Client::on_login(const Message& message) {
  if (message.tag == 'E' && excuse(message)) return;
  Buffer out;
  const auto step = login_->on_message(message.tag, as_bytes(message.body), out);
  peer_->send(out);
  if (step == protocol::ServerLogin::Step::more) return;
  if (step == protocol::ServerLogin::Step::failed) {
    return wrong("in its login: " + text_of(message) + ": " + login_->fault().text);
  }
  if (temper_.impostor) return wrong("is let in with a wrong password");
  if (welcomed_ != stage_.excuses.notices) wrong("is not welcomed");
  phase_ = Phase::live;
  on_ready();
  act_later();
}

// The oracle works through what was sent until there is something to expect.
void Client::advance_oracle() {
  while (expected_.empty() && !sent_.empty()) {
    Buffer out;
    const char tag = sent_.front().tag;
    if (oracle_.copying_in() && (tag == 'c' || tag == 'f')) in_copy_ = oracle_;
    oracle_.step(sent_.front(), out);
    sent_.pop_front();
    std::string bytes{as_text(out)};
    while (auto message = take_message(bytes)) {
      if (message->tag != 'S') expected_.push_back(std::move(*message));
    }
  }
}

void Client::on_answer(const Message& message) {
  if (message.tag == 'E' && excuse(message)) return;
  advance_oracle();
  if (expected_.empty()) return wrong("nobody asked for " + text_of(message));
  if (!(message == expected_.front())) {
    return wrong("sees " + text_of(message) + " instead of " + text_of(expected_.front()));
  }
  expected_.pop_front();
  in_copy_.reset();
  ++answered_;
  if (message.tag == 'Z') {
    on_ready();
    barred_ = temper_.statement_mode && message.body != "I";
  }
  pass_silent();
}

// What is owed no answer is over at once. When nothing is owed at all, the next thing is done.
void Client::pass_silent() {
  while (expected_.empty() && !sent_.empty() && oracle_.silent(sent_.front())) advance_oracle();
  if (expected_.empty() && sent_.empty()) act_later();
}

void Client::on_ready() {
  for (const auto& [name, value] : oracle_.settings()) {
    if (!is_reported(name)) continue;
    if (same_but_case(view_[name], value)) continue;
    wrong("was told " + name + " = '" + view_[name] + "' instead of '" + value + "'");
  }
}

// An error that a private server would not have sent.
bool Client::excuse(const Message& message) {
  const auto fields = protocol::parse_error(as_bytes(message.body));
  if (fields.severity == "FATAL") {
    if (!excuse_fatal(fields.sqlstate, fields.message)) return false;
    told_over_ = true;
    sent_.clear();
    expected_.clear();
    return true;
  }
  if (fields.sqlstate != "57014") return false;
  if (fields.message.ends_with(": query timeout")) return excuse_copy();
  if (!expected_.empty()) return false;
  Buffer out;
  const bool in_line = fields.message == "query_timeout" && is_overdue();
  const bool cancelled = fields.message == "canceling statement due to user request" &&
                         (cancels_sent_ > 0 || is_overdue());
  if (!in_line && !cancelled) return false;
  pass_silent();
  if (sent_.empty() || sent_.front().tag == 'S') return false;
  oracle_.cancel(sent_.front(), out);
  sent_.pop_front();
  expect_failure(out);
  return true;
}

// pgweir has ended the COPY before its own end came, or came whole.
bool Client::excuse_copy() {
  if (in_copy_) {
    oracle_ = *std::exchange(in_copy_, std::nullopt);
    expected_.clear();
  }
  if (!is_overdue() || !oracle_.copying_in() || !expected_.empty()) return false;
  // What the oracle took for part of the COPY, and comes behind its end.
  while (sent_.size() < held_back_.size()) {
    sent_.push_front(held_back_[held_back_.size() - sent_.size() - 1]);
  }
  Buffer out;
  oracle_.step({'f', std::string{"query timeout"} + '\0'}, out);
  expect_failure(out);
  return true;
}

// All but the error itself, which has just come.
void Client::expect_failure(const Buffer& out) {
  std::string bytes{as_text(out)};
  take_message(bytes);
  while (auto more = take_message(bytes)) {
    if (more->tag != 'S') expected_.push_back(std::move(*more));
  }
  pass_silent();
}

// A query of its own that pgweir may have cancelled,
bool Client::is_overdue() const {
  return stage_.now() >= after(query_at_, stage_.excuses.query_cancel);
}

// or given up with it.
bool Client::takes_too_long() const {
  const auto over = [&](const char* text, Instant since) {
    const auto found = stage_.excuses.timeouts.find(text);
    return found != stage_.excuses.timeouts.end() && stage_.now() >= since + found->second;
  };
  return over("query timeout", query_at_) || over("transaction timeout", began_at_);
}

bool Client::excuse_timeout(const std::string& text, Instant limit) {
  if (text == "query_timeout" && stage_.excuses.query_cancel != kNever) return false;
  if (text == "client_lifetime" && !(oracle_.at_rest() && expected_.empty())) return false;
  const Instant since = text.starts_with("query")       ? query_at_
                        : text == "client_lifetime"     ? came_at_
                        : text == "transaction timeout" ? began_at_
                                                        : asked_before_;
  const Instant taken = stage_.now() - since;
  if (taken < limit) wrong(text + " after only " + std::to_string(taken) + " us");
  return taken >= limit;
}

bool Client::excuse_fatal(const std::string& sqlstate, const std::string& text) {
  const Excuses& excuses = stage_.excuses;
  if (barred_ || sqlstate == "0A000") return barred_ && sqlstate == "0A000";
  if (temper_.impostor && sqlstate == "28P01") return true;
  if (const auto found = excuses.timeouts.find(text); found != excuses.timeouts.end()) {
    return excuse_timeout(text, found->second);
  }
  if (text == "query_wait_timeout") {
    if (stage_.now() - asked_at_ >= excuses.query_wait_timeout) return true;
    wrong("query_wait_timeout after only " + std::to_string(stage_.now() - asked_at_) + " us");
    return false;
  }
  if (sqlstate == "22023") {
    return std::any_of(temper_.asked.begin(), temper_.asked.end(),
                       [](const auto& one) { return !spell(one.first, one.second); });
  }
  if (sqlstate == "08006" || sqlstate == "57P01") return excuses.server_deaths > 0;
  if (excuses.login_troubles == 0) return false;
  return sqlstate == "53300" || sqlstate == "57P03" || sqlstate == "28000" || sqlstate == "08001";
}

}  // namespace weir::sim
