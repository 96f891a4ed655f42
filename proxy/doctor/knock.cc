#include "proxy/doctor/knock.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "protocol/collector.h"
#include "protocol/encode.h"
#include "protocol/framer.h"
#include "protocol/scram.h"
#include "protocol/server_login.h"
#include "proxy/doctor/wire.h"

namespace weir::proxy::doctor {

namespace {

using config::SslMode;
using protocol::Authentication;
using protocol::Framer;

constexpr const char* kHungUp = "the server hung up, or did not answer within 10 seconds";

struct Message {
  char tag = 0;
  Buffer body = {};
};

// s= and i= of a server-first-message: "r=...,s=...,i=...".
std::optional<protocol::ScramBasis> basis_in(std::string_view server_first) {
  protocol::ScramBasis basis;
  bool salted = false;
  bool counted = false;
  while (!server_first.empty()) {
    const auto comma = std::min(server_first.find(','), server_first.size());
    const auto field = server_first.substr(0, comma);
    server_first.remove_prefix(std::min(comma + 1, server_first.size()));
    if (field.starts_with("s=")) {
      auto salt = protocol::parse_scram_salt(field.substr(2));
      salted = salt.has_value();
      if (salt) basis.salt = std::move(*salt);
    } else if (field.starts_with("i=")) {
      const auto iterations = protocol::parse_scram_iterations(field.substr(2));
      counted = iterations.has_value();
      basis.iterations = iterations.value_or(0);
    }
  }
  return salted && counted ? std::optional{std::move(basis)} : std::nullopt;
}

class Knocker {
 public:
  Knocker(const Visit& visit, const config::TlsSettings& tls, tls::Contexts& contexts)
      : visit_(visit), tls_(tls), contexts_(contexts) {}

  Knock run(const std::vector<io::SocketAddress>& addresses) {
    if (reach(addresses) && secure() && !visit_.user.empty()) ask();
    return std::move(found_);
  }

 private:
  bool reach(const std::vector<io::SocketAddress>& addresses);
  bool secure();
  bool shake();
  void ask();
  void take(const Message& message);
  void ask_for_basis(const Authentication& asked);
  bool put(Bytes plain);
  bool get();  // More of what the server says, into plain_.
  std::optional<Message> next();

  const Visit& visit_;
  const config::TlsSettings& tls_;
  tls::Contexts& contexts_;
  Wire wire_;
  Clock::time_point deadline_ = Clock::now() + kConnectTimeMax;
  std::unique_ptr<Codec> codec_;
  Buffer plain_;
  Framer framer_{protocol::kLoginMessageBytesMax};
  protocol::Collector collector_;
  Knock found_;
};

bool Knocker::reach(const std::vector<io::SocketAddress>& addresses) {
  const int error = wire_.connect(addresses, deadline_);
  if (error == 0) return true;
  found_.timed_out = error == ETIMEDOUT;
  found_.unreachable = found_.timed_out ? "no answer within 10 seconds" : std::strerror(error);
  return false;
}

bool Knocker::secure() {
  if (tls_.mode == SslMode::disable || io::is_unix_host(visit_.host)) return true;
  if (tls_.direct) return shake();
  Buffer out;
  Buffer answer;
  protocol::put_ssl_request(out);
  if (!wire_.send(out, deadline_) || !wire_.receive(answer, deadline_)) {
    found_.unreachable = kHungUp;
    return false;
  }
  if (answer.front() == 'S' && answer.size() == 1) return shake();
  found_.tls_refused = answer.front() == 'N' && answer.size() == 1;
  if (!found_.tls_refused) found_.tls_fault = "the server answered the request for TLS otherwise";
  return found_.tls_refused && tls_.mode < SslMode::require;
}

bool Knocker::shake() {
  const auto broken = [this](std::string why) {
    found_.tls_fault = std::move(why);
    return false;
  };
  auto codec = contexts_.connect(tls_, visit_.host);
  if (!codec) return broken(codec.error().text);
  codec_ = std::move(*codec);
  Buffer out;
  if (const auto begun = codec_->begin(out); !begun) return broken(begun.error().text);
  while (!codec_->established()) {
    Buffer records;
    if (!wire_.send(out, deadline_) || !wire_.receive(records, deadline_)) return broken(kHungUp);
    out.clear();
    const auto opened = codec_->open(records, plain_, out);
    if (!opened) {
      wire_.send(out, deadline_);  // The alert: the server's log shall say why as well.
      return broken(opened.error().text);
    }
  }
  found_.tls = codec_->description();
  return wire_.send(out, deadline_) || broken(kHungUp);
}

bool Knocker::put(Bytes plain) {
  if (!codec_) return wire_.send(plain, deadline_);
  Buffer records;
  return codec_->seal(plain, records) && wire_.send(records, deadline_);
}

bool Knocker::get() {
  if (!codec_) return wire_.receive(plain_, deadline_);
  Buffer records;
  Buffer reply;
  return wire_.receive(records, deadline_) && codec_->open(records, plain_, reply);
}

std::optional<Message> Knocker::next() {
  for (;;) {
    Bytes left{plain_};
    protocol::Piece piece;
    const auto cut = framer_.next(left, piece);
    if (cut == Framer::Cut::bad_length) return std::nullopt;
    if (cut == Framer::Cut::piece) {
      const auto body = collector_.add(piece);
      Message message{piece.tag, body ? Buffer(body->begin(), body->end()) : Buffer{}};
      plain_.erase(plain_.begin(), plain_.end() - static_cast<std::ptrdiff_t>(left.size()));
      if (body) return message;
    } else {
      plain_.clear();
      if (!get()) return std::nullopt;
    }
  }
}

void Knocker::ask() {
  std::vector<std::pair<std::string, std::string>> parameters{{"user", visit_.user},
                                                              {"database", visit_.dbname}};
  Buffer out;
  protocol::put_startup(out, protocol::kProtocol3_0, parameters);
  if (!put(out)) return;
  if (const auto answer = next()) take(*answer);
}

void Knocker::take(const Message& message) {
  if (message.tag == 'E') {
    found_.refusal = protocol::parse_error(message.body).message;
    return;
  }
  if (message.tag != 'R') return;
  const auto asked = protocol::parse_authentication(message.body);
  if (!asked) return;
  switch (asked->kind) {
    case Authentication::Kind::ok:
      found_.asked = Asked::nothing;
      return;
    case Authentication::Kind::cleartext:
      found_.asked = Asked::clear_text;
      return;
    case Authentication::Kind::md5:
      found_.asked = Asked::md5;
      return;
    case Authentication::Kind::sasl:
      found_.asked = Asked::scram;
      return ask_for_basis(*asked);
    case Authentication::Kind::sasl_continue:
    case Authentication::Kind::sasl_final:
      return;
  }
}

// A server names salt and iterations before it asks for a proof.
void Knocker::ask_for_basis(const Authentication& asked) {
  const auto& offered = asked.mechanisms;
  if (std::find(offered.begin(), offered.end(), protocol::kScramMechanism) == offered.end()) return;
  protocol::ScramNonce nonce{};
  if (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) return;
  const protocol::ScramClient client("", protocol::scram_nonce_text(nonce));
  Buffer out;
  protocol::put_sasl_initial_response(out, client.mechanism(), client.first());
  if (!put(out)) return;
  const auto answer = next();
  if (!answer || answer->tag != 'R') return;
  const auto named = protocol::parse_authentication(answer->body);
  if (named && named->kind == Authentication::Kind::sasl_continue) {
    found_.basis = basis_in(named->data);
  }
}

}  // namespace

Knock knock(const Visit& visit, const std::vector<io::SocketAddress>& addresses,
            const config::TlsSettings& tls, tls::Contexts& contexts) {
  return Knocker(visit, tls, contexts).run(addresses);
}

}  // namespace weir::proxy::doctor
