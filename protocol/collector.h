// collector.h: puts the body of one message together, for the few that must be understood.
//
// A body that arrives whole is lent as it stands; only one that a read split is copied.
#pragma once

#include <optional>

#include "protocol/bytes.h"
#include "protocol/framer.h"

namespace weir::protocol {

class Collector {
 public:
  // The whole body once the piece ends its message; borrowed until the next call. The caller has
  // refused messages with too large a `body_bytes` at their head.
  std::optional<Bytes> add(const Piece& piece) {
    if (piece.begins && piece.ends) return piece.body();
    if (piece.begins) kept_.clear();
    const Bytes part = piece.body();
    kept_.insert(kept_.end(), part.begin(), part.end());
    if (!piece.ends) return std::nullopt;
    return Bytes{kept_};
  }

 private:
  Buffer kept_;
};

}  // namespace weir::protocol
