// turn.h: what a connection needs of its worker while one event is worked through.
#pragma once

#include <vector>

#include "pool/list.h"
#include "protocol/bytes.h"
#include "proxy/blocks.h"

namespace weir::proxy {

class Stream;

class Turn {
 public:
  Blocks blocks;
  Buffer plain;    // What a codec has opened: borrowed until the event is over.
  Buffer records;  // What a codec has sealed: until it is put.

  // The stream has something to send: it is flushed when this event has been worked through.
  void touch(Stream& stream);
  void forget(Stream& stream);
  // Whether a step of a handshake, which takes as long as a hundred queries, may be made now: one a
  // turn, so that nobody waits for more than one. Else queue_shake(): the stream's shake() is
  // called in a turn of its own, in order, unless it is forgotten.
  virtual bool may_shake() = 0;
  virtual void queue_shake(Stream& stream) = 0;
  virtual void forget_shake(Stream& stream) = 0;
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
