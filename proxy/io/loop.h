// loop.h: libuv's side of the seam. A Street owns one Loop per worker thread; a Loop is the World
// of its worker and calls nobody but the TurnTaker and the Endpoints of that worker.
//
// uv.h is not seen from here: the machinery is an Engine (engine.h, private to this folder).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "proxy/io/socket_options.h"
#include "proxy/mail.h"
#include "proxy/turn_taker.h"
#include "proxy/world.h"

struct uv_loop_s;

namespace weir::proxy::io {

class Engine;
class Street;

inline constexpr std::size_t kReadBlockBytes = 64 * 1024;  // One a loop, lent to every read.

// System calls made by the transports and doors of one loop: what a query and a login must not cost
// more of.
struct IoCounts {
  std::uint64_t accepts = 0;
  std::uint64_t reads = 0;
  std::uint64_t sends = 0;
  std::uint64_t interest_changes = 0;  // Each is a pair of epoll_ctl calls.
};

// Everything but post() belongs to the thread that calls run(). Transports, listeners and signals
// on a loop must be gone before the Street is.
class Loop final : public World {
 public:
  explicit Loop(Street& street);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Takes turns until `taker` is finished, which is asked at the end of each turn.
  void run(TurnTaker& taker);

  Instant now() const override;
  std::int64_t wall_clock_s() const override;
  void random(std::span<std::uint8_t> out) override;
  TransportPtr dial(const Target& target, Endpoint& endpoint) override;
  bool leads_to(const std::string& host, const std::string& address) override;
  TransportPtr adopt(Socket socket, Endpoint& endpoint) override;
  CommandPtr run(const std::string& command, CommandUser& user) override;
  // Blocks for as long as the system's directory of users takes.
  std::optional<std::string> user_name(std::uint32_t uid) override;
  void post(std::size_t worker, Mail mail) override;  // From any thread.

  const IoCounts& counts() const;
  Street& street() { return street_; }
  // For the rest of this folder.
  uv_loop_s* raw();
  Engine& engine() { return *engine_; }

 private:
  Street& street_;
  std::unique_ptr<Engine> engine_;
};

// All loops of the process. Threads that run them are the caller's, and joined before it goes:
// letters that nobody took out are then dropped, and the connections in them closed.
class Street {
 public:
  explicit Street(std::size_t workers, const SocketOptions& options = {});
  ~Street();

  std::size_t size() const { return loops_.size(); }
  Loop& operator[](std::size_t worker) { return *loops_[worker]; }

  // All below from any thread.
  void post(std::size_t worker, Mail mail);
  // For connections that are dialled or adopted from now on.
  void set_options(const SocketOptions& options);
  SocketOptions options() const;
  // How long the addresses of a name are kept once they have been found. Those that are kept
  // already stay for as long as they were meant to.
  void keep_names_for(Instant span) { names_kept_.store(span, std::memory_order_relaxed); }
  Instant names_kept() const { return names_kept_.load(std::memory_order_relaxed); }
  // Connections open now: accepted or dialled, in a transport or on their way in the mail.
  std::int64_t connections() const { return connections_.load(std::memory_order_relaxed); }
  void count_connection(std::int64_t change) {
    connections_.fetch_add(change, std::memory_order_relaxed);
  }
  // Closes an accepted or detached socket that nobody is going to adopt.
  void drop(Socket socket);

 private:
  mutable std::mutex options_mutex_;
  SocketOptions options_;
  std::atomic<std::int64_t> connections_ = 0;
  std::atomic<Instant> names_kept_ = 15 * kSecond;
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace weir::proxy::io
