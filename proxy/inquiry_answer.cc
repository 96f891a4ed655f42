// inquiry_answer.cc: what a server says to auth_query, and what is believed of it.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "protocol/crypto.h"
#include "protocol/decode.h"
#include "proxy/inquiry.h"
#include "proxy/worker.h"

namespace weir::proxy {

using protocol::Framer;

namespace {

constexpr const char* kNotInRepertoire = "22021";  // A name that is no text in that encoding.

}  // namespace

void Inquiry::take_answer(Bytes bytes) {
  protocol::Piece piece;
  while (state_ != State::closed) {
    const auto cut = framer_.next(bytes, piece);
    if (cut == Framer::Cut::need_more) return;
    if (cut == Framer::Cut::bad_length) return fail("the server's answer is too long", false);
    const auto body = collector_.add(piece);
    if (body && !take_message(piece.tag, *body)) return;
  }
}

// False: the connection is not to be trusted any more, or the answer was its last.
bool Inquiry::take_message(char tag, Bytes body) {
  if (tag == 'N' || tag == 'S' || tag == 'A') return true;
  if (state_ != State::asking) {
    close();
    go_on();
    return false;
  }
  switch (tag) {
    case '1':
    case '2':
    case 'C':
    case 's':
      return true;
    case 'D':
      take_row(body);
      return true;
    case 'E': {
      const auto fields = protocol::parse_error(body);
      // A name that no user can have is no fault of the query.
      if (fields.sqlstate != kNotInRepertoire) {
        complaint_ = fields.message + " (" + fields.sqlstate + ")";
      }
      return true;
    }
    case 'Z':
      if (as_text(body) != "I") complaint_ = "the query leaves a transaction open";
      answer();
      return state_ != State::closed;
    default:
      fail("the server answered what nobody asked", false);
      return false;
  }
}

void Inquiry::take_row(Bytes body) {
  protocol::Reader reader(body);
  if (++rows_ > 1) {
    complaint_ = "it returned more than one row";
    return;
  }
  if (reader.u16() != 2) {
    complaint_ = "it must return two columns, the name and the secret";
    return;
  }
  std::array<std::optional<std::string>, 2> columns;
  for (auto& column : columns) {
    const auto length = reader.u32();
    if (length == 0xffff'ffff) continue;  // NULL
    const auto value = length ? reader.take(*length) : std::nullopt;
    if (!value) {
      complaint_ = "the server's row is malformed";
      return;
    }
    column = as_text(*value);
  }
  // A row of another user must never let this one in, nor tell that there is such another: a query
  // that takes a name for its first 63 bytes finds one.
  if (columns[0] != questions_.front().user) {
    say("auth_query returned a row of another user, which counts as none");
    return;
  }
  secret_ = std::move(columns[1]);
}

void Inquiry::answer() {
  worker_.deadlines.disarm(*this);
  const Question question = std::move(questions_.front());
  questions_.pop_front();
  state_ = State::ready;
  const bool failed = !complaint_.empty();
  if (failed) {
    say("auth_query failed: " + complaint_);
  } else if (const auto keep = worker_.config().settings.auth_query_cache_time_us; keep > 0) {
    if (kept_.size() >= kAnswersKeptMax) forget_kept();
    kept_[question.user] = {secret_, worker_.world.now(), worker_.world.now() + keep};
  }
  tell(question, secret_, failed);
  if (secret_) protocol::wipe(*secret_);
  secret_.reset();
  const auto& config = worker_.config();
  const config::Database* const database = config.find_database(id_.database);
  const Instant lifetime = database == nullptr ? 0 : config.server_lifetime_us(*database);
  if (worker_.world.now() >= opened_at_ + lifetime) close();
  go_on();
}

void Inquiry::tell(const Question& question, const std::optional<std::string>& secret, bool failed,
                   bool kept) {
  for (const Asker& asker : question.askers) {
    SecretFound letter{asker.client, asker.place, {}, failed, kept};
    if (secret && !failed) letter.secrets.push_back(*secret);
    worker_.world.post(asker.worker, {std::move(letter)});
  }
}

}  // namespace weir::proxy
