// collector.h: puts the body of one message together, for the few that must be understood.
//
// A body that arrives whole is lent as it stands; only one that a read split is copied. Of a body
// too long to be kept, the beginning can be had.
#pragma once

#include <algorithm>
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

  // Of a longer body the first `bytes`, once, as soon as they are there, and what this piece has
  // behind them. `first` is borrowed until the next call. One message's pieces go to add() or here.
  struct Start {
    Bytes first;
    Bytes rest;
  };
  std::optional<Start> add_start(const Piece& piece, std::size_t bytes) {
    if (piece.begins) kept_.clear();
    const Bytes part = piece.body();
    const Bytes more = part.first(std::min(bytes - kept_.size(), part.size()));
    if (more.empty()) return std::nullopt;
    kept_.insert(kept_.end(), more.begin(), more.end());
    if (kept_.size() < bytes) return std::nullopt;
    return Start{Bytes{kept_}, part.subspan(more.size())};
  }

 private:
  Buffer kept_;
};

}  // namespace weir::protocol
