// stream_sealed.cc: a stream whose bytes pass through a codec.
#include <utility>

#include "protocol/check.h"
#include "proxy/stream.h"

namespace weir::proxy {

void Stream::encrypt(std::unique_ptr<Codec> codec, Bytes read) {
  WEIR_CHECK(!sealed_ && !unread_);
  outbox_.keep(turn_.blocks);
  sealed_ = std::make_unique<Sealed>(std::move(codec), std::exchange(outbox_, {}));
  Buffer hello;
  if (const auto begun = sealed_->codec->begin(hello); !begun) {
    // Nothing has been said yet: what is wrong is found again with the peer's first record.
    return wait_to_shake(read);
  }
  sealed_->wire.put_copy(hello, turn_.blocks);
  turn_.touch(*this);
  if (!read.empty()) wait_to_shake(read);
}

void Stream::take_records(Bytes records) {
  if (!sealed_->codec->established() && !turn_.may_shake()) return wait_to_shake(records);
  open(records);
}

void Stream::open(Bytes records) {
  Codec& codec = *sealed_->codec;
  const std::uint32_t connection = connection_;
  const bool shaking = !codec.established();
  turn_.plain.clear();
  Buffer reply;
  const auto opened = codec.open(records, turn_.plain, reply);
  sealed_->wire.put_copy(reply, turn_.blocks);
  if (!opened) return break_off(opened.error());
  if (!reply.empty()) turn_.touch(*this);
  if (shaking && codec.established()) user_.on_secured();
  if (is_still(connection) && !turn_.plain.empty()) feed(turn_.plain);
  // The peer says no more; its hang-up may wait until ours.
  if (is_still(connection) && codec.peer_finished() && !unread_) user_.on_gone(0);
}

void Stream::break_off(const Fault& fault) {
  const std::uint32_t connection = connection_;
  flush();  // The alert.
  if (is_still(connection)) user_.on_broken(fault);
}

void Stream::wait_to_shake(Bytes records) {
  sealed_->waiting.insert(sealed_->waiting.end(), records.begin(), records.end());
  if (!std::exchange(sealed_->waits_to_shake, true)) turn_.queue_shake(*this);
  steer_reads();
}

void Stream::shake() {
  sealed_->waits_to_shake = false;
  const Buffer records = std::exchange(sealed_->waiting, {});
  const std::uint32_t connection = connection_;
  open(records);
  if (is_still(connection)) steer_reads();
}

// Records that the kernel has not taken go first; only when there are none is more sealed.
void Stream::flush_sealed() {
  Outbox& wire = sealed_->wire;
  const auto write = [this](Bytes first, Bytes second) { return transport_->write(first, second); };
  wire.flush(write, turn_.blocks);
  if (!wire.empty() || outbox_.empty() || !sealed_->codec->established()) {
    return outbox_.keep(turn_.blocks);
  }
  turn_.records.clear();
  Result<void> sealed;
  outbox_.flush(
      [&](Bytes first, Bytes second) {
        for (const Bytes part : {first, second}) {
          if (sealed && !part.empty()) sealed = sealed_->codec->seal(part, turn_.records);
        }
        return first.size() + second.size();
      },
      turn_.blocks);
  wire.put(turn_.records, turn_.blocks);
  wire.flush(write, turn_.blocks);
  if (!sealed) user_.on_broken(sealed.error());
}

// Says that this was all before it half-closes.
void Stream::end_sealed() {
  sealed_->ended = true;
  turn_.records.clear();
  sealed_->codec->finish(turn_.records);
  sealed_->wire.put_copy(turn_.records, turn_.blocks);
  flush();
}

std::size_t Stream::stored_bytes() const {
  return outbox_.stored_bytes() + (sealed_ ? sealed_->wire.stored_bytes() : 0);
}

}  // namespace weir::proxy
