#include "proxy/stream.h"

#include <algorithm>
#include <cstring>

#include "protocol/check.h"
#include "protocol/plant.h"

namespace weir::proxy {

void Turn::touch(Stream& stream) {
  if (stream.next == nullptr) touched_.push_back(stream);
}

void Turn::forget(Stream& stream) {
  if (stream.next != nullptr) touched_.remove(stream);
}

void Turn::flush_touched() {
  while (Stream* stream = touched_.front()) {
    touched_.remove(*stream);
    stream->flush();
  }
  for (Block& block : retired_) blocks.give(std::move(block));
  retired_.clear();
}

void Stream::adopt(World& world, Socket socket, std::unique_ptr<Codec> codec) {
  transport_ = world.adopt(socket, *this);
  if (codec) sealed_ = std::make_unique<Sealed>(std::move(codec));
}

Stream::Detached Stream::detach() {
  WEIR_CHECK(quiet());
  Detached out{transport_->detach(), sealed_ ? std::move(sealed_->codec) : nullptr};
  close();
  return out;
}

bool Stream::quiet() const {
  const bool sealed_quiet = !sealed_ || (sealed_->wire.empty() && sealed_->codec->quiet());
  return is_open() && outbox_.empty() && !unread_ && sealed_quiet;
}

void Stream::close() {
  ++connection_;
  set_feeder(nullptr);
  turn_.forget(*this);
  transport_.reset();
  outbox_.clear(turn_.blocks);
  if (sealed_) {
    if (sealed_->waits_to_shake) turn_.forget_shake(*this);
    sealed_->wire.clear(turn_.blocks);
    sealed_.reset();
  }
  drop_unread();
}

void Stream::put(Bytes bytes) {
  if (!is_open()) return;
  outbox_.put(bytes, turn_.blocks);
  turn_.touch(*this);
}

void Stream::put_copy(Bytes bytes) {
  if (!is_open()) return;
  outbox_.put_copy(bytes, turn_.blocks);
  turn_.touch(*this);
}

void Stream::flush() {
  if (!is_open()) return;
  if (sealed_) {
    flush_sealed();
    if (!is_open()) return;
  } else {
    outbox_.flush([this](Bytes first, Bytes second) { return transport_->write(first, second); },
                  turn_.blocks);
  }
  if (feeder_ != nullptr && congested()) feeder_->throttle(true);
  if (stored_bytes() > 0) return;
  if (finish_ && !finished_) {
    if (sealed_ && !sealed_->ended) return end_sealed();
    finished_ = true;
    transport_->finish();
  }
  if (std::exchange(tell_sent_, false)) user_.on_sent();
}

void Stream::stop_feeding() {
  stopped_ = true;
  steer_reads();
}

void Stream::resume_feeding() {
  stopped_ = false;
  if (unread_) {
    // What is fed may be borrowed until the flush: the block is retired, not given back.
    const Bytes bytes{unread_.bytes.get(), unread_bytes_};
    turn_.retire(std::move(unread_));
    unread_ = {};
    unread_bytes_ = 0;
    feed(bytes);
  }
  if (!planted(Plant::unread_pause)) steer_reads();
}

void Stream::drop_unread() {
  if (unread_) turn_.retire(std::move(unread_));
  unread_ = {};
  unread_bytes_ = 0;
}

void Stream::set_feeder(Stream* feeder) {
  if (feeder_ != nullptr && feeder_ != feeder) feeder_->throttle(false);
  feeder_ = feeder;
  if (feeder_ != nullptr && congested()) feeder_->throttle(true);
}

void Stream::on_open(const Target& peer) {
  user_.on_open(peer);
  turn_.settle();
}

void Stream::on_bytes(Bytes bytes) {
  sealed_ ? take_records(bytes) : feed(bytes);
  turn_.settle();
}

void Stream::on_writable() {
  flush();
  if (feeder_ != nullptr && stored_bytes() < kOutboxLowBytes) feeder_->throttle(false);
  turn_.settle();
}

void Stream::on_gone(int error) {
  user_.on_gone(error);
  turn_.settle();
}

void Stream::feed(Bytes bytes) {
  const std::uint32_t connection = connection_;
  const std::size_t taken = stopped_ || unread_ ? 0 : user_.on_bytes(bytes);
  if (!is_still(connection) || taken == bytes.size()) return;
  keep(bytes.subspan(taken));
  steer_reads();
}

void Stream::keep(Bytes bytes) {
  const std::size_t wanted = unread_bytes_ + bytes.size();
  if (wanted > unread_.capacity) {
    Block larger = turn_.blocks.take(wanted);
    if (unread_bytes_ > 0) std::memcpy(larger.bytes.get(), unread_.bytes.get(), unread_bytes_);
    if (unread_) turn_.retire(std::move(unread_));
    unread_ = std::move(larger);
  }
  std::memcpy(unread_.bytes.get() + unread_bytes_, bytes.data(), bytes.size());
  unread_bytes_ = static_cast<std::uint32_t>(wanted);
}

void Stream::throttle(bool on) {
  throttled_ = on;
  steer_reads();
}

void Stream::steer_reads() {
  // Who waits in line is watched; who is only slowed down is still owed all that it has sent.
  const bool waits = sealed_ && sealed_->waits_to_shake;
  const Reads want = stopped_                         ? Reads::off_but_watching
                     : throttled_ || unread_ || waits ? Reads::off
                                                      : Reads::on;
  if (!is_open() || want == reads_) return;
  reads_ = want;
  if (want == Reads::on) return transport_->resume();
  transport_->pause(want == Reads::off ? HangUp::after_resume : HangUp::told);
}

}  // namespace weir::proxy
