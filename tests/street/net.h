// net.h: the fake street: connections, doors, mailboxes and time, in one thread. Nothing moves but
// by step(), and what moves next is for the Policy to say.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/mail.h"
#include "proxy/turn_taker.h"
#include "tests/street/peer.h"
#include "tests/street/policy.h"

namespace weir::street {

class FakeTransport;

// Where pgweir can dial to.
struct Door {
  enum class Answer : unsigned char { accept, refuse, hang };
  Answer answer = Answer::accept;
  int error = ECONNREFUSED;  // refuse.
  std::function<void(Peer&)> on_connect;
  // Connections as the one behind the door sees them: until pgweir closes.
  std::size_t open = 0, open_max = 0, opened = 0;
  std::size_t tried = 0;  // Those that were refused, too.
};

class FakeNet {
 public:
  explicit FakeNet(Policy& policy) : policy_(policy) {}
  ~FakeNet();

  Instant now() const { return now_; }

  // Workers take their turns by their numbers, from 0.
  void join(proxy::TurnTaker& worker) { workers_.push_back(&worker); }
  // Nobody takes turns any more.
  void disband() { workers_.clear(); }

  Door& door(const std::string& host, std::uint16_t port) { return doors_[{host, port}]; }
  // From now on `host` is a name for these, tried in turn; without any it is its own address.
  void name(const std::string& host, std::vector<std::string> addresses) {
    names_[host] = std::move(addresses);
  }
  bool leads_to(const std::string& host, const std::string& address) const {
    const auto found = names_.find(host);
    return found == names_.end() ||
           std::find(found->second.begin(), found->second.end(), address) != found->second.end();
  }
  // A connection for a worker to adopt by its number.
  Peer& accepted();
  // Frees a connection that pgweir has closed. REQUIRES: closed().
  void forget(Peer& peer);
  std::size_t connections() const { return peers_.size(); }

  // `from`: a worker, or anything else for a sender of its own.
  void post(std::size_t from, std::size_t to, proxy::Mail mail);
  std::size_t letters_waiting() const;

  // One event; false when there is none at this time.
  bool step();
  // REQUIRES: it comes to rest within so many steps.
  void run_until_quiet(std::size_t steps_max = 1'000'000);
  // When time itself would make something happen; kNever.
  Instant next_due() const;
  // Time passes, and what falls due on the way happens at its time.
  void run_for(Instant span);
  // Time passes at once, whatever falls due.
  void jump(Instant span) { now_ += span; }

  // What a command prints, by its text; others fail.
  std::map<std::string, std::string> commands;
  std::size_t commands_run = 0;

  // Called after every event, once the worker's turn has ended (the simulator's auditor).
  std::function<void()> after_step;

 private:
  friend class Peer;
  friend class FakeTransport;
  friend class FakeWorld;
  friend class FakeCommand;

  enum class Kind : unsigned char { open, inward, gone, writable, outward, mail, command };
  struct Event {
    Kind kind;
    Peer* peer = nullptr;
    std::size_t from = 0, to = 0;
    Instant due = 0;
  };

  struct Running {  // Event::from is its key, Event::to its worker.
    std::string command;
    proxy::CommandUser* user;
  };

  Peer& dialled(const proxy::Target& target);
  // The first address that does not refuse, or the last of them.
  proxy::Target reached(const proxy::Target& target) const;
  void queue(Kind kind, Peer& peer, Instant due = 0);
  void unqueue(Kind kind, Peer& peer);
  void leave_pgweir(Peer& peer);
  bool works(std::size_t worker) const;
  bool runnable(const Event& event) const;
  void run(Event event);
  void run_open(Peer& peer);
  void run_inward(Peer& peer);
  void run_gone(Peer& peer);
  void run_outward(Peer& peer);
  void run_mail(std::size_t from, std::size_t to);
  void run_command(std::size_t key, std::size_t worker);
  void end_turn(std::size_t worker);

  Policy& policy_;
  Instant now_ = 1000 * kSecond;
  std::vector<proxy::TurnTaker*> workers_;
  std::map<std::pair<std::string, std::uint16_t>, Door> doors_;
  std::map<std::string, std::vector<std::string>> names_;
  std::map<proxy::Socket, std::unique_ptr<Peer>> peers_;
  std::map<std::pair<std::size_t, std::size_t>, std::deque<proxy::Mail>> mailboxes_;
  std::vector<std::unique_ptr<FakeTransport>> graves_;
  std::map<std::size_t, Running> running_;
  std::size_t command_keys_ = 0;
  std::vector<Event> pending_;
  std::vector<std::size_t> choices_;
  proxy::Socket numbers_ = 0;
};

}  // namespace weir::street
