#include "tests/street/fake_world.h"

#include <algorithm>
#include <utility>

#include "protocol/check.h"

namespace weir::street {

std::size_t FakeTransport::write(Bytes first, Bytes second) {
  WEIR_CHECK(open_);
  const std::size_t offered = first.size() + second.size();
  if (peer_ == nullptr || offered == 0 || peer_->error_ != 0) return offered;
  if (peer_->deaf_) {  // It has closed: that is a broken pipe.
    net_.queue(FakeNet::Kind::gone, *peer_);
    return offered;
  }
  const std::size_t room = peer_->capacity_ - std::min(peer_->capacity_, peer_->outward_.size());
  const std::size_t taken = room == 0 ? 0 : net_.policy_.take(std::min(room, offered));
  const std::size_t of_first = std::min(taken, first.size());
  auto& to = peer_->outward_;
  to.insert(to.end(), first.begin(), first.begin() + static_cast<std::ptrdiff_t>(of_first));
  to.insert(to.end(), second.begin(),
            second.begin() + static_cast<std::ptrdiff_t>(taken - of_first));
  if (taken > 0) net_.queue(FakeNet::Kind::outward, *peer_);
  if (taken < offered) {
    peer_->write_wanted_ = true;
    net_.queue(FakeNet::Kind::writable, *peer_);
  }
  return taken;
}

void FakeTransport::finish() {
  if (peer_ == nullptr || peer_->outward_over_) return;
  peer_->outward_over_ = true;
  net_.queue(FakeNet::Kind::outward, *peer_);
}

proxy::Socket FakeTransport::detach() {
  WEIR_CHECK(open_ && peer_ != nullptr);
  Peer& peer = *std::exchange(peer_, nullptr);
  peer.write_wanted_ = false;
  net_.unqueue(FakeNet::Kind::writable, peer);
  peer.transport_ = nullptr;
  return peer.number;
}

void FakeTransport::close() {
  if (Peer* const peer = std::exchange(peer_, nullptr)) net_.leave_pgweir(*peer);
  net_.graves_.emplace_back(this);  // A call of ours may be on the stack.
}

class FakeCommand final : public proxy::RunningCommand {
 public:
  FakeCommand(FakeNet& net, std::size_t key) : net_(net), key_(key) {}
  ~FakeCommand() override { net_.running_.erase(key_); }

 private:
  FakeNet& net_;
  const std::size_t key_;
};

proxy::CommandPtr FakeWorld::run(const std::string& command, proxy::CommandUser& user) {
  const std::size_t key = ++net_.command_keys_;
  net_.running_[key] = {command, &user};
  net_.pending_.push_back({.kind = FakeNet::Kind::command,
                           .from = key,
                           .to = worker_,
                           .due = net_.now() + net_.policy_.dial_delay()});
  return std::make_unique<FakeCommand>(net_, key);
}

proxy::TransportPtr FakeWorld::dial(const proxy::Target& target, proxy::Endpoint& endpoint) {
  Peer& peer = net_.dialled(target);
  auto made = std::make_unique<FakeTransport>(net_, peer, endpoint, worker_);
  peer.transport_ = made.get();
  net_.queue(FakeNet::Kind::open, peer, net_.now() + net_.policy_.dial_delay());
  return proxy::TransportPtr{made.release()};
}

proxy::TransportPtr FakeWorld::adopt(proxy::Socket number, proxy::Endpoint& endpoint) {
  Peer& peer = *net_.peers_.at(number);
  WEIR_CHECK(peer.transport_ == nullptr && !peer.closed_);
  auto made = std::make_unique<FakeTransport>(net_, peer, endpoint, worker_);
  made->open_ = true;
  peer.transport_ = made.get();
  return proxy::TransportPtr{made.release()};
}

void FakeWorld::post(std::size_t worker, proxy::Mail mail) {
  net_.post(worker_, worker, std::move(mail));
}

}  // namespace weir::street
