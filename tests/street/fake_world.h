// fake_world.h: one worker's World, and the transports it makes, over a FakeNet.
#pragma once

#include <memory>
#include <span>

#include "proxy/world.h"
#include "tests/street/net.h"

namespace weir::street {

class FakeTransport final : public proxy::Transport {
 public:
  FakeTransport(FakeNet& net, Peer& peer, proxy::Endpoint& endpoint, std::size_t worker)
      : net_(net), peer_(&peer), endpoint_(endpoint), worker_(worker) {}

  std::size_t write(Bytes first, Bytes second) override;
  void pause(proxy::HangUp hang_up) override {
    paused_ = true;
    deaf_ = hang_up == proxy::HangUp::after_resume;
  }
  void resume() override { paused_ = deaf_ = false; }
  void finish() override;
  proxy::Socket detach() override;
  void close() override;

 private:
  friend class FakeNet;
  friend class FakeWorld;
  friend class Peer;
  FakeNet& net_;
  Peer* peer_;  // None when nothing more may happen to it.
  proxy::Endpoint& endpoint_;
  const std::size_t worker_;
  bool open_ = false;  // Else it is being dialled.
  bool paused_ = false;
  bool deaf_ = false;  // Paused, and a hang-up waits, too.
};

class FakeWorld final : public proxy::World {
 public:
  FakeWorld(FakeNet& net, Chance& chance, std::size_t worker)
      : net_(net), chance_(chance), worker_(worker) {}

  Instant now() const override { return net_.now(); }
  std::int64_t wall_clock_s() const override { return 1'800'000'000 + net_.now() / kSecond; }
  void random(std::span<std::uint8_t> out) override { chance_.fill(out); }
  proxy::TransportPtr dial(const proxy::Target& target, proxy::Endpoint& endpoint) override;
  bool leads_to(const std::string& host, const std::string& address) override {
    return net_.leads_to(host, address);
  }
  proxy::TransportPtr adopt(proxy::Socket socket, proxy::Endpoint& endpoint) override;
  // What FakeNet::commands says that it prints; a fault for one that is not there.
  proxy::CommandPtr run(const std::string& command, proxy::CommandUser& user) override;
  std::optional<std::string> user_name(std::uint32_t uid) override {
    return "user" + std::to_string(uid);
  }
  void post(std::size_t worker, proxy::Mail mail) override;

 private:
  FakeNet& net_;
  Chance& chance_;
  const std::size_t worker_;
};

}  // namespace weir::street
