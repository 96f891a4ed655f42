#include "proxy/io/poll.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/check.h"
#include "proxy/io/engine.h"

namespace weir::proxy::io {

void PollTransport::adopt(int descriptor) {
  descriptor_ = descriptor;
  phase_ = Phase::open;
  if (!watch()) defer();
}

std::size_t PollTransport::write(Bytes first, Bytes second) {
  WEIR_CHECK(phase_ != Phase::dialling);
  const std::size_t offered = first.size() + second.size();
  if (offered == 0 || phase_ != Phase::open || error_ != 0) return offered;
  ssize_t sent = 0;
  ++engine_.counts.sends;
  if (second.empty() || first.empty()) {
    const Bytes one = second.empty() ? first : second;
    sent = ::send(descriptor_, one.data(), one.size(), MSG_NOSIGNAL);
  } else {
    iovec parts[2] = {{const_cast<std::uint8_t*>(first.data()), first.size()},
                      {const_cast<std::uint8_t*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
  }
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return broken(errno, offered);
  const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (taken < offered) {
    write_wanted_ = true;
    arm();
  }
  return taken;
}

// What the peer said before it broke (PostgreSQL's last ErrorResponse) may still lie unread, so
// the owner hears of the error only behind it.
std::size_t PollTransport::broken(int error, std::size_t offered) {
  error_ = error;
  defer();
  return offered;
}

void PollTransport::pause(HangUp hang_up) {
  paused_ = true;
  deaf_ = hang_up == HangUp::after_resume;
  if (reads_dropped_ && phase_ == Phase::open) arm();
}

void PollTransport::resume() {
  paused_ = deaf_ = false;
  if (!reads_dropped_) return;
  reads_dropped_ = false;
  if (phase_ == Phase::open) arm();
}

void PollTransport::look() {
  if (phase_ == Phase::open && !paused_ && !deferred_) read();
}

void PollTransport::finish() {
  if (phase_ == Phase::open) ::shutdown(descriptor_, SHUT_WR);
}

Socket PollTransport::detach() {
  WEIR_CHECK(phase_ == Phase::open);
  phase_ = Phase::gone;
  engine_.forget(*this);
  unwatch();  // Takes it out of epoll now: the other loop may put it into its own at once.
  return std::exchange(descriptor_, -1);
}

void PollTransport::close() {
  if (phase_ == Phase::dialling && dial_ != nullptr) {
    engine_.resolver.forget(*this);
    engine_.resolver.distrust(dial_->target.host);
  }
  phase_ = Phase::released;
  endpoint_ = nullptr;
  dial_.reset();
  engine_.forget(*this);
  unwatch();
  close_descriptor();
  // A callback of ours may be on the stack: the memory outlives it.
  engine_.bury(std::unique_ptr<PollTransport>{this});
}

void PollTransport::on_event(uv_poll_t* poll, int status, int events) {
  auto* self = static_cast<PollTransport*>(poll->data);
  self->engine_.begin_turn();
  // On EPOLLERR libuv has stopped polling and says nothing but EBADF.
  if (status < 0) self->interest_ = 0;
  if (self->phase_ == Phase::dialling) return self->on_connect_event();
  self->on_open_event(status, events);
}

void PollTransport::on_open_event(int status, int events) {
  if (paused_) {
    if (!deaf_ && status < 0) return gone(socket_error());
    if (!deaf_ && (events & UV_DISCONNECT) != 0) return gone(error_);
    if (deaf_ || (events & UV_READABLE) != 0) reads_dropped_ = true;
  } else if (status < 0 || (events & UV_READABLE) != 0) {
    read();
  }
  if (phase_ == Phase::open && (events & UV_WRITABLE) != 0 && write_wanted_) {
    write_wanted_ = false;
    endpoint_->on_writable();
  }
  if (phase_ == Phase::open) arm();
}

// One recv an event, even if the block comes back full: level-triggered epoll tells again, after
// the others have had their turn.
void PollTransport::read() {
  ++engine_.counts.reads;
  const ssize_t got = ::recv(descriptor_, engine_.block.get(), kReadBlockBytes, 0);
  if (got > 0) return endpoint_->on_bytes({engine_.block.get(), static_cast<std::size_t>(got)});
  if (got == 0) return gone(error_);
  if (errno != EAGAIN && errno != EINTR) gone(errno);
}

void PollTransport::on_deferred() {
  deferred_ = false;
  if (phase_ == Phase::dialling) {
    if (dial_->next < dial_->addresses.size()) return dial_next();
    return gone(error_);
  }
  if (paused_ || descriptor_ < 0) return gone(error_);
  ++engine_.counts.reads;
  const ssize_t got = ::recv(descriptor_, engine_.block.get(), kReadBlockBytes, 0);
  if (got <= 0) return gone(error_);
  endpoint_->on_bytes({engine_.block.get(), static_cast<std::size_t>(got)});
  if (phase_ == Phase::open) defer();
}

void PollTransport::gone(int error) {
  phase_ = Phase::gone;
  engine_.forget(*this);
  unwatch();
  close_descriptor();
  endpoint_->on_gone(error);
}

bool PollTransport::watch() {
  int status = 0;
  poll_ = engine_.spare_polls.take(engine_.loop, descriptor_, status);
  if (!poll_) {
    error_ = -status;
    close_descriptor();
    return false;
  }
  poll_->data = this;
  interest_ = 0;
  arm();
  return true;
}

int PollTransport::wanted() const {
  if (phase_ == Phase::dialling) return UV_WRITABLE;
  const int reads = !reads_dropped_ ? UV_READABLE : deaf_ ? 0 : UV_DISCONNECT;
  return reads | (write_wanted_ ? UV_WRITABLE : 0);
}

void PollTransport::arm() {
  const int events = wanted();
  if (events == interest_) return;
  interest_ = static_cast<std::uint8_t>(events);
  ++engine_.counts.interest_changes;
  events == 0 ? uv_poll_stop(poll_.get())
              : uv_poll_start(poll_.get(), events, &PollTransport::on_event);
}

// REQUIRES, of those who call it: the descriptor is still ours.
void PollTransport::unwatch() {
  if (poll_) engine_.spare_polls.give(std::move(poll_), descriptor_);
}

void PollTransport::close_descriptor() {
  if (descriptor_ < 0) return;
  engine_.street.drop(std::exchange(descriptor_, -1));
}

int PollTransport::socket_error() const {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error != 0 ? error : error_;
}

void PollTransport::defer() {
  if (std::exchange(deferred_, true)) return;
  engine_.defer(*this);
}

}  // namespace weir::proxy::io
