#include "protocol/framer.h"

#include <algorithm>
#include <cstring>

namespace weir::protocol {

Framer::Cut Framer::next(Bytes& input, Piece& piece) {
  if (input.empty()) return Cut::need_more;

  if (body_left_ > 0) {  // Inside a body: pass on what is at hand.
    const std::size_t taken = std::min<std::size_t>(body_left_, input.size());
    body_left_ -= static_cast<std::uint32_t>(taken);
    piece = Piece{tag_, false, body_left_ == 0, body_bytes_, {}, input.first(taken)};
    input = input.subspan(taken);
    return Cut::piece;
  }

  const std::size_t carried = head_bytes_;
  const std::size_t wanted = std::min(kHeaderBytes - carried, input.size());
  std::memcpy(head_.data() + carried, input.data(), wanted);
  head_bytes_ = static_cast<std::uint8_t>(carried + wanted);
  if (head_bytes_ < kHeaderBytes) {
    input = input.subspan(wanted);
    return Cut::need_more;
  }

  const std::uint32_t announced = load_u32(head_.data() + 1);  // Counts itself, not the tag.
  if (announced < 4 || announced - 4 > body_bytes_max_) return Cut::bad_length;
  head_bytes_ = 0;
  tag_ = static_cast<char>(head_[0]);
  body_bytes_ = announced - 4;

  const std::size_t body = std::min<std::size_t>(body_bytes_, input.size() - wanted);
  body_left_ = body_bytes_ - static_cast<std::uint32_t>(body);
  piece = Piece{tag_,
                true,
                body_left_ == 0,
                body_bytes_,
                Bytes{head_.data(), carried},
                input.first(wanted + body)};
  input = input.subspan(wanted + body);
  return Cut::piece;
}

}  // namespace weir::protocol
