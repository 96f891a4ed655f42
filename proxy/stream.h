// stream.h: one connection's bytes: transport, codec, outbox, and what was read too early.
//
// The user is given bytes and takes what it can use now; the rest is kept, reading stops, and
// resume_feeding() offers it again. A stream that feeds another (a client its server, a server
// its client) is throttled while the other cannot get rid of what it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "pool/list.h"
#include "protocol/result.h"
#include "proxy/codec.h"
#include "proxy/outbox.h"
#include "proxy/turn.h"
#include "proxy/world.h"

namespace weir::proxy {

inline constexpr std::size_t kOutboxHighBytes = 128 * 1024;  // Above: the feeder is throttled.
inline constexpr std::size_t kOutboxLowBytes = 32 * 1024;    // Below: it may go on.

class StreamUser {
 public:
  virtual void on_open(const Target&) {}  // What a dial has reached.
  // Returns how many of the bytes it has taken. It may close the stream.
  virtual std::size_t on_bytes(Bytes bytes) = 0;
  // All that was put has gone to the kernel. Only after tell_when_sent().
  virtual void on_sent() {}
  // 0: the peer hung up; else an errno. The user closes the stream.
  virtual void on_gone(int error) = 0;
  // Only after encrypt(): the handshake is over; or encryption has failed, the peer has been told
  // so, and the user closes the stream.
  virtual void on_secured() {}
  virtual void on_broken(const Fault&) {}

 protected:
  ~StreamUser() = default;
};

class Stream final : public pool::Link, private Endpoint {
 public:
  Stream(Turn& turn, StreamUser& user) : turn_(turn), user_(user) {}
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void dial(World& world, const Target& target) { transport_ = world.dial(target, *this); }
  // A client sends its first bytes with its connection: whoever has just adopted it need not wait
  // for another turn. The user may have closed the stream afterwards.
  void look() {
    if (transport_) transport_->look();
  }
  // `codec`: none, or the one that detach() gave.
  void adopt(World& world, Socket socket, std::unique_ptr<Codec> codec = {});
  struct Detached {
    Socket socket;
    std::unique_ptr<Codec> codec;  // None: in plain text.
  };
  // REQUIRES: quiet().
  Detached detach();
  void close();
  bool is_open() const { return transport_ != nullptr; }
  // Nothing waits in either direction.
  bool quiet() const;

  // From now on all bytes pass through `codec`; what was put before goes out as it is. `read`: the
  // first records, when they have come already. on_secured() or on_broken() follows, never within
  // this call. REQUIRES: nothing is unread, nothing is put before on_secured().
  void encrypt(std::unique_ptr<Codec> codec, Bytes read = {});
  // None: in plain text.
  const Codec* codec() const { return sealed_ ? sealed_->codec.get() : nullptr; }
  // For the Turn: a step of the handshake that had to wait its turn.
  void shake();

  // It does not read: whoever it feeds has to get rid of what it has first.
  bool throttled() const { return throttled_; }
  // Something of what was put has not gone to the kernel yet.
  bool sends() const { return unsent_bytes() > 0; }
  std::size_t unsent_bytes() const { return stored_bytes(); }
  // The peer does not take what it is sent.
  bool congested() const { return stored_bytes() > kOutboxHighBytes; }

  // `bytes` must stay where they are until this event is over.
  void put(Bytes bytes);
  void put_copy(Bytes bytes);
  void flush();

  // Until resume_feeding() the user gets no bytes and the transport is not read.
  void stop_feeding();
  void resume_feeding();
  // Throws away what was read and not taken.
  void drop_unread();

  // While `feeder` is set, it is throttled when this stream's outbox runs full.
  void set_feeder(Stream* feeder);

  // Calls on_sent() once, when nothing is left to send.
  void tell_when_sent() { tell_sent_ = true, turn_.touch(*this); }
  // Half-closes when nothing is left to send.
  void finish_when_sent() { finish_ = true, turn_.touch(*this); }

 private:
  void on_open(const Target& peer) override;
  void on_bytes(Bytes bytes) override;
  void on_writable() override;
  void on_gone(int error) override;

  // What encryption needs besides.
  //   outbox_: plaintext --seal--> wire: records that the kernel did not take
  struct Sealed {
    explicit Sealed(std::unique_ptr<Codec> by, Outbox first = {})
        : codec(std::move(by)), wire(std::move(first)) {}
    std::unique_ptr<Codec> codec;
    Outbox wire;
    Buffer waiting = {};          // Records of a handshake that has to wait its turn.
    bool waits_to_shake = false;  // Known to the Turn.
    bool ended = false;           // close_notify has been put.
  };

  // Whether the connection is still the one that it was: a user may dial anew within a callback.
  bool is_still(std::uint32_t connection) const { return is_open() && connection_ == connection; }
  void take_records(Bytes records);
  void open(Bytes records);
  void break_off(const Fault& fault);
  void wait_to_shake(Bytes records);
  void flush_sealed();
  void end_sealed();
  std::size_t stored_bytes() const;
  void feed(Bytes bytes);
  void keep(Bytes bytes);
  void throttle(bool on);
  void steer_reads();

  Turn& turn_;
  StreamUser& user_;
  TransportPtr transport_;
  std::unique_ptr<Sealed> sealed_;
  Outbox outbox_;
  Block unread_;
  std::uint32_t unread_bytes_ = 0;
  std::uint32_t connection_ = 0;  // Counts those that were closed.
  bool stopped_ = false;          // By the user.
  bool throttled_ = false;        // By whom it feeds.
  enum class Reads : std::uint8_t { on, off, off_but_watching };
  Reads reads_ = Reads::on;  // What the transport was last told.
  bool finish_ = false;
  bool finished_ = false;
  bool tell_sent_ = false;
  Stream* feeder_ = nullptr;
};

}  // namespace weir::proxy
