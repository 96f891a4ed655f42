// world.h: the seam between the workers and the street. Everything a worker cannot decide by
// itself (bytes, connections, time, chance, the other workers) comes and goes through here.
//
// Behind it: proxy/io (libuv; io_uring to come) and the simulator in tests/sim.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "pool/instant.h"
#include "protocol/bytes.h"
#include "protocol/result.h"

namespace weir::proxy {

struct Mail;

// Where a peer is, as the engine saw it. Small, because every client carries one.
struct Address {
  enum class Family : std::uint8_t { none, unix_socket, ip4, ip6 };
  Family family = Family::none;
  std::uint16_t port = 0;             // Host order.
  std::array<std::uint8_t, 16> ip{};  // The first four for ip4.
  // "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::string text() const;
};

// Where to dial. `host` is a name, an address, a directory ("/run/postgresql": the socket
// .s.PGSQL.<port> in it) or an abstract one ("@pg").
struct Target {
  std::string host;
  std::uint16_t port = 5432;
  bool operator==(const Target&) const = default;
};

// A connection that travels between workers: a descriptor, or the simulator's number for one.
using Socket = int;

// What on_gone() tells for a name that has no address: no connect(2) to an address says it.
inline constexpr int kNameUnknown = 6;  // ENXIO

// What a transport tells its owner. The owner may close the transport inside any of these.
class Endpoint {
 public:
  // A dialled transport is connected, to `peer`: an address, never a name, so that to dial it again
  // reaches the same peer or none. Borrowed until it returns.
  virtual void on_open(const Target& peer) = 0;
  virtual void on_bytes(Bytes bytes) = 0;  // Borrowed until it returns.
  virtual void on_writable() = 0;          // After write() took less than it was given.
  // The peer hung up (0) or the connection failed (an errno, or kNameUnknown): once, and nothing
  // after it.
  virtual void on_gone(int error) = 0;

 protected:
  ~Endpoint() = default;
};

// Whether a paused transport still tells that the peer has hung up. Telling loses what the peer
// had sent before: right for one that waits in line, wrong for one that is only slowed down.
enum class HangUp : std::uint8_t { told, after_resume };

// One connection. Owned through TransportPtr; dropping that closes it.
class Transport {
 public:
  // Sends what can be taken now of `first`, then `second`; returns the bytes taken. When that is
  // less than all, on_writable() follows. On a broken connection it takes all: on_gone() follows.
  // Nothing is kept of the borrowed bytes.
  virtual std::size_t write(Bytes first, Bytes second) = 0;
  // No on_bytes() until resume(). May be called again with another `hang_up`.
  virtual void pause(HangUp hang_up) = 0;
  virtual void resume() = 0;
  // Reads what has come already, within this call; a world that need not be asked does nothing.
  virtual void look() {}
  // No more will be written: tells the peer so, and reading goes on.
  virtual void finish() = 0;
  // Gives the connection up for another worker to adopt. REQUIRES: open, everything written. An
  // on_writable() that is still due never comes.
  virtual Socket detach() = 0;
  // No more calls to the endpoint; the memory goes when the engine can.
  virtual void close() = 0;

 protected:
  ~Transport() = default;
};

struct TransportCloser {
  void operator()(Transport* transport) const { transport->close(); }
};
using TransportPtr = std::unique_ptr<Transport, TransportCloser>;

inline constexpr Instant kCommandTimeMax = 30 * kSecond;

// What a command has printed.
class CommandUser {
 public:
  // Once: its output without the last newline, or what went wrong. May drop the command.
  virtual void on_output(Result<std::string> output) = 0;

 protected:
  ~CommandUser() = default;
};

// A command that runs. Dropping it ends the command.
class RunningCommand {
 public:
  virtual ~RunningCommand() = default;
};
using CommandPtr = std::unique_ptr<RunningCommand>;

class World {
 public:
  // Read once a turn of the loop.
  virtual Instant now() const = 0;
  // Seconds since 1970, for people.
  virtual std::int64_t wall_clock_s() const = 0;
  virtual void random(std::span<std::uint8_t> out) = 0;
  // Starts to connect: on_open() or on_gone() follows, never within this call. Names are looked
  // up; every address is tried in turn.
  virtual TransportPtr dial(const Target& target, Endpoint& endpoint) = 0;
  // Whether `host` leads to this address of a peer, as far as is known. A name of which something
  // older than dns_max_ttl is known is looked up again: the next call may say otherwise.
  virtual bool leads_to(const std::string& host, const std::string& address) = 0;
  // An accepted connection, or one that another worker detached. Reads begin with the next turn.
  virtual TransportPtr adopt(Socket socket, Endpoint& endpoint) = 0;
  // Runs it by the shell, for kCommandTimeMax at the most: on_output() follows, never within this
  // call.
  virtual CommandPtr run(const std::string& command, CommandUser& user) = 0;
  // The system's name for this user; nothing: it has none.
  virtual std::optional<std::string> user_name(std::uint32_t uid) = 0;
  // Another worker (or this one) gets the mail in a later turn, in order per sender.
  virtual void post(std::size_t worker, Mail mail) = 0;

 protected:
  ~World() = default;
};

}  // namespace weir::proxy
