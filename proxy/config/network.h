// network.h: internet addresses, the networks they lie in, and which of them are this machine's.
// An IPv4 address that came in as IPv6 (::ffff:192.0.2.1) is an IPv4 address everywhere here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/config/sentence.h"

namespace weir::proxy::config {

constexpr std::size_t kInterfacesMax = 65'536;

struct Ip {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // The first four for IPv4, the others 0.

  static Ip v4(const std::uint8_t* four);
  // IPv4 if it is a mapped one.
  static Ip from_v6(const std::uint8_t* sixteen);
  // Nothing but an address: no name, no zone, no shortened IPv4.
  static std::optional<Ip> parse(std::string_view text);
  bool operator==(const Ip&) const = default;
};

// The addresses that equal `base` wherever `mask` has a 1. As in PostgreSQL the ones of a mask need
// not stand at its front, and what `base` has behind them does not matter.
struct Network {
  Ip base;
  std::array<std::uint8_t, 16> mask{};

  // `text` is address/bits, or an address with `mask` beside it.
  static Said<Network> parse(std::string_view text, std::optional<std::string_view> mask);
  // "10.0.0.0/8", or one address alone. Nothing if it is neither.
  static std::optional<Network> range(std::string_view text);
  bool contains(const Ip& ip) const;
  // Every address of its kind lies in it.
  bool is_everywhere() const { return mask == std::array<std::uint8_t, 16>{}; }
  bool operator==(const Network&) const = default;
};

// Own addresses, each with the network it is in.
using Interfaces = std::vector<Network>;
Said<Interfaces> local_interfaces();

}  // namespace weir::proxy::config
