// channel_binding.h: libpq's words for it.
#pragma once

#include <cstdint>

namespace weir::protocol {

// Whether a login must be tied to the TLS connection that carries it.
enum class ChannelBinding : std::uint8_t { disable, prefer, require };

}  // namespace weir::protocol
