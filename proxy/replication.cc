#include "proxy/replication.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "protocol/encode.h"
#include "proxy/share.h"
#include "proxy/worker.h"

namespace weir::proxy {

using protocol::Framer;
using protocol::ServerLogin;

Replication::Replication(Worker& worker, Client& client, const PoolId& pool, ReplicationWish wish)
    : Deadline(Kind::replication),
      worker_(worker),
      client_(&client),
      entry_(worker.commons.hold_pool(pool)),
      wish_(std::move(wish)),
      since_(worker.world.now()),
      stream_(worker, *this) {}

Replication::~Replication() { close(); }

// --- A place, and a server.

void Replication::begin() {
  if (take_place()) return dial();
  if (worker_.world.now() >= after(since_, patience())) {
    return fail({"53300", "query_wait_timeout",
                 "No place came free for a replication connection: it counts against pool_size and "
                 "every other limit on server connections."});
  }
  worker_.deadlines.arm(*this, worker_.world.now() + kPlacePause);
}

Instant Replication::patience() const { return worker_.share(entry_.id).query_wait; }

// An idle server gives way, here or at another worker.
bool Replication::take_place() {
  const auto taken = entry_.shared.quota.take(worker_.index);
  worker_.wake(taken.wake);
  if (taken.refused_by == nullptr) {
    worker_.commons.servers.fetch_add(1);
    return true;
  }
  if (!worker_.evict(taken.refused_by)) worker_.ask_to_evict(*taken.refused_by);
  return false;
}

void Replication::dial() {
  Share& of = worker_.share(entry_.id);
  state_ = State::dialing;
  const auto aim = of.database == nullptr ? std::nullopt : of.next_target(worker_.world.now());
  if (!aim) {
    return fail(of.login_fault().value_or(Fault{"57P03", "no server answers for this database"}));
  }
  aim_ = aim->target;
  dialled_at_ = worker_.world.now();
  security_ = {of.tls, aim_.host};
  const auto timeout = worker_.config().settings.server_connect_timeout_us;
  if (timeout > 0) worker_.deadlines.arm(*this, worker_.world.now() + timeout);
  stream_.dial(worker_.world, aim_);
}

void Replication::on_open(const Target&) {
  state_ = State::securing;
  securing_ = std::make_unique<SecureStart>(stream_, worker_.commons.tls, security_);
  follow(securing_->begin());
}

void Replication::follow(SecureStart::Step step) {
  if (step == SecureStart::Step::more) return;
  if (step == SecureStart::Step::ready) return start_login();
  lose_host(Fault{securing_->fault()});
}

// --- The login.

void Replication::start_login() {
  securing_.reset();
  state_ = State::logging_in;
  Share& of = worker_.share(entry_.id);
  const Instant now = worker_.world.now();
  if (of.database == nullptr) return fail({"3D000", "the database is gone from the configuration"});
  if (of.awaits_password(now)) {
    worker_.want_password(of.password_command());
    return worker_.deadlines.arm_no_later(*this, now + kPlacePause);
  }
  ServerLogin::Request request = of.login_request(entry_.password_turn.load(), {}, now);
  for (auto& parameter : request.parameters) {
    const auto same = [&](const auto& asked) { return asked.first == parameter.first; };
    if (std::none_of(wish_.parameters.begin(), wish_.parameters.end(), same)) {
      wish_.parameters.push_back(std::move(parameter));
    }
  }
  request.parameters = wish_.parameters;
  if (const Codec* codec = stream_.codec()) request.end_point = codec->end_point();
  protocol::ScramNonce nonce{};
  worker_.world.random(nonce);
  login_ = std::make_unique<ServerLogin>(std::move(request), nonce);
  Buffer out;
  login_->start(out);
  stream_.put_copy(out);
}

std::size_t Replication::take_login(Bytes bytes) {
  const std::size_t all = bytes.size();
  protocol::Piece piece;
  while (login_ != nullptr) {
    const auto cut = framer_.next(bytes, piece);
    if (cut == Framer::Cut::need_more) return all;
    if (cut == Framer::Cut::bad_length || piece.body_bytes > protocol::kLoginMessageBytesMax) {
      lose_host({"08P01", "the server sent a message of an impossible length"});
      return all;
    }
    const auto body = collector_.add(piece);
    if (!body) continue;
    Buffer out;
    const auto step = login_->on_message(piece.tag, *body, out);
    stream_.put_copy(out);
    if (step == ServerLogin::Step::more) continue;
    step == ServerLogin::Step::welcomed ? welcome() : login_failed();
    if (state_ == State::relaying) client_->stream.put_copy(bytes);  // It has said more already.
    return all;
  }
  if (!bytes.empty()) lose_host({"08P01", "the server spoke before it was asked"});
  return all;
}

// Another password, where it is being rotated, is for its next attempt: whoever replicates makes
// one.
void Replication::login_failed() {
  const Fault fault = login_->fault();
  const std::string_view code = fault.sqlstate;
  if (code.starts_with("57P") || code.starts_with("08")) return lose_host(fault);
  if (code.starts_with("28")) {
    worker_.share(entry_.id).drop_password();
    entry_.password_turn.fetch_add(1);
  }
  if (worker_.commons.hosts.answered(aim_)) worker_.wake_all();
  fail(fault);
}

void Replication::lose_host(const Fault& fault) {
  if (state_ == State::relaying || state_ == State::leaving) return part();
  worker_.commons.hosts.failed(aim_, dialled_at_, worker_.world.now(), {}, fault);
  const bool said = std::string_view{fault.sqlstate} != "08001";
  fail({said ? fault.sqlstate : "57P03", fault.text, fault.hint});
}

void Replication::welcome() {
  const auto login = std::move(login_);
  if (worker_.commons.hosts.answered(aim_)) worker_.wake_all();
  state_ = State::relaying;
  worker_.deadlines.disarm(*this);
  Buffer statuses;
  for (const auto& [name, value] : login->parameters()) {
    protocol::put_parameter_status(statuses, name, value);
  }
  worker_.log(Level::info, *client_,
              "has a server for replication, pid " + std::to_string(login->pid()));
  client_->greet(statuses);
  client_->stream.set_feeder(&stream_);
  stream_.set_feeder(&client_->stream);
  client_->stream.resume_feeding();
}

// --- Both ways.

std::size_t Replication::take(Bytes bytes) {
  if (state_ != State::relaying) return 0;
  stream_.put(bytes);
  return bytes.size();
}

std::size_t Replication::on_bytes(Bytes bytes) {
  switch (state_) {
    case State::securing: {
      const Bytes all = bytes;
      follow(securing_->take(bytes));
      return all.size();
    }
    case State::logging_in:
      return take_login(bytes);
    case State::relaying:
      client_->stream.put(bytes);
      return bytes.size();
    default:
      return bytes.size();
  }
}

// --- The end.

void Replication::on_gone(int error) {
  if (state_ == State::relaying || state_ == State::leaving) return part();
  lose_host({"08001", error == 0 ? "the server hung up"
                                 : "connect failed: " + std::system_category().message(error)});
}

// The server has gone: the client has had its last words.
void Replication::part() {
  Client* const client = std::exchange(client_, nullptr);
  if (client != nullptr) client->stream.set_feeder(nullptr);
  end();
  if (client != nullptr) worker_.part_from(*client, Parting::refused, "its server hung up");
}

void Replication::fail(const Fault& fault) {
  Client* const client = std::exchange(client_, nullptr);
  client->stream.set_feeder(nullptr);
  end();
  client->refuse(fault);
}

// What the client said last still goes out. A place is free when PostgreSQL has hung up.
void Replication::leave() {
  if (client_ == nullptr) return;  // It was told to by us.
  client_->stream.set_feeder(nullptr);
  stream_.set_feeder(nullptr);
  client_ = nullptr;
  if (state_ != State::relaying) return end();
  state_ = State::leaving;
  stream_.finish_when_sent();
  worker_.deadlines.arm(*this, worker_.world.now() + kFarewellMax);
}

void Replication::on_deadline() {
  switch (state_) {
    case State::waiting:
      return begin();
    case State::logging_in:
      if (login_ == nullptr && worker_.world.now() < dialled_at_ + kCommandTimeMax) {
        return start_login();  // The password may have been printed.
      }
      [[fallthrough]];
    case State::dialing:
    case State::securing:
      return lose_host({"08001", "connect timeout"});
    case State::leaving:
      return end();
    case State::relaying:
    case State::closed:
      return;
  }
}

void Replication::end() {
  close();
  worker_.replication_over(*this);
}

void Replication::close() {
  const State was = std::exchange(state_, State::closed);
  if (was == State::closed) return;
  worker_.deadlines.disarm(*this);
  stream_.close();
  if (was != State::waiting) {
    worker_.commons.servers.fetch_sub(1);
    worker_.wake(entry_.shared.quota.give_back());
  }
  worker_.commons.let_go(entry_);
}

}  // namespace weir::proxy
