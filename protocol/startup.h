// startup.h: what a client sends before its messages have a tag (manual: 54.7, StartupMessage,
// SSLRequest, GSSENCRequest, CancelRequest).
//
// The reader stops at the end of one packet. What is left in the input after an SSLRequest or a
// GSSENCRequest was sent before our answer: the caller must close (`kUnencryptedAfter...`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace weir::protocol {

// Of one packet, without its length word: PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
inline constexpr std::uint32_t kStartupBytesMax = 10'000;
inline constexpr std::uint32_t kCancelKeyBytesMin = 4;
inline constexpr std::uint32_t kCancelKeyBytesMax = 256;

inline constexpr const char* kUnencryptedAfterSsl = "received unencrypted data after SSL request";
inline constexpr const char* kUnencryptedAfterGssenc =
    "received unencrypted data after GSSAPI encryption request";

using Setting = std::pair<std::string, std::string>;  // Name, value.

struct Startup {
  enum class Kind { ssl, gssenc, cancel, startup };

  Kind kind = Kind::startup;
  std::uint16_t major = 0;  // 3 when kind is startup; any minor, 3.9999 (GREASE) too.
  std::uint16_t minor = 0;
  std::vector<Setting> parameters;  // In the client's order, repeated names and _pq_.* included.
  std::uint32_t cancel_pid = 0;
  Buffer cancel_key;  // kCancelKeyBytesMin to kCancelKeyBytesMax bytes.

  // The value PostgreSQL would use: of a repeated name, the last. Null when not sent.
  const std::string* find(std::string_view name) const;
};

class StartupReader {
 public:
  // Takes bytes off the front of `input`, never beyond the end of the packet. Nothing yet: the
  // input is used up. A packet: the reader is ready for the next one. A fault: the stream is lost
  // and every later call says the same. 08P01 for a bad length or layout, 0A000 for a protocol
  // version whose major is not 3.
  // Memory grows with what has arrived, never by what a length announces.
  Result<std::optional<Startup>> next(Bytes& input);

  // No packet is half way.
  bool at_boundary() const { return kept_.empty(); }

 private:
  void keep(Bytes& input, std::size_t until);

  Buffer kept_;  // Length word and body so far: at most 4 + kStartupBytesMax.
  std::optional<Fault> fault_;
};

// The startup parameter `options`, split as PostgreSQL splits it: by white space, a backslash
// keeping the next character. `-c name=value`, `-cname=value` and `--name=value` only; '-' in a
// name stands for '_'. One without a value is PostgreSQL's 42601, other options are 0A000 with
// PgBouncer's text.
Result<std::vector<Setting>> parse_options(std::string_view options);

}  // namespace weir::protocol
