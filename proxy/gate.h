// gate.h: who may knock now: living connections and new ones a second by address, new ones a second
// by user, and failed logins by address. One for all workers; a lock is taken once a connection or
// a login, and not even that where nothing has to be counted.
//
// Unix sockets are exempt. An IPv6 address stands for its /64, which is what one host can have, and
// a mapped IPv4 address for itself. Memory is bounded: see kAddressesMax.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "pool/instant.h"
#include "pool/list.h"
#include "protocol/result.h"
#include "proxy/world.h"

namespace weir::proxy {

// Of the addresses that nothing lives from the one seen longest ago is forgotten first, and of
// those sooner one that has not failed. About 10 MB when full; likewise for users.
inline constexpr std::size_t kAddressesMax = 100'000;
inline constexpr std::size_t kUsersMax = 20'000;

// A limit of 0 is none. A delay slows one connection down, not many at once: to bound how often a
// password can be tried takes failures_before_refusal.
struct GateSettings {
  int failures_before_delay = 20;  // Failed logins from an address within a minute.
  int failures_before_refusal = 40;
  Instant delay = kSecond;
  int conns_per_ip = 0;
  int rate_per_ip = 0;  // New connections a second; as many may come at once.
  int rate_per_user = 0;

  bool operator==(const GateSettings&) const = default;
};

// Without `refusal`: let in, at once or not before `until`.
struct Verdict {
  std::optional<Fault> refusal = {};
  std::optional<Instant> until = {};
  bool counted = false;  // on_connect() only: on_gone() is due when the connection is.
};

// A count of the last minute, to within ten seconds.
class MinuteCount {
 public:
  void add(Instant now);
  int at(Instant now) const;

 private:
  static constexpr std::size_t kParts = 6;
  static constexpr Instant kPart = 10 * kSecond;

  std::array<std::uint16_t, kParts> counts_{};  // Part i of time stands at i % kParts.
  Instant newest_ = 0;                          // Which part of time was counted last.
};

// At most so many a second, as many of them at once.
class Rate {
 public:
  bool take(int per_second, Instant now);
  // Nothing was taken of late: the same as a fresh one.
  bool idle(Instant now) const { return due_ <= now; }

 private:
  Instant due_ = 0;  // When all that was taken would have been taken evenly.
};

class Gate {
 public:
  // `seed` keeps a stranger from choosing addresses that lie together in the table.
  explicit Gate(std::uint64_t seed = 0) : addresses_(0, Hash{seed}) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  void apply(const GateSettings& settings);

  // A connection has come. If it is counted, on_gone() has to follow, once.
  Verdict on_connect(const Address& from, Instant now);
  void on_gone(const Address& from);
  // It will be asked for a proof.
  Verdict before_login(const Address& from, Instant now);
  // It has proved to be this user: a stranger's attempts do not use up a user's rate.
  Verdict before_admission(const Address& from, std::string_view user, Instant now);
  // It has sent its proof, which has not been looked at: many may have been let in before the first
  // of them failed. Never delays.
  Verdict before_proof(const Address& from, Instant now);
  // The proof was wrong. A sentence for the log when that makes a difference to the address for the
  // first time; else empty.
  std::string on_failure(const Address& from, Instant now);

  std::size_t addresses_known() const;
  std::size_t users_known() const;

 private:
  struct Key {
    std::uint64_t front;
    bool v6;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(const Key& key) const;
  };
  // In calm_ or failing_ unless a connection lives from it.
  struct Entry : pool::Link {
    explicit Entry(const Key& is) : key(is) {}
    Key key;
    int living = 0;
    bool failed = false;    // It counts in failed_.
    std::uint8_t told = 0;  // What the log knows: 1 delayed, 2 refused.
    pool::List<Entry>* in = nullptr;
    Rate rate;
    MinuteCount failures;
  };
  struct User : pool::Link {
    explicit User(std::string is) : name(std::move(is)) {}
    std::string name;
    Rate rate;
  };

  static std::optional<Key> key_of(const Address& from);
  static std::string text(const Key& key);

  Entry* find(const Key& key);
  Entry* find_or_make(const Key& key, Instant now);
  void settle(Entry& entry, Instant now);
  void unlink(Entry& entry);
  void forget(Entry& entry);
  void forget_old(Instant now);
  bool make_room();
  int failures(const Key& key, Instant now);
  bool too_many_of(std::string_view user, Instant now);
  int level(int failures) const;

  mutable std::mutex mutex_;
  GateSettings settings_;
  std::unordered_map<Key, Entry, Hash> addresses_;
  pool::List<Entry> calm_;  // Oldest first, both.
  pool::List<Entry> failing_;
  std::unordered_map<std::string, User> users_;
  pool::List<User> users_by_age_;

  // Read without the lock, to leave without it.
  std::atomic<bool> limits_connections_ = false;
  std::atomic<bool> limits_users_ = false;
  std::atomic<bool> limits_failures_ = true;
  std::atomic<int> failed_ = 0;  // Addresses with failures, some of them old.
};

}  // namespace weir::proxy
