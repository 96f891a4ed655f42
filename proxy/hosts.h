// hosts.h: the hosts that do not answer, the same for all pools and workers: each is left alone for
// a pause and then tried by one connection at a time, until one of them logs in.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "pool/instant.h"
#include "protocol/result.h"
#include "proxy/world.h"

namespace weir::proxy {

// A pause is short: what it costs is one connection, and whoever waits is to hear soon that the
// host is back.
inline constexpr Instant kHostPauseFirst = kSecond / 5;
inline constexpr Instant kHostPauseMax = kSecond;
// A trial may hang for longer than a host takes to come back: from then on another one may begin.
inline constexpr Instant kTrialPatience = 2 * kSecond;
inline constexpr std::size_t kHostsInTroubleMax = 1'000;

class Hosts {
 public:
  // Whether a connection may be dialled: `trial` to a host in trouble, this one alone.
  enum class Leave : std::uint8_t { no, yes, trial };
  Leave begin(const Target& host, Instant now);
  // From when on begin() may say other than no; 0: at once.
  Instant ready_at(const Target& host) const;
  bool in_trouble(const Target& host) const { return ready_at(host) != 0; }

  struct Pause {
    Instant max = kHostPauseMax;
    double jitter = 0;  // In [0, 1): a pause is between half as long and as long as it could be.
  };
  // A connection that was dialled at `begun` came to nothing. Of several that were dialled together
  // the first counts.
  void failed(const Target& host, Instant begun, Instant now, const Pause& pause,
              const Fault& fault);
  // A connection has had an answer of its server. True when the host was in trouble.
  bool answered(const Target& host);
  // Why the last connection to a host in trouble failed.
  std::optional<Fault> fault(const Target& host) const;

 private:
  struct Trouble {
    std::uint32_t failures = 0;
    Instant failed_at = 0;
    Instant ready_at = 0;
    Fault fault;
  };
  using Name = std::pair<std::string, std::uint16_t>;
  static Name name(const Target& host) { return {host.host, host.port}; }

  std::atomic<std::size_t> count_{0};  // Of all_: nobody takes the lock while all is well.
  mutable std::mutex mutex_;
  std::map<Name, Trouble> all_;
};

}  // namespace weir::proxy
