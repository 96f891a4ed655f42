// dial.cc: the part of a PollTransport's life before it is open: its name is looked up, and its
// addresses are tried one after the other.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "proxy/io/engine.h"
#include "proxy/io/poll.h"

namespace weir::proxy::io {

void PollTransport::dial(const Target& target) {
  dial_ = std::make_unique<Dial>();
  dial_->target = target;
  if (is_unix_host(target.host)) {
    const auto address = unix_address(unix_socket_path(target.host, target.port));
    error_ = ENAMETOOLONG;
    if (address) dial_->addresses.push_back(*address);
    return dial_next();
  }
  if (const auto address = literal_address(target.host, target.port)) {
    dial_->addresses.push_back(*address);
    return dial_next();
  }
  engine_.resolver.ask(target.host, *this);
}

void PollTransport::on_addresses(std::span<const SocketAddress> addresses) {
  error_ = kNameUnknown;
  dial_->addresses.assign(addresses.begin(), addresses.end());
  for (SocketAddress& address : dial_->addresses) address.set_port(dial_->target.port);
  dial_next();
}

// Ends with a connect under way, or with the last error on its way to the owner.
void PollTransport::dial_next() {
  while (dial_->next < dial_->addresses.size()) {
    const SocketAddress& address = dial_->addresses[dial_->next++];
    if (start_connect(address)) return;
    // A unix socket whose queue is full does not say "in progress": it wants to be asked again.
    if (error_ == EAGAIN && address.family() == AF_UNIX) {
      --dial_->next;
      deferred_ = true;
      return engine_.defer_a_while(*this);
    }
  }
  engine_.resolver.distrust(dial_->target.host);
  defer();
}

bool PollTransport::start_connect(const SocketAddress& address) {
  descriptor_ = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) {
    error_ = errno;
    return false;
  }
  engine_.street.count_connection(1);
  if (address.family() != AF_UNIX) {
    apply_to_all(descriptor_);
    apply(engine_.street.options(), descriptor_);
  }
  if (::connect(descriptor_, address.get(), address.length) != 0 && errno != EINPROGRESS) {
    error_ = errno;
    close_descriptor();
    return false;
  }
  return watch();  // Connected or not, the next turn tells: never within dial().
}

Target PollTransport::Dial::peer() const {
  const SocketAddress& at = addresses[next - 1];
  return at.family() == AF_UNIX ? target : Target{at.host(), target.port};
}

void PollTransport::on_connect_event() {
  error_ = 0;
  error_ = socket_error();
  if (error_ != 0) {
    unwatch();
    close_descriptor();
    return dial_next();
  }
  phase_ = Phase::open;
  const Target peer = dial_->peer();
  dial_.reset();
  arm();
  endpoint_->on_open(peer);
}

}  // namespace weir::proxy::io
