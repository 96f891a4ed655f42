// server_entry.cc: a server connection's way in: dialled, encrypted, logged in.
#include <string_view>
#include <utility>

#include "proxy/server.h"
#include "proxy/share.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ServerEvent;
using pool::ServerState;
using protocol::Framer;
using protocol::Piece;

void Server::dial(const Target& host, std::uint32_t turn, bool on_trial) {
  aim = target = host;
  host_turn = turn;
  trial = on_trial;
  dialled_at = worker_.world.now();
  security = {share().tls, target.host};
  generation = share().generation;
  stream.dial(worker_.world, target);
}

void Server::on_open(const Target& peer) {
  target = peer;
  if (generation != share().generation) return worker_.login_outdated(*this);
  worker_.move(*this, ServerEvent::connected);
  securing_ = std::make_unique<SecureStart>(stream, worker_.commons.tls, security);
  follow(securing_->begin());
}

// What the server says to the request for encryption.
void Server::take_consent(Bytes bytes) { follow(securing_->take(bytes)); }

void Server::follow(SecureStart::Step step) {
  if (step == SecureStart::Step::more) return;
  const auto securing = std::move(securing_);
  if (step == SecureStart::Step::ready) return start_login();
  worker_.login_failed(*this, securing->fault(), false, Worker::Blame::terms);
}

void Server::on_secured() {
  if (state != ServerState::logging_in) return;  // It has been dismissed meanwhile.
  securing_.reset();
  if (worker_.commons.log.wants(Level::debug)) {
    worker_.log(Level::debug, *this, stream.codec()->description());
  }
  start_login();
}

void Server::on_broken(const Fault& fault) {
  if (state != ServerState::logging_in) return worker_.server_gone(*this, fault.text);
  // Another pool may trust its certificate and take its ciphers.
  worker_.login_failed(*this, fault, false, Worker::Blame::terms);
}

void Server::on_password(const PasswordReady& letter) {
  waits_for_password_ = false;
  if (!letter.complaint.empty()) {  // No fault of the host that was dialled.
    return worker_.login_failed(*this, {"57P03", letter.complaint}, false,
                                Worker::Blame::ourselves);
  }
  if (generation != share().generation) return worker_.login_outdated(*this);
  log_in(letter.password);
}

Security Server::security_in_force() const {
  Security out = security;
  if (stream.codec() == nullptr) out.tls.mode = config::SslMode::disable;
  return out;
}

void Server::start_login() {
  // A password goes to the host and over the terms that it was written for, or nowhere.
  if (generation != share().generation) return worker_.login_outdated(*this);
  if (share().awaits_password(worker_.world.now())) {
    waits_for_password_ = true;
    return worker_.want_password(share().password_command());
  }
  log_in({});
}

// `printed`: by a command, just now; empty: what is kept will do.
void Server::log_in(const std::string& printed) {
  protocol::ScramNonce nonce{};
  worker_.world.random(nonce);
  password_turn = share().entry.password_turn.load();
  auto request = share().login_request(password_turn, printed, worker_.world.now());
  if (const Codec* codec = stream.codec()) request.end_point = codec->end_point();
  login_ = std::make_unique<protocol::ServerLogin>(std::move(request), nonce);
  Buffer out;
  login_->start(out);
  stream.put_copy(out);
}

void Server::take_login(Bytes bytes) {
  if (!login_) {
    return worker_.login_failed(*this, {"08P01", "the server spoke before it was asked"}, false);
  }
  Piece piece;
  for (;;) {
    const auto cut = framer_.next(bytes, piece);
    if (cut == Framer::Cut::need_more) return;
    if (cut == Framer::Cut::bad_length || piece.body_bytes > protocol::kLoginMessageBytesMax) {
      return worker_.login_failed(
          *this, {"08P01", "the server sent a message of an impossible length"}, false);
    }
    const auto body = collector_.add(piece);
    if (!body) continue;
    Buffer out;
    const auto step = login_->on_message(piece.tag, *body, out);
    stream.put_copy(out);
    if (step == protocol::ServerLogin::Step::failed) {
      const Fault fault = login_->fault();
      // That we lack the password it wants will not change by itself either.
      const bool refused = login_->certain() || std::string_view{fault.sqlstate}.starts_with("28");
      return worker_.login_failed(*this, fault, refused);
    }
    if (step == protocol::ServerLogin::Step::more) continue;
    if (!bytes.empty()) {
      return worker_.login_failed(*this, {"08P01", "the server spoke unasked after its greeting"},
                                  false);
    }
    pid = login_->pid();
    cancel_key = login_->cancel_key();
    const auto login = std::move(login_);
    return worker_.welcomed(*this, login->parameters());
  }
}

}  // namespace weir::proxy
