#include "proxy/config/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

namespace weir::proxy::config {
namespace {

constexpr std::size_t kMappedBytes = 12;  // Of ::ffff:0:0/96, before the IPv4 address.
constexpr std::array<std::uint8_t, kMappedBytes> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

using Raw = std::array<std::uint8_t, 16>;

// An address as it was written: a mapped one is still IPv6, for its mask has 128 bits.
struct Written {
  bool v6;
  Raw bytes{};
};

std::optional<Written> written(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  Written out{false};
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) return out;
  out.v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

bool is_mapped(const Raw& bytes) {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

Raw front_ones(unsigned bits) {
  Raw mask{};
  for (unsigned bit = 0; bit < bits; ++bit) {
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80u >> bit % 8);
  }
  return mask;
}

// A network of mapped addresses only is one of IPv4 addresses.
Network network_of(const Written& base, const Raw& mask) {
  const bool whole_front = std::all_of(mask.begin(), mask.begin() + kMappedBytes,
                                       [](std::uint8_t byte) { return byte == 0xff; });
  Network out;
  if (base.v6 && whole_front && is_mapped(base.bytes)) {
    out.base = Ip::v4(base.bytes.data() + kMappedBytes);
    std::copy(mask.begin() + kMappedBytes, mask.end(), out.mask.begin());
    return out;
  }
  out.base.v6 = base.v6;
  out.base.bytes = base.bytes;
  out.mask = mask;
  return out;
}

Said<Network> with_bits(const Written& base, std::string_view text) {
  const unsigned most = base.v6 ? 128 : 32;
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc{} || end != text.data() + text.size() || bits > most) {
    return no(quoted(text) + " is no length of a prefix: write 0 to " + std::to_string(most));
  }
  return network_of(base, front_ones(bits));
}

Said<Network> with_mask(const Written& base, std::string_view text) {
  const auto mask = written(text);
  if (!mask) return no(quoted(text) + " is no mask: write one as 255.255.255.0, or address/bits");
  if (mask->v6 != base.v6) return no("address and mask are not of one family");
  return network_of(base, mask->bytes);
}

bool is_empty(const Raw& mask) {
  return std::all_of(mask.begin(), mask.end(), [](std::uint8_t byte) { return byte == 0; });
}

Raw raw(const sockaddr& address) {
  Raw bytes{};
  if (address.sa_family == AF_INET) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  } else {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  }
  return bytes;
}

// As PostgreSQL: without a mask, or with an empty one, the address is alone in its network.
std::optional<Network> network_at(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr) return std::nullopt;
  const auto family = interface.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const Written address{family == AF_INET6, raw(*interface.ifa_addr)};
  const sockaddr* const beside = interface.ifa_netmask;
  const Raw mask = beside != nullptr && beside->sa_family == family ? raw(*beside) : Raw{};
  return network_of(address, is_empty(mask) ? front_ones(address.v6 ? 128 : 32) : mask);
}

}  // namespace

Ip Ip::v4(const std::uint8_t* four) {
  Ip out;
  std::copy_n(four, 4, out.bytes.begin());
  return out;
}

Ip Ip::from_v6(const std::uint8_t* sixteen) {
  Ip out{true};
  std::copy_n(sixteen, 16, out.bytes.begin());
  return is_mapped(out.bytes) ? v4(sixteen + kMappedBytes) : out;
}

std::optional<Ip> Ip::parse(std::string_view text) {
  const auto found = written(text);
  if (!found) return std::nullopt;
  return found->v6 ? from_v6(found->bytes.data()) : v4(found->bytes.data());
}

Said<Network> Network::parse(std::string_view text, std::optional<std::string_view> mask) {
  const auto slash = text.find('/');
  const auto base = written(text.substr(0, slash));
  if (!base) return no(quoted(text) + " is no address");
  if (slash != std::string_view::npos) return with_bits(*base, text.substr(slash + 1));
  if (!mask) return no("no mask behind " + quoted(text) + ": write address/bits");
  return with_mask(*base, *mask);
}

std::optional<Network> Network::range(std::string_view text) {
  const auto base = written(text.substr(0, text.find('/')));
  if (!base) return std::nullopt;
  if (text.find('/') == std::string_view::npos) {
    return network_of(*base, front_ones(base->v6 ? 128 : 32));
  }
  const auto network = parse(text, std::nullopt);
  return network ? std::optional{*network} : std::nullopt;
}

bool Network::contains(const Ip& ip) const {
  if (ip.v6 != base.v6) return false;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (((ip.bytes[i] ^ base.bytes[i]) & mask[i]) != 0) return false;
  }
  return true;
}

Said<Interfaces> local_interfaces() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) {
    return no(std::string("cannot list this machine's addresses: ") + std::strerror(errno));
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(first, freeifaddrs);
  Interfaces out;
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (auto network = network_at(*at)) out.push_back(*network);
  }
  if (out.size() > kInterfacesMax) return no("this machine has more than 65536 addresses");
  return out;
}

}  // namespace weir::proxy::config
