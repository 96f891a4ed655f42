#include "proxy/gate.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace weir;
using namespace weir::proxy;

namespace {

// "unix", or an address.
Address from(const std::string& text) {
  Address out;
  out.family = Address::Family::unix_socket;
  if (text == "unix") return out;
  const bool v6 = text.find(':') != std::string::npos;
  out.family = v6 ? Address::Family::ip6 : Address::Family::ip4;
  REQUIRE(::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), out.ip.data()) == 1);
  return out;
}

Address numbered(std::uint32_t number) {
  Address out;
  out.family = Address::Family::ip4;
  store_u32(out.ip.data(), number);
  return out;
}

// "in", "later <seconds from now>" or the refusal.
std::string said(const Verdict& verdict, Instant now) {
  if (verdict.refusal) return std::string{verdict.refusal->sqlstate} + " " + verdict.refusal->text;
  if (verdict.until) return "later " + std::to_string((*verdict.until - now) / kSecond);
  return "in";
}

std::string knock(Gate& gate, const std::string& address, Instant now) {
  return said(gate.on_connect(from(address), now), now);
}

std::string login(Gate& gate, const std::string& address, const std::string& user, Instant now) {
  const auto verdict = gate.before_login(from(address), now);
  if (verdict.refusal || verdict.until) return said(verdict, now);
  return said(gate.before_admission(from(address), user, now), now);
}

// What the log is told on the way.
std::string fail_times(Gate& gate, const std::string& address, int times, Instant now) {
  std::string told;
  for (int i = 0; i < times; ++i) {
    const std::string line = gate.on_failure(from(address), now);
    if (!line.empty()) told += (told.empty() ? "" : "|") + line;
  }
  return told;
}

GateSettings connections(int most) { return {.conns_per_ip = most}; }
GateSettings rate(int per_second) { return {.rate_per_ip = per_second}; }

constexpr Instant kStart = 1'000 * kSecond;
const std::string kFull = "53300 too many connections from 10.0.0.1 (max_client_conn_per_ip)";
const std::string kFast = "53300 too many new connections from 10.0.0.1 (client_conn_rate_per_ip)";
const std::string kRefused =
    "53300 too many failed logins from 10.0.0.1 (auth_failures_before_refusal)";

}  // namespace

TEST_CASE("an address has so many connections at once") {
  Gate gate;
  gate.apply(connections(2));
  CHECK(gate.on_connect(from("10.0.0.1"), kStart).counted);
  CHECK(knock(gate, "10.0.0.1", kStart) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart) == kFull);
  CHECK_FALSE(gate.on_connect(from("10.0.0.1"), kStart).counted);
  CHECK(knock(gate, "10.0.0.2", kStart) == "in");
  gate.on_gone(from("10.0.0.1"));
  CHECK(knock(gate, "10.0.0.1", kStart) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart) == kFull);
}

TEST_CASE("without a limit on connections none is counted") {
  Gate gate;
  CHECK_FALSE(gate.on_connect(from("10.0.0.1"), kStart).counted);
  gate.apply(rate(5));
  CHECK_FALSE(gate.on_connect(from("10.0.0.1"), kStart).counted);
}

TEST_CASE("connections that were counted leave a limit that is gone, and one that has come back") {
  Gate gate;
  gate.apply(connections(1));
  CHECK(gate.on_connect(from("10.0.0.1"), kStart).counted);
  gate.apply({});
  CHECK_FALSE(gate.on_connect(from("10.0.0.1"), kStart).counted);
  gate.apply(connections(1));
  CHECK(knock(gate, "10.0.0.1", kStart) == kFull);
  gate.on_gone(from("10.0.0.1"));
  CHECK(knock(gate, "10.0.0.1", kStart) == "in");
}

TEST_CASE("an address makes so many connections a second, as many of them at once") {
  Gate gate;
  gate.apply(rate(3));
  for (int i = 0; i < 3; ++i) CHECK(knock(gate, "10.0.0.1", kStart) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart) == kFast);
  CHECK(knock(gate, "10.0.0.2", kStart) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart + kSecond / 3) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart + kSecond / 3) == kFast);
  for (int i = 0; i < 3; ++i) CHECK(knock(gate, "10.0.0.1", kStart + 9 * kSecond) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart + 9 * kSecond) == kFast);
}

TEST_CASE("who is refused is let in as soon as one who waited") {
  Gate gate;
  gate.apply(rate(1));
  CHECK(knock(gate, "10.0.0.1", kStart) == "in");
  for (int i = 1; i < 100; ++i) CHECK(knock(gate, "10.0.0.1", kStart + i * 9'999) == kFast);
  CHECK(knock(gate, "10.0.0.1", kStart + kSecond) == "in");
}

TEST_CASE("over a long time a rate is kept") {
  Rate steady;
  int taken = 0;
  for (Instant now = kStart; now < kStart + 10 * kSecond; now += kMillisecond) {
    taken += steady.take(7, now) ? 1 : 0;
  }
  CHECK(taken >= 70);
  CHECK(taken <= 77);
}

TEST_CASE("a user logs in so many times a second, from wherever") {
  Gate gate;
  gate.apply({.rate_per_user = 2});
  const std::string too_many =
      "53300 too many new connections of this user (client_conn_rate_per_user)";
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == "in");
  CHECK(login(gate, "10.0.0.2", "anna", kStart) == "in");
  CHECK(login(gate, "10.0.0.3", "anna", kStart) == too_many);
  CHECK(login(gate, "10.0.0.3", "bert", kStart) == "in");
  CHECK(login(gate, "10.0.0.3", "anna", kStart + kSecond / 2) == "in");
  CHECK(login(gate, "unix", "anna", kStart + kSecond / 2) == "in");
}

TEST_CASE("after 20 failures in a minute logins are delayed, after 40 refused") {
  Gate gate;
  CHECK(fail_times(gate, "10.0.0.1", 19, kStart).empty());
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == "in");
  CHECK(fail_times(gate, "10.0.0.1", 1, kStart) ==
        "20 failed logins from 10.0.0.1 in a minute: its logins are delayed "
        "(auth_failures_before_delay)");
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == "later 1");
  CHECK(said(gate.before_proof(from("10.0.0.1"), kStart), kStart) == "in");
  CHECK(login(gate, "10.0.0.2", "anna", kStart) == "in");
  CHECK(fail_times(gate, "10.0.0.1", 19, kStart).empty());
  CHECK(fail_times(gate, "10.0.0.1", 1, kStart) ==
        "40 failed logins from 10.0.0.1 in a minute: its logins are refused "
        "(auth_failures_before_refusal)");
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == kRefused);
  CHECK(said(gate.before_proof(from("10.0.0.1"), kStart), kStart) == kRefused);
  CHECK(fail_times(gate, "10.0.0.1", 100, kStart).empty());
}

TEST_CASE("failures are forgotten after a minute, and the log hears of the next ones") {
  Gate gate;
  fail_times(gate, "10.0.0.1", 40, kStart);
  CHECK(login(gate, "10.0.0.1", "anna", kStart + 49 * kSecond) == kRefused);
  CHECK(login(gate, "10.0.0.1", "anna", kStart + 60 * kSecond) == "in");
  CHECK(fail_times(gate, "10.0.0.1", 20, kStart + 61 * kSecond).find("delayed") !=
        std::string::npos);
}

TEST_CASE("failures slide out of the minute one after the other") {
  Gate gate;
  for (int i = 0; i < 40; ++i) fail_times(gate, "10.0.0.1", 1, kStart + i * kSecond);
  CHECK(login(gate, "10.0.0.1", "anna", kStart + 59 * kSecond) == kRefused);
  CHECK(login(gate, "10.0.0.1", "anna", kStart + 70 * kSecond) == "later 1");
  CHECK(login(gate, "10.0.0.1", "anna", kStart + 90 * kSecond) == "in");
}

TEST_CASE("an address that goes on is not told of again") {
  Gate gate;
  fail_times(gate, "10.0.0.1", 40, kStart);
  for (int i = 1; i < 60; ++i) {
    CHECK(fail_times(gate, "10.0.0.1", 5, kStart + i * 5 * kSecond).empty());
  }
}

TEST_CASE("each threshold may be off") {
  Gate gate;
  gate.apply({.failures_before_delay = 0, .failures_before_refusal = 3});
  CHECK(fail_times(gate, "10.0.0.1", 2, kStart).empty());
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == "in");
  CHECK(fail_times(gate, "10.0.0.1", 1, kStart).find("3 failed logins") == 0);
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == kRefused);
  gate.apply({.failures_before_delay = 2, .failures_before_refusal = 0, .delay = 5 * kSecond});
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == "later 5");
  gate.apply({.failures_before_delay = 0, .failures_before_refusal = 0});
  CHECK(login(gate, "10.0.0.1", "anna", kStart) == "in");
  CHECK(fail_times(gate, "10.0.0.9", 100, kStart).empty());
}

TEST_CASE("unix sockets are exempt") {
  Gate gate;
  gate.apply({.conns_per_ip = 1, .rate_per_ip = 1, .rate_per_user = 1});
  for (int i = 0; i < 5; ++i) CHECK(knock(gate, "unix", kStart) == "in");
  CHECK(fail_times(gate, "unix", 100, kStart).empty());
  for (int i = 0; i < 5; ++i) CHECK(login(gate, "unix", "anna", kStart) == "in");
  gate.on_gone(from("unix"));
  CHECK(gate.addresses_known() == 0);
}

TEST_CASE("an IPv6 address stands for its /64, a mapped one for its IPv4 address") {
  Gate gate;
  gate.apply(connections(1));
  CHECK(knock(gate, "2001:db8:1:2::1", kStart) == "in");
  CHECK(knock(gate, "2001:db8:1:2:ffff::9", kStart) ==
        "53300 too many connections from 2001:db8:1:2::/64 (max_client_conn_per_ip)");
  CHECK(knock(gate, "2001:db8:1:3::1", kStart) == "in");
  CHECK(knock(gate, "::ffff:10.0.0.1", kStart) == "in");
  CHECK(knock(gate, "10.0.0.1", kStart) == kFull);
  CHECK(knock(gate, "::ffff:10.0.0.2", kStart) == "in");
}

TEST_CASE("what says nothing any more is forgotten") {
  Gate gate;
  gate.apply({.conns_per_ip = 10, .rate_per_ip = 10, .rate_per_user = 10});
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    CHECK(gate.on_connect(numbered(i), kStart).counted);
    gate.on_failure(numbered(i), kStart);
    gate.before_admission(numbered(i), "user" + std::to_string(i), kStart);
    gate.on_gone(numbered(i));
  }
  CHECK(gate.addresses_known() == 1'000);
  CHECK(gate.users_known() == 1'000);
  const Instant later = kStart + 70 * kSecond;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    gate.on_connect(numbered(7), later);
    gate.before_admission(numbered(7), "anna", later);
  }
  CHECK(gate.addresses_known() == 1);
  CHECK(gate.users_known() == 1);
}

TEST_CASE("memory is bounded, and who lives or has failed is remembered longest") {
  Gate gate;
  gate.apply({.conns_per_ip = 1, .rate_per_ip = 1, .rate_per_user = 1});
  CHECK(gate.on_connect(from("10.0.0.1"), kStart).counted);
  fail_times(gate, "10.0.0.2", 40, kStart);
  for (std::uint32_t i = 0; i < kAddressesMax + 1'000; ++i) {
    const Address address = numbered(0x20000000 + i);
    CHECK(gate.on_connect(address, kStart).counted);
    gate.on_gone(address);
    if (i < kUsersMax + 1'000) {
      gate.before_admission(numbered(1), "user" + std::to_string(i), kStart);
    }
  }
  CHECK(gate.addresses_known() == kAddressesMax);
  CHECK(gate.users_known() <= kUsersMax);
  CHECK(knock(gate, "10.0.0.1", kStart) == kFull);
  CHECK(login(gate, "10.0.0.2", "anna", kStart).find("too many failed logins") !=
        std::string::npos);
}

TEST_CASE("where connections live from more addresses than there is room for, others pass") {
  Gate gate;
  gate.apply(connections(1));
  for (std::uint32_t i = 0; i < kAddressesMax; ++i) {
    REQUIRE(gate.on_connect(numbered(i), kStart).counted);
  }
  const Verdict verdict = gate.on_connect(from("200.0.0.1"), kStart);
  CHECK_FALSE(verdict.refusal);
  CHECK_FALSE(verdict.counted);
  CHECK(fail_times(gate, "200.0.0.1", 50, kStart).empty());
}

TEST_CASE("a clock that is a little behind counts as the newest") {
  MinuteCount count;
  count.add(kStart);
  count.add(kStart - kSecond);
  CHECK(count.at(kStart) == 2);
  CHECK(count.at(kStart - kSecond) == 2);
  CHECK(count.at(kStart + 59 * kSecond) == 2);
  CHECK(count.at(kStart + 60 * kSecond) == 0);
  MinuteCount early;
  early.add(0);
  CHECK(early.at(0) == 1);
  CHECK(early.at(60 * kSecond) == 0);
}

TEST_CASE("several threads keep the limits exact") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  Gate gate;
  gate.apply({.conns_per_ip = 3, .rate_per_user = 1'000'000});
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const Address address = numbered(1);
      for (int i = 0; i < kRounds; ++i) {
        gate.before_login(address, kStart + i);
        gate.before_admission(address, "anna", kStart + i);
        gate.on_failure(numbered(2), kStart + i);
        if (!gate.on_connect(address, kStart + i).counted) continue;
        const int now_inside = ++inside;
        for (int seen = most; now_inside > seen && !most.compare_exchange_weak(seen, now_inside);) {
        }
        --inside;
        gate.on_gone(address);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= 3);
  CHECK(most >= 1);
  CHECK(gate.before_proof(numbered(2), kStart).refusal.has_value());
}
