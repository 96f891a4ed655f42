#include "tests/street/peer.h"

#include "tests/street/fake_world.h"

namespace weir::street {

void Peer::send(Bytes bytes) {
  if (finished_ || error_ != 0 || closed_) return;
  inward_.insert(inward_.end(), bytes.begin(), bytes.end());
  if (in_flight() > 0) net_.queue(FakeNet::Kind::inward, *this);
}

void Peer::finish() {
  if (std::exchange(finished_, true) || closed_) return;
  net_.queue(FakeNet::Kind::gone, *this);
}

void Peer::close() {
  deaf_ = true;
  set_reading(true);
  finish();
}

void Peer::reset(int error) {
  if (closed_ || error_ != 0) return;
  error_ = error;
  deaf_ = true;
  set_reading(true);
  net_.queue(FakeNet::Kind::gone, *this);
}

void Peer::set_reading(bool reading) {
  reading_ = reading;
  if (!outward_.empty() || (outward_over_ && !ended_)) net_.queue(FakeNet::Kind::outward, *this);
}

void Peer::set_capacity(std::size_t bytes) {
  capacity_ = bytes;
  if (write_wanted_) net_.queue(FakeNet::Kind::writable, *this);
}

bool Peer::paused() const { return transport_ != nullptr && transport_->paused_; }

}  // namespace weir::street
