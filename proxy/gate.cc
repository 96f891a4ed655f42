#include "proxy/gate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/check.h"

namespace weir::proxy {
namespace {

constexpr const char* kTooMany = "53300";
constexpr std::size_t kUserBytesMax = 127;  // Of a name that is told apart from others.

// ::ffff:0:0/96.
bool is_mapped(const std::array<std::uint8_t, 16>& ip) {
  return std::all_of(ip.begin(), ip.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
         ip[10] == 0xff && ip[11] == 0xff;
}

std::uint64_t mix(std::uint64_t z) {  // splitmix64.
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Verdict refused(std::string text, const char* setting, std::string hint) {
  return {.refusal =
              Fault{kTooMany, text.append(" (").append(setting).append(")"), std::move(hint)}};
}

}  // namespace

void MinuteCount::add(Instant now) {
  // Workers read their clocks at different times: one may be a little behind.
  const Instant part = std::max(now / kPart, newest_);
  const auto steps = std::min<Instant>(part - newest_, kParts);
  for (Instant i = 0; i < steps; ++i) counts_[static_cast<std::size_t>(part - i) % kParts] = 0;
  newest_ = part;
  std::uint16_t& count = counts_[static_cast<std::size_t>(part) % kParts];
  if (count < std::numeric_limits<std::uint16_t>::max()) ++count;
}

int MinuteCount::at(Instant now) const {
  const Instant age = std::max(now / kPart - newest_, Instant{0});
  int sum = 0;
  for (Instant back = 0; back + age < static_cast<Instant>(kParts) && back <= newest_; ++back) {
    sum += counts_[static_cast<std::size_t>(newest_ - back) % kParts];
  }
  return sum;
}

bool Rate::take(int per_second, Instant now) {
  const Instant apart = std::max(kSecond / per_second, Instant{1});
  const Instant from = std::max(due_, now);
  if (from - now > kSecond - apart) return false;
  due_ = from + apart;
  return true;
}

std::size_t Gate::Hash::operator()(const Key& key) const {
  return mix(key.front ^ mix(seed + (key.v6 ? 1 : 0)));
}

Gate::~Gate() {
  while (Entry* entry = calm_.front()) forget(*entry);
  while (Entry* entry = failing_.front()) forget(*entry);
  while (User* user = users_by_age_.front()) users_by_age_.remove(*user);
}

void Gate::apply(const GateSettings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
  limits_connections_ = settings.conns_per_ip > 0 || settings.rate_per_ip > 0;
  limits_users_ = settings.rate_per_user > 0;
  limits_failures_ = settings.failures_before_delay > 0 || settings.failures_before_refusal > 0;
}

Verdict Gate::on_connect(const Address& from, Instant now) {
  const auto key = key_of(from);
  if (!key || !limits_connections_) return {};
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_or_make(*key, now);
  if (entry == nullptr) return {};
  const bool full = settings_.conns_per_ip > 0 && entry->living >= settings_.conns_per_ip;
  const bool fast =
      !full && settings_.rate_per_ip > 0 && !entry->rate.take(settings_.rate_per_ip, now);
  const bool counted = !full && !fast && settings_.conns_per_ip > 0;
  if (counted) ++entry->living;
  settle(*entry, now);
  if (full) return refused("too many connections from " + text(*key), "max_client_conn_per_ip", {});
  if (fast) {
    return refused("too many new connections from " + text(*key), "client_conn_rate_per_ip",
                   "Try again in a second.");
  }
  return {.counted = counted};
}

void Gate::on_gone(const Address& from) {
  const auto key = key_of(from);
  if (!key) return;
  const std::lock_guard lock(mutex_);
  Entry* const entry = find(*key);
  WEIR_CHECK(entry != nullptr && entry->living > 0);
  // Without the time nothing is known to be old: forget_old() finds it later.
  if (--entry->living == 0) {
    entry->in = entry->failed ? &failing_ : &calm_;
    entry->in->push_back(*entry);
  }
}

Verdict Gate::before_admission(const Address& from, std::string_view user, Instant now) {
  if (!limits_users_ || !key_of(from)) return {};
  const std::lock_guard lock(mutex_);
  if (!too_many_of(user, now)) return {};
  return refused("too many new connections of this user", "client_conn_rate_per_user",
                 "Try again in a second.");
}

Verdict Gate::before_login(const Address& from, Instant now) {
  const auto key = key_of(from);
  if (!key || !limits_failures_ || failed_ == 0) return {};
  const std::lock_guard lock(mutex_);
  const int stage = level(failures(*key, now));
  if (stage == 2) {
    return refused("too many failed logins from " + text(*key), "auth_failures_before_refusal",
                   "Try again in a minute.");
  }
  if (stage == 1) return {.until = now + settings_.delay};
  return {};
}

Verdict Gate::before_proof(const Address& from, Instant now) {
  const auto key = key_of(from);
  if (!key || !limits_failures_ || failed_ == 0) return {};
  const std::lock_guard lock(mutex_);
  if (level(failures(*key, now)) < 2) return {};
  return refused("too many failed logins from " + text(*key), "auth_failures_before_refusal",
                 "Try again in a minute.");
}

std::string Gate::on_failure(const Address& from, Instant now) {
  const auto key = key_of(from);
  if (!key || !limits_failures_) return {};
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_or_make(*key, now);
  if (entry == nullptr) return {};
  entry->failures.add(now);
  if (!std::exchange(entry->failed, true)) ++failed_;
  const int count = entry->failures.at(now);
  const int stage = level(count);
  const bool tell = stage > entry->told;
  // It has to calm down whole before the log hears of it again.
  if (tell || stage == 0) entry->told = static_cast<std::uint8_t>(stage);
  settle(*entry, now);
  if (!tell) return {};
  return std::to_string(count) + " failed logins from " + text(*key) +
         " in a minute: its logins are " +
         (stage == 2 ? "refused (auth_failures_before_refusal)"
                     : "delayed (auth_failures_before_delay)");
}

std::size_t Gate::addresses_known() const {
  const std::lock_guard lock(mutex_);
  return addresses_.size();
}

std::size_t Gate::users_known() const {
  const std::lock_guard lock(mutex_);
  return users_.size();
}

std::optional<Gate::Key> Gate::key_of(const Address& from) {
  const bool v6 = from.family == Address::Family::ip6;
  if (!v6 && from.family != Address::Family::ip4) return std::nullopt;
  if (!v6) return Key{load_u32(from.ip.data()), false};
  if (is_mapped(from.ip)) return Key{load_u32(from.ip.data() + 12), false};
  const std::uint64_t high = load_u32(from.ip.data());
  return Key{high << 32 | load_u32(from.ip.data() + 4), true};
}

std::string Gate::text(const Key& key) {
  std::array<std::uint8_t, 16> ip{};
  char buffer[INET6_ADDRSTRLEN] = "";
  if (!key.v6) {
    store_u32(ip.data(), static_cast<std::uint32_t>(key.front));
    inet_ntop(AF_INET, ip.data(), buffer, sizeof buffer);
    return buffer;
  }
  store_u32(ip.data(), static_cast<std::uint32_t>(key.front >> 32));
  store_u32(ip.data() + 4, static_cast<std::uint32_t>(key.front));
  inet_ntop(AF_INET6, ip.data(), buffer, sizeof buffer);
  return std::string(buffer) + "/64";
}

Gate::Entry* Gate::find(const Key& key) {
  const auto at = addresses_.find(key);
  return at == addresses_.end() ? nullptr : &at->second;
}

// nullptr: connections live from as many others as there is room for.
Gate::Entry* Gate::find_or_make(const Key& key, Instant now) {
  forget_old(now);
  if (Entry* const known = find(key)) return known;
  if (addresses_.size() >= kAddressesMax && !make_room()) return nullptr;
  return &addresses_.try_emplace(key, key).first->second;
}

// Puts the entry where its kind stands, as the youngest. It may be gone afterwards.
void Gate::settle(Entry& entry, Instant now) {
  unlink(entry);
  if (entry.failed && entry.failures.at(now) == 0) {
    entry.failed = false;
    --failed_;
  }
  if (entry.living > 0) return;
  if (!entry.failed && entry.rate.idle(now)) return forget(entry);
  entry.in = entry.failed ? &failing_ : &calm_;
  entry.in->push_back(entry);
}

void Gate::unlink(Entry& entry) {
  if (entry.in != nullptr) std::exchange(entry.in, nullptr)->remove(entry);
}

void Gate::forget(Entry& entry) {
  unlink(entry);
  if (entry.failed) --failed_;
  addresses_.erase(Key{entry.key});
}

// Two of each for every one that comes: the tables shrink by themselves, at no time for long.
void Gate::forget_old(Instant now) {
  for (int i = 0; i < 2; ++i) {
    if (Entry* const old = calm_.front(); old != nullptr && old->rate.idle(now)) settle(*old, now);
    Entry* const failed = failing_.front();
    if (failed != nullptr && failed->failures.at(now) == 0) settle(*failed, now);
  }
}

bool Gate::make_room() {
  Entry* const oldest = calm_.empty() ? failing_.front() : calm_.front();
  if (oldest != nullptr) forget(*oldest);
  return oldest != nullptr;
}

int Gate::failures(const Key& key, Instant now) {
  forget_old(now);
  const Entry* const entry = find(key);
  return entry == nullptr ? 0 : entry->failures.at(now);
}

bool Gate::too_many_of(std::string_view user, Instant now) {
  if (settings_.rate_per_user <= 0) return false;
  for (int i = 0; i < 2; ++i) {
    User* const old = users_by_age_.front();
    if (old == nullptr || (!old->rate.idle(now) && users_.size() < kUsersMax)) break;
    users_by_age_.remove(*old);
    users_.erase(std::string{old->name});
  }
  const std::string name{user.substr(0, kUserBytesMax)};
  const auto [at, fresh] = users_.try_emplace(name, name);
  if (!fresh) users_by_age_.remove(at->second);
  users_by_age_.push_back(at->second);
  return !at->second.rate.take(settings_.rate_per_user, now);
}

// 0: nothing to say; 1: logins are delayed; 2: refused.
int Gate::level(int failures) const {
  const auto reached = [failures](int limit) { return limit > 0 && failures >= limit; };
  if (reached(settings_.failures_before_refusal)) return 2;
  return reached(settings_.failures_before_delay) ? 1 : 0;
}

}  // namespace weir::proxy
