// postgres.h: a model PostgreSQL: one small, true backend a connection. The name "pg" leads to two
// machines, in another order after every connection.
//
// It takes virtual time, stops when its answers are not read, can be cancelled by key, and dies
// in the ways that servers die. What it sees of pgweir that must never be, it tells the stage.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/startup.h"
#include "tests/sim/logins.h"
#include "tests/sim/session.h"
#include "tests/sim/stage.h"

namespace weir::sim {

// The client whose marker ("c7.12") stands in a message; zero: none does.
std::size_t client_in(std::string_view text);

struct Backend {
  enum class Phase { startup, login, proving, live, cancelling, exited };
  std::uint32_t pid = 0;
  street::Peer* peer = nullptr;
  Phase phase = Phase::startup;
  protocol::StartupReader reader;
  std::string in;
  std::optional<protocol::ClientLogin> proof;
  std::optional<Session> session;
  std::string database, user;
  std::uint32_t key = 0;
  std::optional<Message> running;
  std::size_t runs = 0;   // Counts what has run: which one a timer is for.
  std::size_t owner = 0;  // The client whose transaction this is.

  std::string name() const { return "P" + std::to_string(pid); }
  // Counts against PostgreSQL's limits, and pgweir has not let go of it.
  bool alive() const {
    return (phase == Phase::login || phase == Phase::proving || phase == Phase::live) &&
           !peer->closed();
  }
  // Nothing is begun, nothing under way towards it.
  bool at_rest() const {
    return session && session->at_rest() && !running && in.empty() && peer->outward_bytes() == 0 &&
           peer->received.empty();
  }
};

class Postgres {
 public:
  struct Habits {
    std::size_t connections_max = 100;
    Instant login_max = 5 * kMillisecond;
    std::size_t refuses_one_in = 0;  // Logins; zero: none.
    std::size_t hangs_one_in = 0;    // Logins that are never answered; zero: none.
  };
  Habits habits;
  Logins logins;

  explicit Postgres(Stage& stage) : stage_(stage) {}

  void open_door();
  void close_door(street::Door::Answer answer);
  // Every connection breaks; no new ones until open_door().
  void crash();
  // One backend says FATAL and hangs up, or just goes.
  void end_one(bool politely);
  // Those whose answers were not read go on; those that are over are forgotten.
  void pump();
  // Told when a query has been cancelled: whose, and with whose key nobody knows any more.
  std::function<void(std::size_t client)> on_cancelled;

  const std::map<std::uint32_t, std::unique_ptr<Backend>>& backends() const { return backends_; }
  const Backend* find(std::uint32_t pid) const;
  std::size_t alive() const;

 private:
  void on_connect(street::Peer& peer);
  void on_event(Backend& backend);
  void start(Backend& backend, const protocol::Startup& startup);
  void log_in(Backend& backend);
  void ask_proof(Backend& backend);
  void take_proof(Backend& backend);
  void step_proof(Backend& backend, protocol::ClientLogin::Step step, Buffer& out);
  void welcome(Backend& backend, Buffer& out);
  void cancel(const std::string& machine, std::uint32_t pid, std::uint32_t key);
  void go_on(Backend& backend);
  void step(Backend& backend, const Message& message);
  void finish(std::uint32_t pid, std::size_t run);
  void watch(Backend& backend, const Message& message);
  void send(Backend& backend, const Buffer& out);
  void refuse(Backend& backend, const char* sqlstate, const std::string& text);
  void leave(Backend& backend);

  Stage& stage_;
  std::map<std::uint32_t, std::unique_ptr<Backend>> backends_;  // By pid.
  std::uint32_t last_pid_ = 100;
  std::vector<std::string> machines_{"pg1", "pg2"};  // As the name leads now.
};

}  // namespace weir::sim
