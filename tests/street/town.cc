#include "tests/street/town.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "protocol/check.h"
#include "proxy/config/libpq.h"
#include "proxy/config/load.h"

namespace weir::street {

using proxy::config::Config;

namespace {

Result<Config> load(const std::string& text, const Plan& plan) {
  static const proxy::config::Libpq held;  // Else each town loads it anew.
  auto config = proxy::config::load_text("town.ini", text);
  if (!config) return config;
  for (const auto& [user, secret] : plan.secrets) config->secrets[user] = {secret};
  return config;
}

}  // namespace

bool Lines::contains(std::string_view text) const {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& one) { return one.find(text) != std::string::npos; });
}

Town::Town(Policy& policy, Plan plan)
    : chance(plan.seed), net(policy), reload_text(plan.config), plan_(std::move(plan)) {
  auto config = load(plan_.config, plan_);
  if (!config) std::fprintf(stderr, "%s\n", config.error().text.c_str());
  WEIR_CHECK(config.has_value());
  generations_.push_back({std::make_unique<const Config>(std::move(*config)), plan_.workers});
  const Config& first = *generations_.back().config;
  std::array<std::uint8_t, 32> secret{};
  chance.fill(secret);
  proxy::Office& office = *this;
  commons_ = std::make_unique<proxy::Commons>(
      plan_.workers, secret, protocol::Tracked{first.settings.track_extra_parameters}, office, log);
  for (const std::string& complaint : commons_->configure(first)) log.lines.push_back(complaint);
  for (std::size_t i = 0; i < plan_.workers; ++i) {
    worlds_.push_back(std::make_unique<FakeWorld>(net, chance, i));
    workers_.push_back(std::make_unique<proxy::Worker>(*worlds_[i], *commons_, first, i));
    net.join(*workers_[i]);
  }
}

Town::~Town() { net.disband(); }

bool Town::finished() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->finished(); });
}

Peer& Town::connect(std::size_t worker, std::optional<std::uint32_t> uid) {
  Peer& peer = net.accepted();
  proxy::Address address;
  address.family = uid ? proxy::Address::Family::unix_socket : proxy::Address::Family::ip4;
  address.port = ++ports_;
  address.ip = {127, 0, 0, 1};
  commons_->stats[worker].clients.fetch_add(1);
  net.post(plan_.workers, worker, {proxy::Accepted{peer.number, address, uid}});
  return peer;
}

void Town::post_to_all(const proxy::Mail& mail) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (const auto* stop = std::get_if<proxy::Shutdown>(&mail.letter)) {
      net.post(plan_.workers, i, {*stop});
    } else {
      net.post(plan_.workers, i, {std::get<proxy::Reload>(mail.letter)});
    }
  }
}

void Town::shut_down(proxy::Stop stop) {
  stops.push_back(stop);
  post_to_all({proxy::Shutdown{stop}});
}

void Town::reload(std::size_t worker, std::uint64_t client) {
  auto loaded = load(reload_text, plan_);
  if (!loaded) {
    const std::string& text = loaded.error().text;
    log.line(proxy::Level::error, "RELOAD failed: " + text);
    if (client != 0) net.post(plan_.workers, worker, {proxy::ReloadDone{client, text, {}}});
    return;
  }
  for (const std::string& complaint : commons_->configure(*loaded)) log.lines.push_back(complaint);
  generations_.push_back({std::make_unique<const Config>(std::move(*loaded)), 0, worker, client});
  post_to_all({proxy::Reload{generations_.back().config.get()}});
}

void Town::reload_applied(std::size_t, const Config* config) {
  const auto at = std::find_if(generations_.begin(), generations_.end(),
                               [&](const Generation& one) { return one.config.get() == config; });
  if (at == generations_.end() || ++at->applied < workers_.size()) return;
  ++reloads_done;
  if (at->client != 0) {
    net.post(plan_.workers, at->asked_by, {proxy::ReloadDone{at->client, {}, {}}});
  }
  generations_.erase(generations_.begin(), at);
}

}  // namespace weir::street
