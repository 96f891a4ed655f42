#include "tests/conversation/story.h"

#include <doctest/doctest.h>

#include "protocol/check.h"
#include "protocol/decode.h"
#include "protocol/encode.h"

namespace weir::story {

namespace {

constexpr std::uint32_t kSslCode = 80'877'103;
constexpr std::uint32_t kCancelCode = 80'877'102;

bool starts(std::string_view sql, std::string_view with) {
  return sql.substr(0, with.size()) == with;
}

bool session_care(std::string_view sql) {
  return starts(sql, "SET ") || starts(sql, "RESET ") || starts(sql, "DEALLOCATE ALL") ||
         starts(sql, "DISCARD ALL") || sql == "ROLLBACK" ||
         starts(sql, "SELECT pg_catalog.set_config");
}

// Takes a whole message off the front; nothing when it is not all there.
bool next_message(Bytes& bytes, char& tag, Bytes& body) {
  if (bytes.size() < 5) return false;
  const std::size_t length = load_u32(bytes.data() + 1);
  if (length < 4 || bytes.size() < 1 + length) return false;
  tag = static_cast<char>(bytes[0]);
  body = bytes.subspan(5, length - 4);
  bytes = bytes.subspan(1 + length);
  return true;
}

// "RESET TimeZone;" as pairs: what the greeting has.
Settings resets_in(std::string_view sql, std::string_view greeting) {
  Settings out;
  constexpr std::string_view kReset = "RESET ";
  for (auto at = sql.find(kReset); at != sql.npos; at = sql.find(kReset, at)) {
    at += kReset.size();
    const std::string name{sql.substr(at, sql.find(';', at) - at)};
    const auto told = greeting.find("S'" + name + "=");
    if (told == greeting.npos) continue;
    const auto value = told + name.size() + 3;
    out.emplace_back(name, greeting.substr(value, greeting.find('\'', value) - value));
  }
  return out;
}

// "SET TimeZone=E'utc';SET DateStyle=E'ISO'" as pairs.
Settings settings_in(std::string_view sql) {
  Settings out;
  for (std::size_t at = sql.find("SET "); at != std::string_view::npos; at = sql.find("SET ", at)) {
    at += 4;
    if (at >= 6 && sql.substr(at - 6, 2) == "RE") continue;
    const auto name_end = sql.find_first_of(" =", at);
    const auto open = sql.find('\'', name_end);
    std::string value;
    std::size_t close = open + 1;
    for (; close < sql.size(); ++close) {
      if (sql[close] == '\'' && sql.substr(close, 2) != "''") break;
      if (sql[close] == '\'') ++close;
      value += sql[close];
    }
    out.emplace_back(sql.substr(at, name_end - at), value);
    at = close;
  }
  return out;
}

}  // namespace

// --- Caller.

void Caller::say(std::string_view words) { say(client_bytes(words)); }

void Caller::say(const Buffer& bytes) {
  peer.send(bytes);
  stage_.run();
}

Caller& Caller::login(const Settings& more, const std::string& user, const std::string& database) {
  Settings all{{"user", user}, {"database", database}};
  all.insert(all.end(), more.begin(), more.end());
  say(startup_bytes(all));
  heard();
  return *this;
}

std::string Caller::heard() {
  stage_.run();
  const Buffer bytes = peer.take();
  Bytes left{bytes};
  Bytes body;
  for (char tag = 0; next_message(left, tag, body);) {
    if (tag != 'K') continue;
    pid = load_u32(body.data());
    key.assign(body.begin() + 4, body.end());
  }
  std::string words = server_words(bytes);
  if (peer.ended()) words += words.empty() ? "." : " .";
  return words;
}

void Caller::hang_up() {
  peer.close();
  stage_.run();
}

Buffer Caller::cancel_packet() const {
  Buffer out;
  protocol::put_cancel_request(out, pid, key);
  return out;
}

// --- Backend.

Backend::Backend(Stage& stage, Peer& its_peer, int its_number)
    : peer(its_peer), number(its_number), stage_(stage) {
  peer.on_event = [this] { on_event(); };
}

void Backend::say(std::string_view words) { say(server_bytes(words)); }

void Backend::say(const Buffer& bytes) {
  peer.send(bytes);
  stage_.run();
}

std::string Backend::heard() {
  stage_.run();
  Buffer bytes = std::exchange(heard_, {});
  bytes.insert(bytes.end(), peer.received.begin(), peer.received.end());  // Half a message.
  std::string words = client_words(bytes);
  if (peer.ended()) words += words.empty() ? "." : " .";
  return words;
}

void Backend::hang_up() {
  peer.close();
  stage_.run();
}

void Backend::on_event() {
  while (!greeted_) {
    if (peer.received.size() < 4 || peer.received.size() < load_u32(peer.received.data())) return;
    greet();
  }
  Bytes left{peer.received};
  Bytes body;
  char tag = 0;
  for (Bytes from = left; next_message(left, tag, body); from = left) {
    if (!answer_alone(tag, body)) {
      heard_.insert(heard_.end(), from.begin(), left.begin());
    }
  }
  peer.received.erase(peer.received.begin(),
                      peer.received.end() - static_cast<std::ptrdiff_t>(left.size()));
  if (peer.ended() && stage_.hangs_up) peer.close();
}

void Backend::greet() {
  const std::size_t length = load_u32(peer.received.data());
  protocol::Reader reader(Bytes{peer.received}.subspan(4, length - 4));
  const auto code = reader.u32();
  greeted_ = code != kSslCode;
  if (!greeted_) {
    ++asked_ssl;
    peer.send(Buffer(stage_.ssl_answer.begin(), stage_.ssl_answer.end()));
  } else if (code == kCancelCode) {
    is_cancel = true;
    cancel_pid = reader.u32().value_or(0);
  } else {
    while (const auto name = reader.cstring()) {
      if (name->empty()) break;
      asked.emplace_back(*name, reader.cstring().value_or(""));
      if (*name == "user") user = asked.back().second;
      if (*name == "database") database = asked.back().second;
    }
    std::string words = stage_.greeting;
    const auto at = words.find("{pid}");
    if (at != std::string::npos) words.replace(at, 5, std::to_string(100 + number));
    peer.send(server_bytes(words));
  }
  peer.received.erase(peer.received.begin(),
                      peer.received.begin() + static_cast<std::ptrdiff_t>(length));
}

bool Backend::answer_alone(char tag, Bytes body) {
  if (tag != 'Q') return false;
  const std::string sql{as_text(body.first(body.size() - 1))};
  if (stage_.answers_sets && session_care(sql)) {
    ran.push_back(sql);
    std::string words;
    Settings all = settings_in(sql);
    for (auto& one : resets_in(sql, stage_.greeting)) all.push_back(std::move(one));
    for (auto [name, value] : all) {
      for (const auto& spelled : stage_.canon) {
        const auto equals = spelled.find('=');
        if (spelled.substr(0, equals) == value) value = spelled.substr(equals + 1);
      }
      words += "S\"" + name + "=" + value + "\" ";
    }
    peer.send(server_bytes(words + "C'SET' Z"));
    return true;
  }
  if (!stage_.obliging) return false;
  ran.push_back(sql);
  peer.send(server_bytes(sql.empty() ? "I Z" : "T D C Z"));
  return true;
}

// --- Stage.

std::string Stage::config_text(const Setting& setting) {
  return "[databases]\nshop = host=db port=5432 " + setting.shop + "\n" + setting.databases +
         "\n[users]\n" + setting.users +
         "\n[pgweir]\nauth_type = trust\npool_mode = transaction\nlog_stats = 0\n"
         "server_tls_sslmode = disable\n"  // Stories of TLS say otherwise,
         "query_wait_notify = 0\n"         // and those of notices.
         "admin_users = boss\nstats_users = watcher\n" +
         setting.config + "\n";
}

Stage::Stage(InOrder& policy, const Setting& setting)
    : town(policy,
           [&] {
             street::Plan plan{.config = config_text(setting), .workers = setting.workers};
             plan.secrets = {{"app", ""}, {"bob", ""}, {"boss", ""}, {"watcher", ""}};
             for (const auto& [user, secret] : setting.secrets) plan.secrets[user] = secret;
             return plan;
           }()),
      door(town.net.door("db", 5432)),
      greeting(kGreeting) {
  door.on_connect = [this](Peer& peer) {
    backends_.push_back(
        std::make_unique<Backend>(*this, peer, static_cast<int>(backends_.size()) + 1));
  };
}

street::Door& Stage::open(const std::string& host) {
  street::Door& other = town.net.door(host, 5432);
  other.on_connect = door.on_connect;
  return other;
}

Caller& Stage::caller(std::size_t worker, std::optional<std::uint32_t> uid) {
  callers_.push_back(std::make_unique<Caller>(*this, town.connect(worker, uid)));
  run();
  return *callers_.back();
}

Caller& Stage::client(std::size_t worker) { return caller(worker).login(); }

Backend& Stage::backend(std::size_t number) {
  REQUIRE(number >= 1);
  REQUIRE(number <= backends_.size());
  return *backends_[number - 1];
}

void however_cut(const std::function<void(InOrder&)>& tell) {
  InOrder whole;
  tell(whole);
  {
    INFO("byte by byte");
    InOrder policy;
    policy.chunk_max = 1;
    tell(policy);
  }
  for (std::size_t cut = 1; cut < whole.arrived(); ++cut) {
    INFO("cut at byte " << cut);
    InOrder policy;
    policy.cut_at = cut;
    tell(policy);
  }
}

}  // namespace weir::story
