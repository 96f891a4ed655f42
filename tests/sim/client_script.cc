// client_script.cc: what a model client does: its requests, its moods, and its ways out.
#include <array>

#include "protocol/encode.h"
#include "tests/sim/client.h"

namespace weir::sim {

namespace {

constexpr std::array<std::string_view, 5> kNames{"TimeZone", "DateStyle", "application_name",
                                                 "IntervalStyle", "client_encoding"};

std::string word16(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string zero_ended(std::string text) { return text + '\0'; }

std::string word32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes{};
  store_u32(bytes.data(), value);
  return std::string{as_text(bytes)};
}

}  // namespace

// "c7.12." belongs to this client and this request alone.
std::string Client::mark() {
  return "c" + std::to_string(id) + "." + std::to_string(++marks_) + ".";
}

void Client::act_later() {
  if (acting_ || sending_ || left()) return;
  acting_ = true;
  const bool hurries = stage_.chance.one_in(2);
  stage_.later(hurries ? 0 : stage_.span(temper_.think_max + 1), [this] {
    acting_ = false;
    act();
  });
}

void Client::act() {
  if (phase_ != Phase::live || told_over_ || sending_) return;
  if (!sent_.empty() || !expected_.empty()) return;
  asked_before_ = std::exchange(asked_at_, stage_.now());
  if (!oracle_.copying_in()) query_at_ = asked_at_;
  if (oracle_.at_rest()) began_at_ = asked_at_;
  if (temper_.abrupt && stage_.chance.one_in(25)) return depart(stage_.chance.below(5));
  if (temper_.slow && stage_.chance.one_in(4)) be_slow();
  if (oracle_.copying_in()) {
    act_in_copy();
  } else if (oracle_.in_batch()) {
    act_in_batch();
  } else if (oracle_.status() != 'I') {
    act_in_transaction();
  } else if (temper_.bursts == 0) {
    return leave();
  } else {
    --temper_.bursts;
    act_between();
  }
  send_burst();
}

void Client::act_between() {
  auto& chance = stage_.chance;
  if (calls_now(8)) return add_call();
  if (temper_.quiet && stage_.novelty.one_in(4)) return add_query(quiet_statement());
  switch (chance.below(14)) {
    case 0:
    case 1:
      return add_query("echo " + mark());
    case 2:
      return add_query("echo " + mark() + "; notice " + mark() + "; " + plain_statement());
    case 3:
    case 4:
      add_extended(plain_statement());
      return add('S', {});
    case 5:  // A pipeline.
      for (std::size_t i = 1 + chance.below(6); i > 0; --i) {
        if (calls_now(6)) add_call();
        if (chance.one_in(3)) {
          add_query(plain_statement());
          continue;
        }
        for (std::size_t n = 1 + chance.below(3); n > 0; --n) add_extended(plain_statement());
        add('S', {});
      }
      return;
    case 6:
    case 7:
      if (temper_.statement_mode) return act_on_block();
      steps_left_ = chance.below(5);
      if (chance.one_in(3)) return add_query("begin; echo " + mark());
      return add_query("begin");
    case 8:
      return add_query(set_statement());
    case 9:
      return add_query("show " + std::string{kNames[chance.below(kNames.size())]} + " " + mark());
    case 10:
      if (chance.one_in(2)) return add_query("copyin " + mark());
      add_extended("copyin " + mark());
      return add('S', {});
    case 11:  // A flush: the answers come, and the Sync later.
      add_extended(plain_statement());
      return add('H', {});
    case 12: {  // A portal in parts.
      const std::string statement = !temper_.leaver && chance.one_in(2) ? "s" : "";
      add('P', zero_ended(statement) + zero_ended("rows 7 10 " + mark()) + std::string(2, '\0'));
      add('B', zero_ended("") + zero_ended(statement) + std::string(6, '\0'));
      add('E', zero_ended("") + word32(3));
      add('E', zero_ended("") + word32(0));
      if (!statement.empty()) add('C', "S" + zero_ended(statement));
      return add('S', {});
    }
    default:
      if (chance.one_in(6)) return add_query("discard all");
      if (chance.one_in(3)) return add_query("");
      if (temper_.leaver && !std::exchange(has_left_statement_, true)) {
        add_extended("echo " + mark(), "s");
        return add('S', {});
      }
      return add_query("take " + std::to_string(1 + chance.below(50'000)) + " " + mark());
  }
}

// In statement mode: a transaction may not outlast one query.
void Client::act_on_block() {
  auto& chance = stage_.novelty;
  if (!chance.one_in(6)) return add_query("begin; echo " + mark() + "; commit");
  trespassed_ = true;
  switch (chance.below(3)) {
    case 0:
      add_query("begin");
      break;
    case 1:
      add_query("begin; fail " + mark() + "; commit");
      break;
    default:
      add_extended("begin");
      add('S', {});
  }
  if (chance.one_in(2)) add_query("echo " + mark());
}

std::string Client::plain_statement() {
  auto& chance = stage_.chance;
  switch (chance.below(12)) {
    case 0:
      return "fail " + mark();
    case 1:
      return "rows " + std::to_string(chance.below(20)) + " 20 " + mark();
    case 2:
      return chance.one_in(8) ? "rows 300 1000 " + mark() : "rows 0 0 " + mark();
    case 3:
      return "take " + std::to_string(1 + chance.below(20'000)) + " " + mark();
    case 4:
      return set_statement();
    case 5:
      return "copyout " + std::to_string(chance.below(5)) + " " + mark();
    case 6:
      return "notice " + mark();
    default:
      return "echo " + mark();
  }
}

std::string Client::set_statement() {
  auto& chance = stage_.chance;
  const std::string name{kNames[chance.below(kNames.size())]};
  if (chance.one_in(8)) return "reset " + name;
  const bool local = oracle_.status() == 'T' && chance.one_in(3);
  const std::string value = chance.one_in(10) ? "bogus"
                            : chance.one_in(5)
                                ? "utc"
                                : "z" + std::to_string(id) + "_" + mark() + "\xc3\xa9";
  return std::string{"set "} + (local ? "local " : "") + name + " to '" + value + "'";
}

// Of settings that no server tells it only has those of its startup packet: SET would not follow.
std::string Client::quiet_statement() {
  auto& chance = stage_.novelty;
  const std::string name = chance.one_in(2) ? "work_mem" : "search_path";
  if (chance.one_in(6)) return "reset all";
  return (chance.one_in(4) ? "reset " : "show ") + name + " " + mark();
}

void Client::act_in_transaction() {
  if (steps_left_ == 0) {
    const std::string end = stage_.chance.one_in(3) ? "rollback" : "commit";
    if (stage_.chance.one_in(2)) return add_query(end);
    add_extended(end);
    return add('S', {});
  }
  --steps_left_;
  if (calls_now(4)) return add_call();
  if (temper_.quiet && stage_.novelty.one_in(3)) return add_query(quiet_statement());
  if (stage_.chance.one_in(2)) return add_query(plain_statement());
  add_extended(plain_statement());
  if (!stage_.chance.one_in(4)) return add('S', {});
  add('H', {});
}

void Client::act_in_batch() {
  if (stage_.chance.one_in(4)) {
    add_extended(plain_statement());
    return add('H', {});
  }
  if (calls_now(4)) return add_call();  // Ends the batch, too, unless it has failed.
  add('S', {});
}

void Client::act_in_copy() {
  const bool extended = oracle_.in_batch();
  for (std::size_t i = stage_.chance.below(6); i > 0; --i) add('d', mark());
  if (stage_.chance.one_in(4)) {
    add('f', zero_ended(mark()));
  } else {
    add('c', {});
  }
  if (extended) add('S', {});
}

void Client::add(char tag, std::string body) {
  burst_messages_.push_back({tag, std::move(body)});
  put_message(burst_, burst_messages_.back());
}

void Client::add_query(const std::string& sql) { add('Q', zero_ended(sql)); }

bool Client::calls_now(std::size_t one_in) {
  return temper_.calls && stage_.novelty.one_in(one_in);
}

// FunctionCall: the function, its one argument in text, the result in text.
void Client::add_call() {
  auto& chance = stage_.novelty;
  constexpr std::array kVerbs{"echo ", "echo ", "fail ", "notice ", "take "};
  std::string sql = kVerbs[chance.below(kVerbs.size())];
  if (sql == "take ") sql += std::to_string(1 + chance.below(20'000)) + " ";
  sql += mark();
  add('F', word32(1598) + word16(0) + word16(1) + word32(static_cast<std::uint32_t>(sql.size())) +
               sql + word16(0));
}

void Client::add_extended(const std::string& sql, const std::string& statement) {
  add('P', zero_ended(statement) + zero_ended(sql) + std::string(2, '\0'));
  add('B', zero_ended("") + zero_ended(statement) + std::string(6, '\0'));
  if (stage_.chance.one_in(2)) add('D', zero_ended("P"));
  add('E', zero_ended("") + word32(0));
}

void Client::send_burst() {
  auto& chance = stage_.chance;
  Buffer out = std::exchange(burst_, {});
  const std::vector<Message> messages = std::exchange(burst_messages_, {});
  const bool dies = temper_.abrupt && chance.one_in(25);
  const std::size_t cut = dies || chance.one_in(8) ? chance.below(out.size() + 1) : out.size();
  std::size_t end = 0;
  for (const Message& message : messages) {
    stage_.say(name(), "sends " + text_of(message));
    sent_.push_back(message);
    end += 5 + message.body.size();
    if (end > cut) held_back_.push_back(message);
  }
  if (cut < out.size()) {
    stage_.say(name(), "holds back all but " + std::to_string(cut) + " bytes of it");
  }
  peer_->send(Bytes{out}.first(cut));
  if (dies) {
    sending_ = cut < out.size();  // The rest never comes.
    const std::size_t way = chance.one_in(4) && cut == out.size() ? 0 : 1 + chance.below(4);
    return stage_.later(stage_.span(30 * kMillisecond), [this, way] { depart(way); });
  }
  if (cut < out.size()) {
    sending_ = true;
    stage_.later(stage_.span(20 * kMillisecond),
                 [this, rest = Buffer(out.begin() + static_cast<std::ptrdiff_t>(cut), out.end())] {
                   sending_ = false;
                   held_back_.clear();
                   if (done()) return;
                   stage_.say(name(), "sends the rest");
                   peer_->send(rest);
                   if (sent_.empty() && expected_.empty()) act_later();
                 });
  }
  pass_silent();
  if (!temper_.cancels) return;
  if (chance.one_in(4)) plan_cancel(true);
  if (chance.one_in(12)) plan_cancel(false);
}

// --- Cancels.

void Client::plan_cancel(bool right_key) {
  stage_.later(stage_.span(40 * kMillisecond), [this, right_key] { send_cancel(right_key); });
}

void Client::send_cancel(bool right_key) {
  Buffer key = login_->cancel_key();
  if (key.empty()) return;
  if (!right_key) key[stage_.chance.below(key.size())] ^= 1;
  if (right_key) ++cancels_sent_;
  stage_.say(name(), right_key ? "asks for a cancel" : "asks for a cancel with a wrong key");
  street::Peer& line = stage_.town.connect(stage_.chance.below(stage_.town.workers()));
  Buffer out;
  protocol::put_cancel_request(out, login_->pid(), key);
  line.send(out);
  stage_.strays.push_back(&line);
  line.on_event = [&line] {
    if (line.ended()) line.close();
  };
}

void Client::be_slow() {
  peer_->set_reading(false);
  stage_.later(stage_.span(300 * kMillisecond), [this] {
    if (!done()) peer_->set_reading(true);
  });
}

// --- Out.

void Client::leave() {
  if (stage_.chance.one_in(3)) return depart(1 + stage_.chance.below(2));
  depart(0);
}

// 0: Terminate. 1: hangs up. 2: reset. 3: half a message, then hangs up. 4: stops reading first.
void Client::depart(std::size_t way) {
  if (done()) return;
  stage_.say(name(), "leaves by way " + std::to_string(way));
  if (way == 0) {
    if (phase_ == Phase::leaving) return;
    phase_ = Phase::leaving;
    Buffer out;
    protocol::put_terminate(out);
    peer_->send(out);
    return stage_.later(kSecond, [this] { depart(1); });
  }
  phase_ = Phase::done;
  if (way == 2) return peer_->reset(ECONNRESET);
  if (way >= 3) {
    Buffer out;
    protocol::put_query(out, "echo " + mark());
    peer_->send(Bytes{out}.first(1 + stage_.chance.below(out.size() - 1)));
  }
  if (way < 4) return peer_->close();
  peer_->set_reading(false);
  stage_.later(stage_.span(500 * kMillisecond), [this] {
    if (peer_ != nullptr) peer_->close();
  });
}

}  // namespace weir::sim
