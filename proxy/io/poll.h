// poll.h: a Transport over a descriptor of ours that libuv only polls. A query costs it one recv
// and one send, and no epoll_ctl: see PollTransport::pause(). Private to this folder.
#pragma once

#include <uv.h>

#include <memory>
#include <span>
#include <vector>

#include "proxy/io/resolver.h"
#include "proxy/io/socket_address.h"
#include "proxy/io/watcher.h"
#include "proxy/world.h"

namespace weir::proxy::io {

class Engine;

class PollTransport final : public Transport, private Resolver::Asker {
 public:
  PollTransport(Engine& engine, Endpoint& endpoint) : engine_(engine), endpoint_(&endpoint) {}

  // One of these, once, right after the constructor.
  void dial(const Target& target);
  void adopt(int descriptor);

  std::size_t write(Bytes first, Bytes second) override;
  // Only a flag. A readable event that comes while it is set drops the interest and leaves one for
  // the hang-up, so a pause that ends before the peer speaks again costs no system call.
  void pause(HangUp hang_up) override;
  void resume() override;
  void look() override;
  void finish() override;
  Socket detach() override;
  void close() override;

  // For the Engine: what defer() asked for.
  void on_deferred();

 private:
  friend class Engine;  // forget() takes back deferred_.

  enum class Phase : std::uint8_t { dialling, open, gone, released };
  // The rest of a dial; freed once it is open.
  struct Dial {
    Target target;
    std::vector<SocketAddress> addresses;
    std::size_t next = 0;
    Target peer() const;  // The address last tried.
  };

  void on_addresses(std::span<const SocketAddress> addresses) override;
  void dial_next();
  bool start_connect(const SocketAddress& address);
  void on_connect_event();

  static void on_event(uv_poll_t* poll, int status, int events);
  void on_open_event(int status, int events);
  void read();
  std::size_t broken(int error, std::size_t offered);
  void gone(int error);

  bool watch();
  int wanted() const;
  void arm();
  void unwatch();
  void close_descriptor();
  int socket_error() const;
  void defer();

  UvPtr<uv_poll_t> poll_;  // While it is watched.
  Engine& engine_;
  Endpoint* endpoint_;
  std::unique_ptr<Dial> dial_;
  int descriptor_ = -1;
  int error_ = 0;  // Met already, to be told in on_deferred().
  Phase phase_ = Phase::dialling;
  std::uint8_t interest_ = 0;  // What epoll was asked for: UV_READABLE and so on.
  bool paused_ = false;
  bool deaf_ = false;  // Paused, and a hang-up is not to be told either.
  bool reads_dropped_ = false;
  bool write_wanted_ = false;
  bool deferred_ = false;
};

static_assert(sizeof(PollTransport) + sizeof(uv_poll_t) <= 224, "what an idle client costs here");

}  // namespace weir::proxy::io
