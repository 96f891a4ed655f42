// turn.h: what a connection needs of its worker while one event is worked through.
#pragma once

#include <vector>

#include "pool/list.h"
#include "proxy/blocks.h"

namespace weir::proxy {

class Stream;

class Turn {
 public:
  Blocks blocks;

  // The stream has something to send: it is flushed when this event has been worked through.
  void touch(Stream& stream);
  void forget(Stream& stream);
  // The block's bytes may still be borrowed by an outbox: it is given back after the flush.
  void retire(Block block) { retired_.push_back(std::move(block)); }
  // The event has been worked through: all that follows from it, then every touched stream's
  // bytes go out. Called by the stream at the end of each event.
  virtual void settle() = 0;

 protected:
  ~Turn() = default;
  void flush_touched();
  bool idle() const { return touched_.empty(); }

 private:
  pool::List<Stream> touched_;
  std::vector<Block> retired_;
};

}  // namespace weir::proxy
