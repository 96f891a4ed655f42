#include "proxy/inquiry.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocol/crypto.h"
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "proxy/worker.h"

namespace weir::proxy {

using protocol::Framer;
using protocol::ServerLogin;

namespace {

// What PgBouncer's default means, whatever else bears these names in a search_path.
constexpr std::string_view kDefaultQualified =
    "SELECT rolname, CASE WHEN rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL "
    "ELSE rolpassword END FROM pg_catalog.pg_authid "
    "WHERE rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND rolcanlogin";

}  // namespace

Inquiry::Inquiry(Worker& worker, InquiryId id)
    : Deadline(Kind::inquiry), worker_(worker), id_(std::move(id)), stream_(worker, *this) {}

Inquiry::~Inquiry() { forget_kept(); }

void Inquiry::forget_kept() {
  for (auto& [user, kept] : kept_) {
    if (kept.secret) protocol::wipe(*kept.secret);
  }
  kept_.clear();
}

void Inquiry::ask(const std::string& user, const Asker& asker, bool fresh) {
  const Instant now = worker_.world.now();
  asked_at_ = now;
  const auto kept = kept_.find(user);
  // A wrong password asks afresh; a thousand of them in a second do so once.
  const bool usable = kept != kept_.end() && now < kept->second.until &&
                      (!fresh || now < kept->second.since + kInquiryRetry);
  if (usable) return tell({user, now, {asker}, 0}, kept->second.secret, false, true);
  // The first may have been answered by the server already, before something was changed.
  for (std::size_t i = state_ == State::asking ? 1 : 0; i < questions_.size(); ++i) {
    if (questions_[i].user == user) return questions_[i].askers.push_back(asker);
  }
  const bool hopeless = refused_ && now < retry_at_;
  if (hopeless || questions_.size() >= kQuestionsMax) {
    return tell({user, now, {asker}, 0}, std::nullopt, true);
  }
  questions_.push_back({user, now, {asker}, 0});
  go_on();
}

void Inquiry::reload() {
  forget_kept();
  refused_ = false;
  retry_at_ = 0;
  if (state_ != State::asking) close();
  opened_at_ = -kNever / 2;  // One that is asking closes behind its answer.
  go_on();
}

void Inquiry::close() {
  worker_.deadlines.disarm(*this);
  const State was = std::exchange(state_, State::closed);
  if (was == State::ready) {
    Buffer out;
    protocol::put_terminate(out);
    stream_.put_copy(out);
    stream_.flush();
  }
  stream_.close();
  securing_.reset();
  login_.reset();
  framer_ = Framer{kAnswerBytesMax};
  if (was == State::closed) return;
  worker_.commons.servers.fetch_sub(1);
  worker_.check_finished();
}

void Inquiry::go_on() {
  const auto& settings = worker_.config().settings;
  if (state_ == State::ready) {
    if (!questions_.empty()) return put_question();
    const auto idle_timeout = settings.server_idle_timeout_us;
    if (idle_timeout > 0) worker_.deadlines.arm(*this, worker_.world.now() + idle_timeout);
  }
  // Not at once: the connection that has just been closed may still be on the stack.
  if (state_ == State::closed && !questions_.empty()) {
    worker_.deadlines.arm(*this, std::max(retry_at_, worker_.world.now()));
  }
}

void Inquiry::on_deadline() {
  switch (state_) {
    case State::closed:
      return questions_.empty() ? void() : dial();
    case State::ready:
      return close();
    case State::dialing:
    case State::securing:
    case State::logging_in:
      return fail("connect timeout", false);
    case State::asking:
      return fail("no answer", false);
  }
}

void Inquiry::dial() {
  const auto& config = worker_.config();
  const config::Database* const database = config.find_database(id_.database);
  if (database == nullptr) return fail("the database is gone from the configuration", true);
  const auto& hosts = database->hosts;
  const Target target{
      hosts.empty() ? config.settings.unix_socket_dir : hosts[host_turn_ % hosts.size()],
      static_cast<std::uint16_t>(database->port)};
  security_ = {config.server_tls(*database), target.host};
  state_ = State::dialing;
  worker_.commons.servers.fetch_add(1);
  const auto timeout = config.settings.server_connect_timeout_us;
  if (timeout > 0) worker_.deadlines.arm(*this, worker_.world.now() + timeout);
  opened_at_ = worker_.world.now();
  stream_.dial(worker_.world, target);
}

void Inquiry::on_open(const Target&) {
  state_ = State::securing;
  securing_ = std::make_unique<SecureStart>(stream_, worker_.commons.tls, security_);
  follow(securing_->begin());
}

void Inquiry::follow(SecureStart::Step step) {
  if (step == SecureStart::Step::more) return;
  if (step == SecureStart::Step::ready) return start_login();
  const Fault fault = securing_->fault();
  fail(fault.text, false);
}

void Inquiry::start_login() {
  securing_.reset();
  const auto& config = worker_.config();
  const config::Database* const database = config.find_database(id_.database);
  if (database == nullptr) return fail("the database is gone from the configuration", true);
  ServerLogin::Request request;
  request.user = id_.auth_user;
  request.database = database->server_dbname(id_.database);
  request.channel_binding = config.channel_binding(*database);
  auto all = passwords();
  if (!all.empty()) request.secret = std::move(all[password_turn_ % all.size()]);
  if (const Codec* codec = stream_.codec()) request.end_point = codec->end_point();
  protocol::ScramNonce nonce{};
  worker_.world.random(nonce);
  login_ = std::make_unique<ServerLogin>(std::move(request), nonce);
  state_ = State::logging_in;
  Buffer out;
  login_->start(out);
  stream_.put_copy(out);
}

std::vector<std::string> Inquiry::passwords() const {
  const auto& config = worker_.config();
  if (const auto* secrets = config.find_secrets(id_.auth_user)) return *secrets;
  const config::Database* const database = config.find_database(id_.database);
  std::vector<std::string> all;
  if (database == nullptr || database->user != id_.auth_user) return all;
  if (database->password) all.push_back(*database->password);
  if (database->password_alternate) all.push_back(*database->password_alternate);
  return all;
}

// As for a pool's servers: the one may be gone already, or the other not be there yet.
bool Inquiry::try_other_password(const Fault& fault) {
  if (!std::string_view{fault.sqlstate}.starts_with("28")) return false;
  ++password_turn_;
  if (++passwords_refused_ >= passwords().size()) {
    passwords_refused_ = 0;
    return false;
  }
  close();
  go_on();
  return true;
}

std::size_t Inquiry::on_bytes(Bytes bytes) {
  const std::size_t all = bytes.size();
  switch (state_) {
    case State::securing:
      follow(securing_->take(bytes));
      break;
    case State::logging_in:
      take_login(bytes);
      break;
    case State::ready:
    case State::asking:
      take_answer(bytes);
      break;
    case State::closed:
    case State::dialing:
      break;
  }
  return all;
}

void Inquiry::on_gone(int error) {
  const bool idle = state_ == State::ready;
  if (idle) return close(), go_on();
  fail(error == 0 ? "the server hung up" : std::system_category().message(error), false);
}

void Inquiry::take_login(Bytes bytes) {
  protocol::Piece piece;
  while (framer_.next(bytes, piece) == Framer::Cut::piece) {
    if (piece.body_bytes > protocol::kLoginMessageBytesMax) break;
    const auto body = collector_.add(piece);
    if (!body) continue;
    Buffer out;
    const auto step = login_->on_message(piece.tag, *body, out);
    stream_.put_copy(out);
    if (step == ServerLogin::Step::failed) {
      return login_refused(login_->fault(), login_->certain());
    }
    if (step == ServerLogin::Step::more) continue;
    login_.reset();
    worker_.deadlines.disarm(*this);
    state_ = State::ready;
    refused_ = false;
    passwords_refused_ = 0;
    return go_on();
  }
  if (!bytes.empty()) fail("the server sent a message of an impossible length", false);
}

void Inquiry::login_refused(const Fault& fault, bool certain) {
  if (try_other_password(fault)) return;
  // There is no such database, or it is not for us: many a stranger's invention behind a "*". Its
  // users are as unknown as the others'.
  const std::string_view code = fault.sqlstate;
  no_such_database_ = code == "3D000" || code == "55000" || code == "42501";
  fail("login failed: " + fault.text,
       certain || std::string_view{fault.sqlstate}.starts_with("28"));
  no_such_database_ = false;
}

void Inquiry::put_question() {
  const bool ours = id_.query == config::kAuthQuery;
  const std::array parameters{std::optional<std::string_view>{questions_.front().user}};
  Buffer out;
  protocol::put_parse(out, "", ours ? kDefaultQualified : std::string_view{id_.query});
  protocol::put_bind(out, "", "", parameters);
  protocol::put_execute(out, "", 2);  // A second row is one too many.
  protocol::put_sync(out);
  stream_.put_copy(out);
  state_ = State::asking;
  rows_ = 0;
  secret_.reset();
  complaint_.clear();
  worker_.deadlines.arm(*this, worker_.world.now() + kAnswerWaitMax);
}

void Inquiry::fail(const std::string& why, bool certain) {
  say("auth_query cannot be asked: " + why);
  if (state_ == State::asking) ++questions_.front().tries;
  close();
  ++host_turn_;
  refused_ = certain;
  retry_at_ = worker_.world.now() + kInquiryRetry;
  while (!questions_.empty() && lost(questions_.front())) {
    const Question question = std::move(questions_.front());
    questions_.pop_front();
    tell(question, std::nullopt, !no_such_database_);
  }
  go_on();
}

// Those who have waited too long have gone, and one question must not hold up the others.
bool Inquiry::lost(const Question& question) const {
  if (refused_ || question.tries >= kQuestionTriesMax) return true;
  const auto patience = worker_.config().settings.client_login_timeout_us;
  return patience > 0 && question.since + patience <= worker_.world.now();
}

// Each login asks: the log need not hear of every one.
void Inquiry::say(const std::string& what) {
  const Instant now = worker_.world.now();
  if (what == said_ && now < said_at_ + kInquiryRetry) return;
  said_ = what;
  said_at_ = now;
  worker_.commons.log.line(Level::warning, "database " + id_.database + ": " + what);
}

}  // namespace weir::proxy
