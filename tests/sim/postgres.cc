#include "tests/sim/postgres.h"

#include <algorithm>

#include "protocol/encode.h"

namespace weir::sim {

using street::Door;
using street::Peer;

namespace {

constexpr std::size_t kSocketBytes = 64 * 1024;  // Unread answers that stop a backend.

bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::size_t client_in(std::string_view text) {
  for (std::size_t at = 0; at + 2 < text.size(); ++at) {
    if (text[at] != 'c' || !digit(text[at + 1])) continue;
    std::size_t id = 0;
    std::size_t end = at + 1;
    for (; end < text.size() && digit(text[end]); ++end) {
      id = id * 10 + static_cast<std::size_t>(text[end] - '0');
    }
    if (end < text.size() && text[end] == '.') return id;
  }
  return 0;
}

// --- The door.

void Postgres::open_door() {
  for (const std::string& machine : machines_) {
    Door& door = stage_.town.net.door(machine, 5432);
    door.answer = Door::Answer::accept;
    door.on_connect = [this](Peer& peer) { on_connect(peer); };
  }
  stage_.town.net.name("pg", machines_);
}

void Postgres::close_door(Door::Answer answer) {
  for (const std::string& machine : machines_) {
    stage_.town.net.door(machine, 5432).answer = answer;
  }
  ++stage_.excuses.login_troubles;
}

void Postgres::on_connect(Peer& peer) {
  std::swap(machines_.front(), machines_.back());
  stage_.town.net.name("pg", machines_);
  const std::uint32_t pid = ++last_pid_;
  auto made = std::make_unique<Backend>();
  made->pid = pid;
  made->peer = &peer;
  made->key = static_cast<std::uint32_t>(stage_.chance.next());
  Backend& backend = *(backends_[pid] = std::move(made));
  peer.set_capacity(stage_.chance.one_in(4) ? 512 : 64 * 1024);
  peer.on_event = [this, &backend] { on_event(backend); };
}

void Postgres::crash() {
  stage_.say("PG", "crashes");
  ++stage_.excuses.server_deaths;
  close_door(Door::Answer::refuse);
  for (auto& [pid, backend] : backends_) {
    if (backend->phase == Backend::Phase::exited) continue;
    backend->phase = Backend::Phase::exited;
    stage_.chance.one_in(2) ? backend->peer->reset(ECONNRESET) : backend->peer->close();
  }
}

void Postgres::end_one(bool politely) {
  std::vector<Backend*> living;
  for (auto& [pid, backend] : backends_) {
    if (backend->phase == Backend::Phase::live) living.push_back(backend.get());
  }
  if (living.empty()) return;
  Backend& backend = *living[stage_.chance.below(living.size())];
  ++stage_.excuses.server_deaths;
  stage_.say(backend.name(), politely ? "is terminated" : "drops dead");
  if (politely) {
    return refuse(backend, "57P01", "terminating connection due to administrator command");
  }
  backend.phase = Backend::Phase::exited;
  backend.peer->reset(ECONNRESET);
}

void Postgres::pump() {
  for (auto at = backends_.begin(); at != backends_.end();) {
    Backend& backend = *at->second;
    if (backend.phase == Backend::Phase::live) go_on(backend);
    if (backend.phase == Backend::Phase::exited && backend.peer->closed()) {
      stage_.town.net.forget(*backend.peer);
      at = backends_.erase(at);
    } else {
      ++at;
    }
  }
}

const Backend* Postgres::find(std::uint32_t pid) const {
  const auto found = backends_.find(pid);
  return found == backends_.end() ? nullptr : found->second.get();
}

std::size_t Postgres::alive() const {
  return static_cast<std::size_t>(std::count_if(
      backends_.begin(), backends_.end(), [](const auto& entry) { return entry.second->alive(); }));
}

// --- One connection.

void Postgres::on_event(Backend& backend) {
  const Buffer got = backend.peer->take();
  if (backend.phase == Backend::Phase::exited) return;
  if (backend.phase != Backend::Phase::startup) {
    backend.in += as_text(got);
    if (backend.phase == Backend::Phase::live) return go_on(backend);
    if (backend.phase == Backend::Phase::proving) take_proof(backend);
    if (backend.peer->ended()) leave(backend);
    return;
  }
  Bytes left = got;
  const auto packet = backend.reader.next(left);
  if (!packet) {
    stage_.complain(backend.name() + ": a malformed startup packet: " + packet.error().text);
    return leave(backend);
  }
  if (*packet) return start(backend, **packet);
  if (backend.peer->ended()) leave(backend);
}

void Postgres::start(Backend& backend, const protocol::Startup& startup) {
  if (startup.kind == protocol::Startup::Kind::cancel) {
    backend.phase = Backend::Phase::cancelling;
    const std::uint32_t key = load_u32(startup.cancel_key.data());
    const std::uint32_t pid = startup.cancel_pid;
    const std::string& machine = backend.peer->target.host;
    return stage_.later(stage_.span(10 * kMillisecond), [=, this, own = backend.pid] {
      cancel(machine, pid, key);
      if (const auto at = backends_.find(own); at != backends_.end()) leave(*at->second);
    });
  }
  Settings asked;
  for (const auto& [name, value] : startup.parameters) {
    if (name == "database") backend.database = value;
    if (name == "user") backend.user = value;
    asked[name] = value;
  }
  backend.phase = Backend::Phase::login;
  backend.session.emplace(asked);
  stage_.say(backend.name(), "logs in " + backend.database + "/" + backend.user);
  if (habits.hangs_one_in > 0 && stage_.chance.one_in(habits.hangs_one_in)) {
    ++stage_.excuses.login_troubles;
    return;
  }
  stage_.later(stage_.span(habits.login_max + 1), [this, pid = backend.pid] {
    const auto at = backends_.find(pid);
    if (at != backends_.end() && at->second->phase == Backend::Phase::login) log_in(*at->second);
  });
}

void Postgres::log_in(Backend& backend) {
  if (alive() > habits.connections_max) {
    ++stage_.excuses.login_troubles;
    return refuse(backend, "53300", "sorry, too many clients already");
  }
  if (habits.refuses_one_in > 0 && stage_.chance.one_in(habits.refuses_one_in)) {
    ++stage_.excuses.login_troubles;
    return stage_.chance.one_in(2) ? refuse(backend, "57P03", "the database system is starting up")
                                   : refuse(backend, "28000", "role is not permitted to log in");
  }
  ask_proof(backend);
}

// PostgreSQL proves pgweir by the same code by which pgweir proves its clients.
void Postgres::ask_proof(Backend& backend) {
  backend.phase = Backend::Phase::proving;
  backend.proof.emplace(
      protocol::ClientLogin::Options{.type = logins.servers,
                                     .user = backend.user,
                                     .secrets = {logins.server_secret(backend.user)},
                                     .entropy = entropy(stage_.novelty)});
  Buffer out;
  step_proof(backend, backend.proof->start(out), out);
}

void Postgres::take_proof(Backend& backend) {
  while (backend.phase == Backend::Phase::proving) {
    const auto message = take_message(backend.in);
    if (!message) return;
    if (message->tag != 'p') return leave(backend);  // It has thought better of it.
    Buffer out;
    step_proof(backend, backend.proof->on_message(as_bytes(message->body), out), out);
  }
}

void Postgres::step_proof(Backend& backend, protocol::ClientLogin::Step step, Buffer& out) {
  if (step == protocol::ClientLogin::Step::proved) return welcome(backend, out);
  if (step == protocol::ClientLogin::Step::more) return send(backend, out);
  stage_.complain(backend.name() + ": pgweir failed its login: " + backend.proof->fault().text);
}

void Postgres::welcome(Backend& backend, Buffer& out) {
  backend.phase = Backend::Phase::live;
  for (const auto& [name, value] : backend.session->settings()) {
    if (is_reported(name)) protocol::put_parameter_status(out, name, value);
  }
  Buffer key(4);
  store_u32(key.data(), backend.key);
  protocol::put_backend_key_data(out, backend.pid, key);
  protocol::put_ready_for_query(out, 'I');
  send(backend, out);
}

void Postgres::go_on(Backend& backend) {
  while (backend.phase == Backend::Phase::live && !backend.running &&
         backend.peer->in_flight() < kSocketBytes) {
    const auto message = take_message(backend.in);
    if (!message) {
      if (backend.peer->ended()) leave(backend);
      return;
    }
    stage_.say(backend.name(), "takes " + text_of(*message));
    watch(backend, *message);
    const Instant cost = backend.session->cost(*message);
    if (cost == 0) {
      step(backend, *message);
      continue;
    }
    backend.running = *message;
    stage_.later(cost, [this, pid = backend.pid, run = ++backend.runs] { finish(pid, run); });
  }
}

void Postgres::step(Backend& backend, const Message& message) {
  Buffer out;
  backend.session->step(message, out);
  send(backend, out);
  if (backend.session->at_rest()) backend.owner = 0;
  if (backend.session->over()) leave(backend);
}

void Postgres::finish(std::uint32_t pid, std::size_t run) {
  const auto at = backends_.find(pid);
  if (at == backends_.end() || at->second->runs != run || !at->second->running) return;
  Backend& backend = *at->second;
  if (backend.phase != Backend::Phase::live) return;
  const Message message = *std::exchange(backend.running, std::nullopt);
  step(backend, message);
  go_on(backend);
}

void Postgres::cancel(const std::string& machine, std::uint32_t pid, std::uint32_t key) {
  const auto at = backends_.find(pid);
  if (at == backends_.end()) return;  // It is gone: PostgreSQL shrugs as well.
  Backend& backend = *at->second;
  if (backend.key != key) {
    return stage_.complain(backend.name() + ": a cancel with a wrong key came through");
  }
  if (backend.peer->target.host != machine) {
    return stage_.complain(backend.name() + ": a cancel for it came to " + machine);
  }
  if (!backend.running || backend.phase != Backend::Phase::live) return;
  const Message message = *std::exchange(backend.running, std::nullopt);
  stage_.say(backend.name(), "is cancelled in " + text_of(message));
  if (on_cancelled) on_cancelled(backend.owner);
  Buffer out;
  backend.session->cancel(message, out);
  send(backend, out);
  if (backend.session->at_rest()) backend.owner = 0;
  go_on(backend);
}

// One transaction is one client's.
void Postgres::watch(Backend& backend, const Message& message) {
  const std::size_t client = client_in(message.body);
  if (client == 0) return;
  if (backend.owner != 0 && backend.owner != client) {
    stage_.complain(backend.name() + ": client " + std::to_string(client) + " speaks within " +
                    "the transaction of client " + std::to_string(backend.owner) + ": " +
                    text_of(message));
  }
  backend.owner = client;
}

void Postgres::send(Backend& backend, const Buffer& out) {
  if (stage_.tracing()) {
    std::string bytes{as_text(out)};
    std::string said;
    while (const auto message = take_message(bytes)) said += text_of(*message) + " ";
    if (!said.empty()) stage_.say(backend.name(), "says " + said.substr(0, 300));
  }
  backend.peer->send(out);
}

void Postgres::refuse(Backend& backend, const char* sqlstate, const std::string& text) {
  Buffer out;
  protocol::put_error(out, protocol::Severity::fatal, {sqlstate, text, {}});
  send(backend, out);
  leave(backend);
}

void Postgres::leave(Backend& backend) {
  if (backend.phase == Backend::Phase::exited) return;
  stage_.say(backend.name(), "hangs up");
  backend.phase = Backend::Phase::exited;
  backend.running.reset();
  backend.peer->close();
}

}  // namespace weir::sim
