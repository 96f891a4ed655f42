// framer.h: cuts a byte stream into messages without ever holding a body.
//
// A Framer sees each byte once. It keeps at most five bytes of its own, a header that a read
// split in two, so whatever the message size no read block waits for the rest of a message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/bytes.h"

namespace weir::protocol {

inline constexpr std::size_t kHeaderBytes = 5;  // Tag and length (manual: Message Formats).

// One contiguous part of one message.
struct Piece {
  char tag = 0;
  bool begins = false;
  bool ends = false;
  std::uint32_t body_bytes = 0;  // Of the whole message.
  Bytes carry;                   // Header bytes eaten by an earlier call; forward them first.
  Bytes raw;                     // This part as it stands in the input, header included.

  // The part of the body in this piece.
  Bytes body() const { return begins ? raw.subspan(kHeaderBytes - carry.size()) : raw; }
};

class Framer {
 public:
  enum class Cut { piece, need_more, bad_length };

  explicit Framer(std::uint32_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // Takes the next piece off the front of `input` into `piece`. `need_more`: the input is used
  // up. `bad_length`: the announced length is below 4 or above the maximum; the stream is lost.
  // `piece.carry` is valid until the next call.
  Cut next(Bytes& input, Piece& piece);

  // No message is half way.
  bool at_boundary() const { return head_bytes_ == 0 && body_left_ == 0; }

 private:
  std::array<std::uint8_t, kHeaderBytes> head_{};
  std::uint8_t head_bytes_ = 0;
  char tag_ = 0;
  std::uint32_t body_left_ = 0;
  std::uint32_t body_bytes_ = 0;
  std::uint32_t body_bytes_max_;
};

}  // namespace weir::protocol
