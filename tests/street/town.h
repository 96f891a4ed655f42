// town.h: N workers on a fake street, with their Commons, an Office and a Log that remember.
//
// A test makes clients with connect(), opens doors with net.door() for the servers, and lets it
// happen with run() or run_for(). Nothing here is random but by Plan::seed and the Policy.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/commons.h"
#include "proxy/log.h"
#include "proxy/worker.h"
#include "tests/street/chance.h"
#include "tests/street/fake_world.h"
#include "tests/street/net.h"
#include "tests/street/policy.h"

namespace weir::street {

struct Plan {
  std::string config;                               // As the operator writes it.
  std::map<std::string, std::string> secrets = {};  // User to secret, as auth_file would say.
  std::size_t workers = 1;
  std::uint64_t seed = 1;
};

class Lines final : public proxy::Log {
 public:
  std::vector<std::string> lines;
  bool debug = false;
  bool contains(std::string_view text) const;

  void line(proxy::Level, std::string_view text) override { lines.emplace_back(text); }
  bool wants(proxy::Level level) const override { return debug || level != proxy::Level::debug; }
  void reopen(const proxy::LogPlaces&) override {}
  void set_debug(bool wanted) override { debug = wanted; }
};

class Town final : private proxy::Office {
 public:
  Town(Policy& policy, Plan plan);
  ~Town();

  Chance chance;
  FakeNet net;
  Lines log;

  proxy::Commons& commons() { return *commons_; }
  proxy::Worker& worker(std::size_t index) { return *workers_[index]; }
  std::size_t workers() const { return workers_.size(); }
  bool finished() const;  // All workers are.

  // A client at the door of this worker. `uid`: by unix socket, as this user.
  Peer& connect(std::size_t worker = 0, std::optional<std::uint32_t> uid = {});

  bool step() { return net.step(); }
  void run() { net.run_until_quiet(); }
  void run_for(Instant span) { net.run_for(span); }

  // As SIGHUP does: loads this text and mails it to every worker.
  void reload(const std::string& text) { reload_text = text, reload(0, 0); }
  void shut_down(proxy::Stop stop) override;

  std::string reload_text;         // What RELOAD finds; the first text if never changed.
  std::size_t reloads_done = 0;    // Applied by all workers.
  std::vector<proxy::Stop> stops;  // Every shut_down().
  bool accepting = true;

 private:
  struct Generation {
    std::unique_ptr<const proxy::config::Config> config;
    std::size_t applied = 0;
    std::size_t asked_by = 0;
    std::uint64_t client = 0;
  };

  void reload(std::size_t worker, std::uint64_t client) override;
  void stop_accepting() override { accepting = false; }
  void reload_applied(std::size_t worker, const proxy::config::Config* config) override;
  // The office sends its letters as nobody's worker.
  void post_to_all(const proxy::Mail& mail);

  const Plan plan_;
  std::vector<Generation> generations_;
  std::unique_ptr<proxy::Commons> commons_;
  std::vector<std::unique_ptr<FakeWorld>> worlds_;
  std::vector<std::unique_ptr<proxy::Worker>> workers_;
  std::uint16_t ports_ = 40'000;  // Of clients, for their addresses.
};

}  // namespace weir::street
