// proxy_header.h: what a load balancer sends in front of a connection to say whose it is: the PROXY
// protocol, version 2 (HAProxy's proxy-protocol.txt, section 2.2). Only for peers that are trusted
// to say so: whoever may send a header may claim any address.
//
// What stands behind the addresses (TLVs) is passed over unread, PP2_TYPE_CRC32C too: TCP has
// checksums of its own, and a peer that lies would check its lie.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace weir::protocol {

// Behind the first sixteen: addresses and TLVs.
inline constexpr std::size_t kProxyHeaderBytesMax = 4'096;

struct ProxyHeader {
  enum class Source : std::uint8_t {
    itself,       // Nobody else's connection (a health check), or of a kind that has no address we
                  // know: its own address counts.
    ip4,          // The first four bytes of `ip`.
    ip6,          // A mapped IPv4 address among them.
    unix_socket,  // On the machine of the load balancer, so nothing can be asked about its peer.
  };

  Source source = Source::itself;
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;  // Host order.
};

class ProxyHeaderReader {
 public:
  // Takes bytes off the front of `input`, never beyond the end of the header. Nothing yet: the
  // input is used up. A fault: the stream is lost and every later call says the same. REQUIRES: not
  // called again once there was a header.
  Result<std::optional<ProxyHeader>> next(Bytes& input);

 private:
  static constexpr std::size_t kFrontBytes = 16;  // Signature, command, family, length.
  static constexpr std::size_t kAddressesMax = 36;

  std::optional<Fault> take_front(Bytes& input);
  std::optional<Fault> take_length();

  std::array<std::uint8_t, kFrontBytes + kAddressesMax> kept_{};
  std::size_t kept_bytes_ = 0;
  std::size_t wanted_ = kFrontBytes;  // Of kept_.
  std::size_t skip_bytes_ = 0;        // Behind those.
  std::optional<Fault> fault_;
};

}  // namespace weir::protocol
