#include "proxy/cancel_call.h"

#include "protocol/encode.h"
#include "proxy/server.h"
#include "proxy/share.h"
#include "proxy/worker.h"

namespace weir::proxy {

namespace {

// As the server's own connection. Since that was made its settings may have gone, and what they
// trusted with them: then as the pool dials now, or any pool when the database has gone, too.
Security way_to(const Server& server, Worker& worker) {
  Security out = server.security_in_force();
  const bool encrypted = out.tls.mode != config::SslMode::disable;
  if (!encrypted || worker.commons.tls.stamp(out.tls) != 0) return out;
  const Share& of = server.share();
  out.tls = of.database != nullptr ? of.tls : worker.config().settings.server_tls;
  return out;
}

}  // namespace

CancelCall::CancelCall(Worker& worker, Server& server)
    : Deadline(Kind::cancel),
      worker_(worker),
      server_id_(server.id),
      target_(server.target),
      security_(way_to(server, worker)),
      pid_(server.pid),
      key_(server.cancel_key),
      stream(worker, *this),
      securing_(stream, worker.commons.tls, security_) {}

void CancelCall::dial() { stream.dial(worker_.world, target_); }

void CancelCall::on_open(const Target&) { follow(securing_.begin()); }

std::size_t CancelCall::on_bytes(Bytes bytes) {
  const std::size_t all = bytes.size();
  if (!sent_) follow(securing_.take(bytes));
  return all;
}

void CancelCall::follow(SecureStart::Step step) {
  if (step == SecureStart::Step::ready) return send();
  if (step == SecureStart::Step::failed) on_broken(securing_.fault());
}

void CancelCall::send() {
  sent_ = true;
  Buffer out;
  protocol::put_cancel_request(out, pid_, key_);
  stream.put_copy(out);
}

void CancelCall::on_broken(const Fault& fault) {
  worker_.commons.log.line(Level::warning, "a cancel request could not be sent: " + fault.text);
  worker_.cancel_over(*this);
}

void CancelCall::on_gone(int) { worker_.cancel_over(*this); }

}  // namespace weir::proxy
