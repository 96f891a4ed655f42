#include "proxy/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/crypto.h"
#include "protocol/encode.h"
#include "proxy/admin/console.h"
#include "proxy/auth.h"
#include "proxy/replication.h"
#include "proxy/server.h"
#include "proxy/share.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ClientState;
using protocol::Action;
using protocol::ClientMessage;
using protocol::Framer;
using protocol::Piece;
using protocol::Request;
using protocol::Unlinked;

namespace {

std::string hex_of(char tag) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(tag);
  return {'0', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

}  // namespace

Client::Client(Worker& worker, std::uint64_t client_id, std::uint32_t client_place,
               const Address& address)
    : id(client_id),
      connected_at(worker.world.now()),
      place(client_place),
      stream(worker, *this),
      worker_(worker),
      framer_(static_cast<std::uint32_t>(
          std::min<std::int64_t>(worker.config().settings.max_packet_size, protocol::kAnyLength))),
      address_(address) {}

Client::~Client() = default;

void Client::adopt(Socket socket, std::optional<std::uint32_t> uid) {
  auth_ = std::make_unique<Auth>(worker_, *this, uid);
  stream.adopt(worker_.world, socket);
  auth_->arrive();
}

Share* Client::share() const { return static_cast<Share*>(pool); }

Server* Client::linked() const { return static_cast<Server*>(server); }

const std::string& Client::database() const {
  static const std::string kNone = "(nodb)";
  static const std::string kConsole = "pgweir";
  if (console_) return kConsole;
  if (pool != nullptr) return share()->id.database;
  if (replication != nullptr) return replication->database();
  return auth_ == nullptr || auth_->database().empty() ? kNone : auth_->database();
}

std::string Client::name() const {
  return database() + "/" + (user_.empty() ? "(nouser)" : user_) + "@" + address_.text();
}

void Client::set_identity(std::string user, bool long_key) {
  user_ = std::move(user);
  long_key_ = long_key;
}

void Client::enter_console(std::unique_ptr<Console> console) { console_ = std::move(console); }

std::size_t Client::on_bytes(Bytes bytes) {
  switch (state) {
    case ClientState::greeting:
    case ClientState::proving:
      return take_login(bytes);
    case ClientState::welcoming:
    case ClientState::parked:
      return 0;
    case ClientState::ready:
    case ClientState::linked:
      return take_requests(bytes);
    case ClientState::console:
      return console_->take(bytes);
    case ClientState::replicating:
      return replication->take(bytes);
    case ClientState::draining:
    case ClientState::closed:
    case ClientState::count:
      break;
  }
  return bytes.size();
}

std::size_t Client::take_login(Bytes bytes) {
  Bytes left = bytes;
  auth_->take(left);
  end_login();
  if (!stream.is_open()) return bytes.size();
  std::size_t taken = bytes.size() - left.size();
  // What came behind the last message of the login belongs to the next state.
  if (!left.empty() && !auth_) taken += on_bytes(left);
  return taken;
}

// Nothing of a login is kept behind its end.
void Client::end_login() {
  if (state != ClientState::greeting && state != ClientState::proving) auth_.reset();
}

// It may have been refused meanwhile: then nothing of its login counts any more.
void Client::on_secrets(std::vector<std::string> secrets, bool failed, bool kept) {
  if (state != ClientState::proving || !auth_) return;
  auth_->on_secrets(std::move(secrets), failed, kept);
  end_login();
  if (state == ClientState::console) stream.resume_feeding();
}

Instant Client::login_not_before() const { return auth_ ? auth_->not_before() : kNever; }

void Client::on_login_time() {
  if (state != ClientState::proving || !auth_) return;
  auth_->on_time();
  end_login();
  if (state == ClientState::console) stream.resume_feeding();
}

void Client::on_secured() {
  if (auth_) auth_->on_secured();
}

// No error message can be sent: whatever reads it does not know our keys, or has lost them.
void Client::on_broken(const Fault& fault) {
  worker_.log(Level::warning, *this, fault.text);
  if (state == ClientState::draining) return worker_.retire(*this);
  worker_.part_from(*this, Parting::vanished, fault.text);
}

std::size_t Client::take_requests(Bytes bytes) {
  Bytes left = bytes;
  Piece piece;
  for (;;) {
    const Framer before = framer_;
    const Bytes from = left;
    const auto cut = framer_.next(left, piece);
    if (cut == Framer::Cut::need_more) return bytes.size();
    if (cut == Framer::Cut::bad_length) {
      bad_length();
      return bytes.size();
    }
    if (piece.begins) {
      switch (begin_request(piece)) {
        case Begin::pass:
          swallowing_ = false;
          break;
        case Begin::swallow:
          swallowing_ = true;
          break;
        case Begin::wait:  // The message stays where it is until go_on().
          framer_ = before;
          return bytes.size() - from.size();
        case Begin::stop:
          return bytes.size();
      }
    }
    if (!swallowing_) {
      Server& to = *linked();
      if (watch_name_) note_statement_name(piece);
      if (!piece.carry.empty()) to.stream.put_copy(piece.carry);
      to.stream.put(piece.raw);
    }
    if (piece.ends) end_request(piece);
    if (state != ClientState::linked && state != ClientState::ready) return bytes.size();
  }
}

Client::Begin Client::begin_request(const Piece& piece) {
  const ClientMessage* const message = protocol::client_message(piece.tag);
  if (message == nullptr) {
    protocol_violation("invalid frontend message type " + hex_of(piece.tag));
    return Begin::stop;
  }
  if (piece.body_bytes > message->body_max) {
    overlong(*message);
    return Begin::stop;
  }
  if (message->unlinked == Unlinked::leaves) return Begin::swallow;  // Until it is whole.
  if (message->owes == Request::query && worker_.config().settings.disable_pqexec) {
    refuse({"08P01", "PQexec disallowed", "disable_pqexec is set: use the extended protocol."});
    return Begin::stop;
  }
  if (state == ClientState::linked && skip_ == Skip::none) return begin_linked(*message);
  // Who does not take its answers is asked no more, and gets no server to block.
  if (stream.congested()) {
    stream.stop_feeding();
    stream.tell_when_sent();
    return Begin::wait;
  }
  if (skip_ != Skip::none) return Begin::swallow;  // Answered in line already.
  if (message->unlinked == Unlinked::read_past) return Begin::swallow;
  parked_alone_ = message->stands_alone;
  const bool linked_now = worker_.want_server(*this);
  if (state == ClientState::draining) return Begin::stop;
  return linked_now && !waits_for_settings ? begin_linked(*message) : Begin::wait;
}

Client::Begin Client::begin_linked(const ClientMessage& message) {
  Server& to = *linked();
  // What begins while a cancel is under way would be hit by it.
  const bool held = to.ledger.full() || (message.owes && to.cancels_pending > 0);
  if (waits_for_settings || held) {
    waits_for_ledger = !waits_for_settings;
    stream.stop_feeding();
    return Begin::wait;
  }
  to.release_put_off = false;  // It goes on asking here.
  to.half_way_since = kNever;
  if (to.ledger.owed() == 0) {
    asked_at = worker_.world.now();
    if (overdue) worker_.overdue_ended(*this);
    if (to.status == 'I' && to.ledger.settled()) began_at = asked_at;
  }
  if (message.owes) to.ledger.note(*message.owes, Action::forward);
  watch_name_ = message.owes == Request::parse && !to.has_named_statements;
  return Begin::pass;
}

void Client::end_request(const Piece& piece) {
  if (!swallowing_) {
    if (state == ClientState::linked) worker_.maybe_release(*this);
    return;
  }
  if (piece.tag == 'X') {
    return worker_.part_from(*this, Parting::terminated, "client close request");
  }
  answered_at = worker_.world.now();  // Whoever says what is read past is not silent.
  const bool idle_sync = skip_ == Skip::none && piece.tag == 'S';
  const bool skipped = skip_ == Skip::message || (skip_ == Skip::to_sync && piece.tag == 'S');
  if (!idle_sync && !skipped) return;
  skip_ = Skip::none;
  Buffer out;
  protocol::put_ready_for_query(out, 'I');
  stream.put_copy(out);
}

// A named statement stays on the server: it must not meet the next client's of that name.
void Client::note_statement_name(const Piece& piece) {
  const Bytes body = piece.body();
  if (body.empty()) return;
  watch_name_ = false;
  if (body[0] != 0) linked()->has_named_statements = true;
}

void Client::go_on() {
  if (state != ClientState::ready && state != ClientState::linked) return;
  if (waits_for_settings) return;
  stream.resume_feeding();
}

void Client::answer_in_line(const Fault& fault) {
  // The head of the request is still in front of us: it is looked at again when feeding resumes.
  skip_ = parked_alone_ ? Skip::message : Skip::to_sync;
  answered_at = worker_.world.now();
  Buffer out;
  protocol::put_error(out, protocol::Severity::error, fault);
  stream.put_copy(out);
}

void Client::refuse(const Fault& fault) {
  Buffer out;
  protocol::put_error(out, protocol::Severity::fatal, fault);
  stream.put_copy(out);
  if (worker_.config().settings.log_pooler_errors) {
    worker_.log(Level::warning, *this, "pooler error: " + fault.text + " (" + fault.sqlstate + ")");
  }
  worker_.part_from(*this, Parting::refused, fault.text);
}

void Client::on_sent() {
  if (state == ClientState::ready) go_on();
  if (state == ClientState::console) console_->on_sent();
}

void Client::on_gone(int) {
  if (state == ClientState::draining) return worker_.retire(*this);
  worker_.part_from(*this, Parting::vanished, "client unexpected eof");
}

void Client::protocol_violation(std::string text) {
  refuse({"08P01", std::move(text), "The connection is closed: its byte stream makes no sense."});
}

void Client::bad_length() {
  const auto max = worker_.config().settings.max_packet_size;
  if (max > protocol::kAnyLength) return protocol_violation("invalid message length");
  refuse({"08P01", "invalid message length",
          "Messages are at most max_packet_size long: " + std::to_string(max) + " bytes."});
}

void Client::overlong(const ClientMessage& message) {
  refuse({"08P01", "invalid message length",
          std::string{message.name} + " is at most " + std::to_string(message.body_max + 4) +
              " bytes long."});
}

void Client::greet(Bytes statuses) {
  stream.put_copy(statuses);
  Buffer out;
  const auto key = cancel_secret();
  protocol::put_backend_key_data(out, pid_of(worker_.index, place),
                                 Bytes{key}.first(long_key_ ? key.size() : 4));
  stream.put_copy(out);
  const std::string& message = worker_.config().settings.login_notify_message;
  if (!console_ && !message.empty()) notify(message);
  out.clear();
  protocol::put_ready_for_query(out, 'I');
  stream.put_copy(out);
}

void Client::notify(std::string text) {
  Buffer out;
  protocol::put_notice(out, protocol::Severity::notice, Fault{"00000", std::move(text)});
  stream.put_copy(out);
}

std::array<std::uint8_t, 32> Client::cancel_secret() const {
  std::array<std::uint8_t, sizeof(id)> number{};
  for (std::size_t i = 0; i < number.size(); ++i) {
    number[i] = static_cast<std::uint8_t>(id >> (8 * i));
  }
  // All that is hashed is as long for every client: there is nothing that HMAC would keep from
  // being lengthened, and it takes three times as long.
  return protocol::sha256(worker_.commons.secret, number);
}

bool Client::key_matches(Bytes key) const {
  const auto secret = cancel_secret();
  const Bytes wanted = Bytes{secret}.first(long_key_ ? secret.size() : 4);
  return protocol::constant_time_equal(wanted, key);
}

}  // namespace weir::proxy
