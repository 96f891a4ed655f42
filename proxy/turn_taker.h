// turn_taker.h: what an engine drives. The Worker is one; the engines know no more of it.
#pragma once

#include "pool/instant.h"
#include "proxy/mail.h"

namespace weir::proxy {

// A turn of the loop: mail and sockets are taken in, time is looked at, then the turn ends.
class TurnTaker {
 public:
  virtual void deliver(Mail mail) = 0;
  // When on_time() must be called next; kNever: not at all. Asked after each turn.
  virtual Instant next_deadline() const = 0;
  virtual void on_time() = 0;
  // Nothing of this turn is on the stack any more: the closed are freed.
  virtual void end_turn() = 0;
  // All is done: the engine's loop may end.
  virtual bool finished() const = 0;

 protected:
  ~TurnTaker() = default;
};

}  // namespace weir::proxy
