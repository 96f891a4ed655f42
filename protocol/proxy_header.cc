#include "protocol/proxy_header.h"

#include <algorithm>
#include <string_view>

namespace weir::protocol {

namespace {

constexpr std::array<std::uint8_t, 12> kSignature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                  0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::string_view kText = "PROXY ";  // How a header of version 1 begins.

constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;

constexpr std::uint8_t kLocal = 0x20;  // Version 2 in the upper half.
constexpr std::uint8_t kProxy = 0x21;

constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kUnixStream = 0x31;

// What the addresses of each known family and transport take; nothing for an unknown one.
std::optional<std::size_t> addresses_bytes(std::uint8_t family) {
  switch (family) {
    case 0x00:
      return 0;
    case kTcp4:
    case 0x12:
      return 12;
    case kTcp6:
    case 0x22:
      return 36;
    case kUnixStream:
    case 0x32:
      return 216;
    default:
      return std::nullopt;
  }
}

ProxyHeader parse(Bytes kept) {
  ProxyHeader header;
  const Bytes from = kept.subspan(kLengthAt + 2);
  // A datagram cannot have become this connection: the specification has it count as unknown.
  if (kept[kCommandAt] == kLocal) return header;
  if (kept[kFamilyAt] == kTcp4) {
    header.source = ProxyHeader::Source::ip4;
    std::copy_n(from.begin(), 4, header.ip.begin());
    header.port = load_u16(from.data() + 8);
  } else if (kept[kFamilyAt] == kTcp6) {
    header.source = ProxyHeader::Source::ip6;
    std::copy_n(from.begin(), 16, header.ip.begin());
    header.port = load_u16(from.data() + 32);
  } else if (kept[kFamilyAt] == kUnixStream) {
    header.source = ProxyHeader::Source::unix_socket;
  }
  return header;
}

Fault no_header(const char* text) { return {"08P01", text}; }

// Whether the first `count` bytes of both are the same.
template <typename Front>
bool begins_as(Bytes bytes, const Front& front, std::size_t count) {
  return std::equal(
      bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count), front.begin(),
      [](std::uint8_t byte, auto expected) { return byte == static_cast<std::uint8_t>(expected); });
}

}  // namespace

// Byte by byte: what is no header is known at its first wrong byte, and who sent it is not waited
// for.
std::optional<Fault> ProxyHeaderReader::take_front(Bytes& input) {
  while (kept_bytes_ < kFrontBytes && !input.empty()) {
    kept_[kept_bytes_++] = input[0];
    const Bytes kept{kept_.data(), kept_bytes_};
    const std::size_t compared = std::min(kept_bytes_, kSignature.size());
    if (!begins_as(kept, kSignature, compared)) {
      const std::size_t text = std::min(kept_bytes_, kText.size());
      if (!begins_as(kept, kText, text)) {
        return no_header("expected a PROXY protocol header, version 2");
      }
      if (text == kText.size()) {
        return no_header(
            "PROXY protocol version 1 is not supported: let the load balancer send version 2");
      }
    }
    input = input.subspan(1);
  }
  return kept_bytes_ == kFrontBytes ? take_length() : std::nullopt;
}

std::optional<Fault> ProxyHeaderReader::take_length() {
  const std::uint8_t command = kept_[kCommandAt];
  const std::size_t length = load_u16(kept_.data() + kLengthAt);
  if (command != kLocal && command != kProxy) {
    return no_header("unknown version or command in PROXY protocol header");
  }
  if (length > kProxyHeaderBytesMax) return no_header("PROXY protocol header is too long");
  std::size_t addresses = 0;
  if (command == kProxy) {
    const auto known = addresses_bytes(kept_[kFamilyAt]);
    if (!known) return no_header("unknown address family in PROXY protocol header");
    if (length < *known) return no_header("PROXY protocol header is too short for its addresses");
    addresses = *known <= kAddressesMax ? *known : 0;  // Paths are of no use to us.
  }
  wanted_ = kFrontBytes + addresses;
  skip_bytes_ = length - addresses;
  return std::nullopt;
}

Result<std::optional<ProxyHeader>> ProxyHeaderReader::next(Bytes& input) {
  if (fault_) return tl::unexpected(*fault_);
  if (kept_bytes_ < kFrontBytes) {
    fault_ = take_front(input);
    if (fault_) return tl::unexpected(*fault_);
    if (kept_bytes_ < kFrontBytes) return std::nullopt;
  }
  const std::size_t taken = std::min(wanted_ - kept_bytes_, input.size());
  std::copy_n(input.begin(), taken, kept_.begin() + static_cast<std::ptrdiff_t>(kept_bytes_));
  kept_bytes_ += taken;
  input = input.subspan(taken);
  const std::size_t skipped = std::min(skip_bytes_, input.size());
  skip_bytes_ -= skipped;
  input = input.subspan(skipped);
  if (kept_bytes_ < wanted_ || skip_bytes_ > 0) return std::nullopt;
  return parse({kept_.data(), kept_bytes_});
}

}  // namespace weir::protocol
