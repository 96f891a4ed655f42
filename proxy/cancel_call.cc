#include "proxy/cancel_call.h"

#include "protocol/encode.h"
#include "proxy/server.h"
#include "proxy/worker.h"

namespace weir::proxy {

CancelCall::CancelCall(Worker& worker, Server& server)
    : Deadline(Kind::cancel),
      worker_(worker),
      server_id_(server.id),
      target_(server.target),
      pid_(server.pid),
      key_(server.cancel_key),
      stream(worker, *this) {}

void CancelCall::dial() { stream.dial(worker_.world, target_); }

void CancelCall::on_open(const Target&) {
  Buffer out;
  protocol::put_cancel_request(out, pid_, key_);
  stream.put_copy(out);
}

void CancelCall::on_gone(int) { worker_.cancel_over(*this); }

}  // namespace weir::proxy
