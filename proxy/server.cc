#include "proxy/server.h"

#include <system_error>
#include <utility>

#include "protocol/check.h"
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "proxy/client.h"
#include "proxy/share.h"
#include "proxy/worker.h"

namespace weir::proxy {

using pool::ServerState;
using protocol::Action;
using protocol::Framer;
using protocol::Piece;
using protocol::Request;

namespace {

// A text that has lost its end ends behind a whole character of UTF-8.
void end_whole(std::string& text) {
  const auto byte = [&](std::size_t from_end) {
    return static_cast<unsigned char>(text[text.size() - 1 - from_end]);
  };
  std::size_t tail = 0;
  while (tail < std::min<std::size_t>(3, text.size()) && (byte(tail) & 0xc0U) == 0x80) ++tail;
  if (tail == text.size()) return;
  const unsigned char lead = byte(tail);
  const std::size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  if (wanted > tail) text.resize(text.size() - 1 - tail);
}

}  // namespace

Server::Server(Worker& worker, Share& share, std::uint64_t server_id)
    : id(server_id), stream(worker, *this), worker_(worker) {
  pool = &share;
}

Server::~Server() = default;

Share& Server::share() const { return static_cast<Share&>(*pool); }

Client* Server::linked() const { return static_cast<Client*>(client); }

void Server::arrive(HandOver letter) {
  target = std::move(letter.target);
  security = std::move(letter.security);
  generation = letter.config_generation;
  pid = letter.pid;
  cancel_key = std::move(letter.cancel_key);
  settings = worker_.settings.intern(std::move(letter.settings));
  own_settings = worker_.settings.intern(std::move(letter.own_settings));
  extras = worker_.settings.intern(std::move(letter.extras));
  extras_sure = letter.extras_sure;
  identity_ = login_identity_ = std::move(letter.identity);
  born_at = letter.born_at;
  idle_since = letter.idle_since;
  close_needed = letter.close_needed;
  has_named_statements = letter.has_named_statements;
  last_client = letter.last_client;
  stream.adopt(worker_.world, letter.socket, std::move(letter.codec));
}

bool Server::fit_to_travel() const {
  return stream.quiet() && framer_.at_boundary() && ledger.settled() && cancels_pending == 0;
}

HandOver Server::pack() {
  auto connection = stream.detach();
  return HandOver{.pool = share().id,
                  .socket = connection.socket,
                  .codec = std::move(connection.codec),
                  .id = id,
                  .target = std::move(target),
                  .security = std::move(security),
                  .pid = pid,
                  .cancel_key = std::move(cancel_key),
                  .settings = settings.values(),
                  .own_settings = own_settings.values(),
                  .extras = extras.values(),
                  .extras_sure = extras_sure,
                  .identity = std::move(login_identity_),
                  .born_at = born_at,
                  .idle_since = idle_since,
                  .config_generation = generation,
                  .close_needed = close_needed,
                  .has_named_statements = has_named_statements,
                  .last_client = last_client,
                  .answers_lend = false};
}

bool Server::clean() const {
  return status == 'I' && between_messages() && ledger.settled() && !ledger.doubtful();
}

bool Server::fit_to_roll_back() const {
  return status != 'I' && between_messages() && !more_at_hand_ && ledger.settled() &&
         !ledger.doubtful() && !close_needed && cancels_pending == 0;
}

void Server::ask(std::string_view sql) {
  Buffer out;
  protocol::put_query(out, sql);
  stream.put_copy(out);
  ledger.note(Request::query, Action::drop);
}

void Server::fail_copy(std::string_view why) {
  Buffer out;
  protocol::put_copy_fail(out, why);
  stream.put_copy(out);
  ledger.note(Request::copy_end, Action::forward);
}

void Server::say_goodbye(bool terminate) {
  if (terminate) {
    Buffer out;
    protocol::put_terminate(out);
    stream.put_copy(out);
  }
  stream.finish_when_sent();
}

std::size_t Server::on_bytes(Bytes bytes) {
  if (state == ServerState::logging_in) {
    securing_ ? take_consent(bytes) : take_login(bytes);
  } else if (state != ServerState::leaving) {
    take_answers(bytes);
    more_at_hand_ = false;
    Client* const of = linked();
    const bool again = release_put_off || ending_put_off;
    release_put_off = ending_put_off = false;
    if (again && of != nullptr) worker_.maybe_release(*of);
    if (linked() == of && of != nullptr && of->waits_for_ledger &&
        ledger.owed() < protocol::kLedgerMax / 2) {
      of->waits_for_ledger = false;
      worker_.go_on_later(*of);
    }
  }
  return bytes.size();
}

void Server::on_gone(int error) {
  if (!why_leaving.empty()) return worker_.server_gone(*this, why_leaving);
  std::string why = state == ServerState::dialing ? "connect failed" : "server conn crashed?";
  if (!farewell_.empty()) {
    why += ": " + farewell_;
  } else if (error == kNameUnknown) {
    why = "server DNS lookup failed";
  } else if (error != 0) {
    why += ": " + std::system_category().message(error);
  }
  worker_.server_gone(*this, why);
}

void Server::take_answers(Bytes bytes) {
  Piece piece;
  while (stream.is_open()) {
    const auto cut = framer_.next(bytes, piece);
    if (cut == Framer::Cut::need_more) return;
    if (cut == Framer::Cut::bad_length) {
      return doubt({"08P01", "the server sent a message of an impossible length"});
    }
    if (piece.begins && !begin_answer(piece)) return;
    more_at_hand_ = !bytes.empty();
    // What is understood goes on once it has been: a lie must not reach the client.
    std::optional<Bytes> body;
    if (reading_ == Reading::none) {
      if (!dropping_) forward(piece);
    } else if (reading_ == Reading::all) {
      body = collector_.add(piece);
    } else {
      take_start(piece);
    }
    if (piece.ends) end_answer(piece, body);
    if (state == ServerState::leaving || state == ServerState::closed) return;
  }
}

bool Server::begin_answer(const Piece& piece) {
  const bool asynchronous = piece.tag == 'N' || piece.tag == 'S' || piece.tag == 'A';
  if (release_put_off && !asynchronous) {  // Its client is done: this is not for it.
    worker_.release_and_dismiss(*this);
    return false;
  }
  // What a SET of ours reports is for us to pass on, once all of it is known.
  const bool owed_to_us = ledger.front_is_drop();
  const protocol::ServerMessage* const message = protocol::server_message(piece.tag);
  const auto verdict = message != nullptr ? ledger.on_answer(piece.tag) : protocol::Verdict::desync;
  if (verdict == protocol::Verdict::desync) {
    const bool idle = client == nullptr;
    doubt({"08P01", idle ? "idle server got dirty" : "the server answered what nobody asked"});
    return false;
  }
  own_ = verdict == protocol::Verdict::drop;
  if (own_ && piece.tag == 'E') own_query_failed_ = true;
  dropping_ = own_ || client == nullptr || (owed_to_us && piece.tag == 'S');
  reading_ = message->collected_max == 0                 ? Reading::none
             : piece.body_bytes > message->collected_max ? Reading::start
                                                         : Reading::all;
  if (piece.tag == 'C' && wants_tags()) reading_ = Reading::all;
  if (piece.body_bytes > worker_.config().settings.max_packet_size) {
    doubt({"54000", "the server sent a message longer than max_packet_size"});
    return false;
  }
  if (piece.body_bytes > message->body_max) {
    doubt({"08P01", "the server sent an overlong " + std::string{message->name}});
    return false;
  }
  return true;
}

// The message at hand was not asked for, by a client or by us.
bool Server::for_nobody() const { return client == nullptr && !own_; }

void Server::doubt(const Fault& fault) {
  // Its client has had all that it is owed: the lie is not for it.
  release_put_off ? worker_.release_and_dismiss(*this) : worker_.lose_link(*this, fault);
}

void Server::forward(const Piece& piece) {
  Client* const to = linked();
  if (to == nullptr) return;
  passing_ = !piece.ends;
  if (!piece.carry.empty()) to->stream.put_copy(piece.carry);
  to->stream.put(piece.raw);
}

void Server::end_answer(const Piece& piece, std::optional<Bytes> body) {
  if (body) {
    if (const auto fault = note(piece.tag, *body)) return doubt(*fault);
    if (piece.tag == 'Z' && went_back && !dropping_ && worker_.go_back(*this)) {
      dropping_ = ready_withheld_ = true;
    }
    if (!dropping_) pass_on(piece, *body);
    if (piece.tag == 'Z') return on_ready_for_query();
    if (piece.tag == 'E' && for_nobody()) return doubt(own_fault_);
  }
  if (client != nullptr) pay_ours();
}

std::optional<Fault> Server::note(char tag, Bytes body) {
  switch (tag) {
    case 'S':
      return note_status(body);
    case 'E':
      return note_error(body);
    case 'Z':
      return note_ready(body);
    default:
      note_tag(body);
      return std::nullopt;
  }
}

// A message that was collected: as it stands, or put together again when a read had split it.
void Server::pass_on(const Piece& piece, Bytes body) {
  if (piece.begins && piece.carry.empty()) return forward(piece);
  put_copy(piece, body);
}

// The message from its header on, as far as `body` goes.
void Server::put_copy(const Piece& piece, Bytes body) {
  Client* const to = linked();
  if (to == nullptr) return;
  std::uint8_t head[protocol::kHeaderBytes] = {static_cast<std::uint8_t>(piece.tag)};
  store_u32(head + 1, piece.body_bytes + 4);
  to->stream.put_copy(head);
  to->stream.put_copy(body);
}

// An ErrorResponse too long to be kept: what must be known of it stands at its beginning.
void Server::take_start(const Piece& piece) {
  const auto max = protocol::server_message(piece.tag)->collected_max;
  const auto start = collector_.add_start(piece, max);
  if (!start) return;
  reading_ = Reading::none;  // The rest streams by.
  if (const auto fault = note_error(start->first)) return doubt(*fault);
  end_whole(own_fault_.text);
  end_whole(farewell_);
  if (for_nobody()) return doubt(own_fault_);
  Client* const to = linked();
  if (dropping_ || to == nullptr) return;
  put_copy(piece, start->first);
  to->stream.put(start->rest);
  passing_ = !piece.ends;
}

std::optional<Fault> Server::note_error(Bytes body) {
  const auto fields = protocol::parse_error(body);
  if (!fields.has_sqlstate) {
    return Fault{"08P01", "the server sent an ErrorResponse without a SQLSTATE"};
  }
  const bool last = fields.severity == "FATAL" || fields.severity == "PANIC";
  if (last) {
    farewell_ = fields.message;
    close_needed = true;
  }
  if (!dropping_) {
    client_told_ = last;
  } else {
    own_fault_ = {protocol::known_sqlstate(fields.sqlstate), fields.message, fields.hint};
  }
  return std::nullopt;
}

std::optional<Fault> Server::note_ready(Bytes body) {
  const char now = body.empty() ? '\0' : static_cast<char>(body[0]);
  if (now != 'I' && now != 'T' && now != 'E') {
    return Fault{"08P01", "the server sent a malformed ReadyForQuery"};
  }
  status = now;
  return std::nullopt;
}

void Server::on_ready_for_query() {
  worker_.ready_for_query(*this, own_);
  own_query_failed_ = false;
}

// Answers of ours whose place in the order has come.
void Server::pay_ours() {
  while (const auto request = ledger.take_ours()) {
    WEIR_CHECK(*request == Request::parse || *request == Request::bind ||
               *request == Request::close);
    const char tag = *request == Request::parse ? '1' : *request == Request::bind ? '2' : '3';
    const std::uint8_t answer[] = {static_cast<std::uint8_t>(tag), 0, 0, 0, 4};
    linked()->stream.put_copy(answer);
  }
}

}  // namespace weir::proxy
