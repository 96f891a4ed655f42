#include "proxy/io/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/io/engine.h"
#include "proxy/io/socket_address.h"
#include "proxy/io/socket_options.h"
#include "proxy/io/unix_door.h"

namespace weir::proxy::io {

namespace {

constexpr const char* kSystemError = "58000";
constexpr int kTurnsOfOne = 3;
constexpr int kFullTurnsMax = 16;

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// As the kernel noted it when the peer connected: no later change of user counts.
std::optional<std::uint32_t> uid_of_peer(int descriptor) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
}

std::string place(const SocketAddress& address) { return address.for_people().text(); }

tl::unexpected<Fault> refuse(const SocketAddress& address, int error) {
  return fail(kSystemError, "cannot listen on " + place(address) + ": " + std::strerror(error));
}

// A bound and listening descriptor, or minus an errno.
int listen_at(const SocketAddress& address, const ListenerOptions& options) {
  const int descriptor = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  const int yes = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (options.shared_port) setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
  apply_to_all(descriptor);
  if (address.family() == AF_INET6) {
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
  }
  if (::bind(descriptor, address.get(), address.length) == 0 &&
      ::listen(descriptor, options.backlog) == 0) {
    return descriptor;
  }
  const int error = errno;
  ::close(descriptor);
  return -error;
}

std::uint16_t port_of(int descriptor) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  getsockname(descriptor, address.get(), &address.length);
  return address.port();
}

}  // namespace

struct Listener::Door {
  Listener& listener;
  int descriptor;
  bool is_unix;
  bool defers = false;
  int full_turns = 0;  // In a row, in which the queue gave as many as were asked of it.
  UvPtr<uv_poll_t> watcher;

  Door(Listener& owner, int listening, bool unix_socket)
      : listener(owner), descriptor(listening), is_unix(unix_socket) {}
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  // libuv first: it takes the number out of epoll, and the number is free afterwards.
  ~Door() {
    watcher.reset();
    ::close(descriptor);
  }
  // Whoever has come already is where he is.
  void defer(bool on) {
    if (std::exchange(defers, on) != on) defer_accept(descriptor, on);
  }
  void open() {
    uv_poll_start(watcher.get(), UV_READABLE, [](uv_poll_t* poll, int, int) {
      auto* door = static_cast<Door*>(poll->data);
      door->listener.loop_.engine().begin_turn();
      door->listener.accept_some(*door);
    });
  }
};

struct Listener::Clock {
  UvPtr<uv_timer_t> timer;
};

ListenerOptions ListenerOptions::from(const config::Settings& settings) {
  return {.addresses = settings.listen_addr,
          .port = static_cast<std::uint16_t>(settings.listen_port),
          .backlog = settings.listen_backlog,
          .shared_port = settings.so_reuseport,
          .unix_dir = settings.unix_socket_dir,
          .unix_mode = settings.unix_socket_mode,
          .unix_group = settings.unix_socket_group};
}

Listener::Listener(Loop& loop, const ListenerOptions& options, ListenerCalls calls)
    : loop_(loop), options_(options), calls_(std::move(calls)), port_(options.port) {
  clock_ = std::make_unique<Clock>(Clock{make_watcher<uv_timer_t>(
      [this](uv_timer_t* fresh) { return uv_timer_init(loop_.raw(), fresh); })});
  clock_->timer->data = this;
}

Listener::~Listener() { stop(); }

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const ListenerOptions& options,
                                                 ListenerCalls calls) {
  auto listener = std::make_unique<Listener>(loop, options, std::move(calls));
  for (const std::string& address : options.addresses) {
    if (auto opened = listener->open_tcp(address); !opened) {
      return fail(kSystemError, options.tcp_said_at + opened.error().text);
    }
  }
  if (!options.unix_dir.empty()) {
    if (auto opened = listener->open_unix(); !opened) {
      return fail(kSystemError, options.unix_said_at + opened.error().text);
    }
  }
  return listener;
}

Result<void> Listener::open_tcp(const std::string& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const char* name = address == "*" ? nullptr : address.c_str();
  const int status = getaddrinfo(name, "0", &hints, &found);
  if (status != 0) {
    return fail(kSystemError, "cannot listen on " + address + " port " + std::to_string(port_) +
                                  ": " + gai_strerror(status));
  }
  std::vector<SocketAddress> places;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    places.push_back(SocketAddress::copy(*at));
  }
  freeaddrinfo(found);
  const std::size_t doors_before = doors_.size();
  SocketAddress missing;
  for (SocketAddress& at : places) {
    at.set_port(port_);
    const int descriptor = listen_at(at, options_);
    // "*" and names mean whatever the machine has: one without IPv6 still listens.
    if (descriptor == -EAFNOSUPPORT || descriptor == -EADDRNOTAVAIL) {
      missing = at;
      if (places.size() > 1) continue;
    }
    if (descriptor < 0) return refuse(at, -descriptor);
    if (auto watched = watch(descriptor, false); !watched) return watched;
    port_ = port_of(descriptor);
  }
  if (doors_.size() == doors_before) return refuse(missing, EADDRNOTAVAIL);
  return {};
}

Result<void> Listener::open_unix() {
  const UnixPlace where{.path = unix_socket_path(options_.unix_dir, port_),
                        .mode = options_.unix_mode,
                        .group = options_.unix_group,
                        .backlog = options_.backlog};
  auto opened = open_unix_door(where);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  unix_path_ = where.path;
  unix_inode_ = opened->inode;
  return watch(opened->descriptor, true);
}

Result<void> Listener::watch(int descriptor, bool is_unix) {
  auto door = std::make_unique<Door>(*this, descriptor, is_unix);
  door->watcher = make_watcher<uv_poll_t>([this, descriptor](uv_poll_t* fresh) {
    return uv_poll_init(loop_.raw(), fresh, descriptor);
  });
  if (!door->watcher) return fail(kSystemError, "cannot watch a listening socket");
  door->watcher->data = door.get();
  if (!is_unix) door->defer(loop_.street().options().defer_accept);
  door->open();
  doors_.push_back(std::move(door));
  return {};
}

// A bound, so that a storm of clients does not keep those inside waiting. To find the queue empty
// costs as much as to take one in, so a client or two are taken alone, and more at a time only when
// the queue goes on. The callback may stop the listener: `door` is then gone, and all that is left
// is to leave.
void Listener::accept_some(Door& door) {
  const std::size_t doors = doors_.size();
  const int most = door.full_turns < kTurnsOfOne
                       ? 1
                       : std::min(kAcceptsPerTurn, 2 << (door.full_turns - kTurnsOfOne));
  for (int count = 0; count < most; ++count) {
    const bool more = accept_one(door);
    if (doors_.size() != doors) return;
    if (!more) {
      door.full_turns = 0;
      return;
    }
  }
  door.full_turns = std::min(door.full_turns + 1, kFullTurnsMax);
}

bool Listener::accept_one(Door& door) {
  Street& street = loop_.street();
  if (!has_room(door)) {
    pause(door, EMFILE);
    return false;
  }
  const SocketOptions options = street.options();
  if (!door.is_unix) door.defer(options.defer_accept);
  SocketAddress peer;
  peer.length = sizeof(peer.storage);
  ++loop_.engine().counts.accepts;
  const int descriptor =
      ::accept4(door.descriptor, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    rest_of(door).told = false;
    street.count_connection(1);
    Address address = peer.for_people();
    std::optional<std::uint32_t> peer_uid;
    if (door.is_unix) {
      address = {.family = Address::Family::unix_socket};
      peer_uid = uid_of_peer(descriptor);
    } else {
      apply(options, descriptor);
    }
    calls_.on_accept(descriptor, address, peer_uid);
    return true;
  }
  const int error = errno;
  if (is_shortage(error)) pause(door, error);
  // A client that has left the queue already costs nobody else his turn.
  return error == ECONNABORTED || error == EINTR;
}

bool Listener::has_room(const Door& door) const {
  if (options_.descriptors_max <= 0) return true;
  const std::int64_t room = options_.descriptors_max - kOwnDescriptors - options_.reserve;
  const std::int64_t connections = loop_.street().connections();
  if (!door.is_unix) return connections + (options_.unix_dir.empty() ? 0 : kUnixReserve) < room;
  // Servers that came after the last client by TCP live in their reserve, not in this door's.
  const std::int64_t servers = calls_.servers ? calls_.servers() : 0;
  return connections - std::min(servers, options_.reserve) < room;
}

Listener::Rest& Listener::rest_of(const Door& door) { return door.is_unix ? unix_ : tcp_; }

void Listener::pause(const Door& full, int error) {
  Rest& rest = rest_of(full);
  const bool told = std::exchange(rest.told, true);
  rest.paused = true;
  for (const auto& door : doors_) {
    if (door->is_unix == full.is_unix) uv_poll_stop(door->watcher.get());
  }
  uv_timer_start(
      clock_->timer.get(), [](uv_timer_t* timer) { static_cast<Listener*>(timer->data)->resume(); },
      kAcceptRetryMs, 0);
  if (!told && calls_.on_full) calls_.on_full(error);
}

void Listener::resume() {
  if (!paused()) return;
  tcp_.paused = unix_.paused = false;
  uv_timer_stop(clock_->timer.get());
  for (const auto& door : doors_) door->open();
}

void Listener::stop_tcp() {
  std::erase_if(doors_, [](const auto& door) { return !door->is_unix; });
}

void Listener::stop_unix() {
  const auto gone = std::erase_if(doors_, [](const auto& door) { return door->is_unix; });
  if (gone > 0) remove_unix_door(unix_path_, unix_inode_);
  unix_path_.clear();
}

}  // namespace weir::proxy::io
