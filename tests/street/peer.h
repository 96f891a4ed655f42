// peer.h: the test's end of a connection to pgweir: a client it accepted, or a server it dialled.
//
//   Peer --send()--> [ inward ] --chunks--> Endpoint   pgweir
//   received <--chunks-- [ outward, of a capacity ] <--write()--   pgweir
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include "protocol/bytes.h"
#include "proxy/world.h"

namespace weir::street {

class FakeNet;
class FakeTransport;

class Peer {
 public:
  Peer(FakeNet& net, proxy::Socket its_number, proxy::Target its_target)
      : number(its_number), target(std::move(its_target)), net_(net) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const proxy::Socket number;  // Never used again for another connection.
  // Where pgweir dialled: the name, and once connected the address. An empty host: it was accepted.
  proxy::Target target;

  // Takes all; in_flight() says how much of it has not arrived yet.
  void send(Bytes bytes);
  std::size_t in_flight() const { return inward_.size() - inward_begin_; }
  void finish();          // Sends no more, still reads.
  void close();           // Neither sends nor reads; pgweir sees the hang-up behind the bytes.
  void reset(int error);  // pgweir sees the errno.
  void set_reading(bool reading);
  void set_capacity(std::size_t bytes);

  Buffer received;  // What has arrived and was not taken.
  Buffer take() { return std::exchange(received, {}); }
  // pgweir sends no more, and all it sent has arrived.
  bool ended() const { return ended_; }
  // pgweir has let go of the connection whole (it may still be read from).
  bool closed() const { return closed_; }
  bool connected() const { return connected_; }
  // Bytes that pgweir has written and that have not arrived.
  std::size_t outward_bytes() const { return outward_.size(); }
  bool paused() const;  // pgweir does not read.

  std::function<void()> on_event;  // Bytes have arrived, or the end.

 private:
  friend class FakeNet;
  friend class FakeTransport;
  friend class FakeWorld;

  FakeNet& net_;
  FakeTransport* transport_ = nullptr;  // None while it travels and when it is closed.
  Buffer inward_;
  std::size_t inward_begin_ = 0;
  Buffer outward_;
  std::size_t capacity_ = 64 * 1024;
  unsigned queued_ = 0;  // Kinds of events that wait, a bit each.
  int error_ = 0;        // Reset by us.
  bool connected_ = false;
  bool finished_ = false;  // By us.
  bool reading_ = true;
  bool deaf_ = false;          // Closed by us: what comes is thrown away.
  bool outward_over_ = false;  // pgweir has finished or closed.
  bool write_wanted_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace weir::street
