// listener.h: the doors that clients come in by: TCP sockets and one unix socket. It accepts on
// one loop and hands each connection to a callback; who serves it is the caller's choice.
//
// When descriptors run short it stops asking epoll, so it never spins, and tries again by itself.
// The unix door outlasts the others: the operator must reach the console just then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/settings.h"
#include "proxy/io/loop.h"

namespace weir::proxy::io {

inline constexpr int kAcceptsPerTurn = 64;
inline constexpr std::uint64_t kAcceptRetryMs = 100;
inline constexpr std::int64_t kUnixReserve = 8;  // Descriptors that TCP leaves to the unix door.
inline constexpr std::int64_t kOwnDescriptors = 32;  // Logs, epoll, wake-ups, DNS: not connections.

struct ListenerOptions {
  std::vector<std::string> addresses = {};  // Literals, names, or "*" for all of IPv4 and IPv6.
  std::uint16_t port = 6432;                // 0: any free one, the same for all addresses.
  int backlog = 128;
  bool shared_port = false;   // SO_REUSEPORT.
  std::string unix_dir = {};  // Empty: no unix socket. "@name": abstract.
  int unix_mode = 0777;
  std::string unix_group = {};
  // Where the operator asked for them, as `file:line: `: stands before a complaint.
  std::string tcp_said_at = {};
  std::string unix_said_at = {};
  // Accepting by TCP pauses when fewer than `reserve` of `descriptors_max` (see open_files.h) would
  // be left for more server connections, and kUnixReserve for the unix door. The unix door pauses
  // when clients alone leave servers less than `reserve`. Connections are counted by the Street.
  // 0: no such limit.
  std::int64_t descriptors_max = 0;
  std::int64_t reserve = 0;

  static ListenerOptions from(const config::Settings& settings);
};

struct ListenerCalls {
  // The connection is the callee's: to be adopted, posted, or given to Street::drop().
  // `peer_uid`: the user at the other end of a unix socket; nothing for TCP.
  std::function<void(Socket connection, const Address& peer, std::optional<std::uint32_t> peer_uid)>
      on_accept;
  // Accepting has paused for want of descriptors or memory (an errno). Once a pause.
  std::function<void(int error)> on_full;
  // How many of the Street's connections are to servers. May be left out: none.
  std::function<std::int64_t()> servers = {};
};

class Listener {
 public:
  // Binds everything or nothing. A fault's text is a sentence that names address and port.
  static Result<std::unique_ptr<Listener>> open(Loop& loop, const ListenerOptions& options,
                                                ListenerCalls calls);
  // Listens to nothing: for open().
  Listener(Loop& loop, const ListenerOptions& options, ListenerCalls calls);
  ~Listener();  // Not within a callback; stop() may be.
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }  // Of the TCP listeners; as asked if there are none.
  const std::string& unix_path() const { return unix_path_; }  // Empty: none. "@…": abstract.
  bool paused() const { return tcp_.paused || unix_.paused; }
  // Descriptors have been freed: try at once. Nothing happens unless it had paused.
  void resume();
  void stop_tcp();
  void stop_unix();  // And removes the socket file if it is still ours.
  void stop() {
    stop_tcp();
    stop_unix();
  }

 private:
  struct Door;
  Result<void> open_tcp(const std::string& address);
  Result<void> open_unix();
  Result<void> watch(int descriptor, bool is_unix);
  void accept_some(Door& door);
  bool accept_one(Door& door);
  bool has_room(const Door& door) const;
  void pause(const Door& door, int error);

  struct Clock;
  Loop& loop_;
  ListenerOptions options_;
  ListenerCalls calls_;
  std::uint16_t port_ = 0;
  std::string unix_path_;
  std::uint64_t unix_inode_ = 0;
  // All TCP doors pause together, the unix door by itself.
  struct Rest {
    bool paused = false;
    bool told = false;  // Until a connection is accepted again.
  };
  Rest& rest_of(const Door& door);
  Rest tcp_;
  Rest unix_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::unique_ptr<Clock> clock_;
};

}  // namespace weir::proxy::io
