#include "proxy/doctor/examine.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "protocol/crypto.h"
#include "proxy/doctor/knock.h"
#include "proxy/doctor/names.h"
#include "proxy/doctor/questions.h"
#include "proxy/doctor/session.h"
#include "proxy/io/command.h"
#include "proxy/turn_taker.h"

namespace weir::proxy::doctor {

namespace {

using protocol::SecretKind;

// The loop runs until every command has ended.
class Commands final : public TurnTaker {
 public:
  explicit Commands(std::vector<Errand>& errands) {
    for (Errand& errand : errands) {
      if (errand.command.empty()) continue;
      auto& waiting = waiting_[errand.command];
      if (waiting.empty()) ++running_;
      waiting.push_back(&errand);
    }
  }

  void run() {
    if (running_ == 0) return;
    for (auto& [command, waiting] : waiting_) {
      commands_.push_back(std::make_unique<io::Command>(
          street_[0], command, kCommandTimeMax,
          [this, errands = &waiting](Result<std::string> output) { end(*errands, output); }));
    }
    street_[0].run(*this);
    commands_.clear();
  }

  void deliver(Mail) override {}
  Instant next_deadline() const override { return kNever; }
  void on_time() override {}
  void end_turn() override {}
  bool finished() const override { return running_ == 0; }

 private:
  void end(const std::vector<Errand*>& errands, Result<std::string>& output) {
    --running_;
    for (Errand* errand : errands) {
      if (output) errand->secrets.insert(errand->secrets.begin(), *output);
      if (!output) errand->visit.no_password = output.error().text;
    }
    if (output) protocol::wipe(*output);
  }

  io::Street street_{1};
  std::map<std::string, std::vector<Errand*>> waiting_;
  std::vector<std::unique_ptr<io::Command>> commands_;
  std::size_t running_ = 0;
};

class Visitor {
 public:
  Visitor(const config::Config& config, tls::Contexts& contexts, Errand& errand)
      : config_(config), contexts_(contexts), errand_(errand), visit_(errand.visit) {}

  void go() {
    const auto port = static_cast<std::uint16_t>(visit_.port);
    Addresses found = resolve(visit_.host, port);
    visit_.unresolved = std::move(found.complaint);
    visit_.network = found.network;
    if (!visit_.unresolved.empty()) return;
    for (const auto& address : found.all) {
      if (address.family() != AF_UNIX) addresses_.push_back(address.host());
    }
    visit_.knock = knock(visit_, found.all, config_.server_tls(*errand_.target), contexts_);
    const Knock& knocked = *visit_.knock;
    if (!knocked.unreachable.empty() || !knocked.tls_fault.empty()) return;
    if (knocked.tls_refused && knocked.tls.empty() && demands_tls()) return;
    if (may_log_in()) log_in();
  }

 private:
  bool demands_tls() const {
    return config_.server_tls(*errand_.target).mode >= config::SslMode::require;
  }
  // libpq has no use for a secret that is hashed already.
  bool may_log_in() const {
    const bool hashed = visit_.kind == SecretKind::md5 || visit_.kind == SecretKind::scram ||
                        visit_.kind == SecretKind::broken;
    const bool open = visit_.knock->asked == Asked::nothing;
    return !visit_.user.empty() && visit_.no_password.empty() && (open || !hashed);
  }

  void log_in() {
    std::vector<std::string> passwords;
    for (const std::string& secret : errand_.secrets) {
      if (protocol::secret_kind(secret) == SecretKind::plain) passwords.push_back(secret);
    }
    if (passwords.empty()) passwords.emplace_back();
    visit_.tried = true;
    for (std::size_t i = 0; i < passwords.size(); ++i) {
      const bool let_in = log_in_with(passwords[i], i == 0);
      if (i > 0 && let_in) visit_.alternate_let_in = true;
      if (let_in) break;
    }
    for (std::string& password : passwords) protocol::wipe(password);
  }

  bool log_in_with(const std::string& password, bool first) {
    Session session({visit_, config_, *errand_.target, addresses_, password});
    if (!session.open()) {
      if (first) visit_.login_error = session.complaint();
      return false;
    }
    visit_.server = ask_server(session);
    if (!visit_.asks_auth_query.empty()) {
      visit_.inquiry = ask_inquiry(session, visit_.asks_auth_query, visit_.user);
    }
    return true;
  }

  const config::Config& config_;
  tls::Contexts& contexts_;
  Errand& errand_;
  Visit& visit_;
  std::vector<std::string> addresses_;
};

}  // namespace

void run_commands(std::vector<Errand>& errands) { Commands(errands).run(); }

void make_visits(const config::Config& config, std::vector<Errand>& errands,
                 tls::Contexts& contexts) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < errands.size(); i = next++) {
      Visitor(config, contexts, errands[i]).go();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(kVisitsAtOnce, errands.size()); ++i) {
    threads.emplace_back(work);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace weir::proxy::doctor
