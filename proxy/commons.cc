#include "proxy/commons.h"

namespace weir::proxy {

Parameters PoolEntry::parameters() const {
  const std::lock_guard lock(mutex_);
  return parameters_;
}

void PoolEntry::set_parameters(Parameters parameters) {
  const std::lock_guard lock(mutex_);
  parameters_ = std::move(parameters);
}

Credential PoolEntry::credential() const {
  const std::lock_guard lock(mutex_);
  return credential_;
}

void PoolEntry::set_credential(const Credential& credential) {
  const std::lock_guard lock(mutex_);
  // A login without a password proves nothing that a server could be told.
  if (!credential.secret.empty()) credential_.secret = credential.secret;
  if (!credential.password.empty()) credential_.password = credential.password;
  if (credential.keys) credential_.keys = credential.keys;
}

std::size_t Offers::of(const std::string& who) const {
  const std::lock_guard lock(mutex_);
  const auto found = turns_.find(who);
  return found == turns_.end() ? 0 : found->second;
}

void Offers::turn(const std::string& who, std::size_t refused) {
  const std::lock_guard lock(mutex_);
  if (turns_.size() >= kOffersMax) turns_.clear();
  std::size_t& turn = turns_[who];
  if (turn == refused) ++turn;  // Of several at once the first moves it on.
}

std::uint32_t HostTurn::now(std::uint32_t hosts) const {
  const std::uint64_t state = state_.load();
  return state >> 32 == hosts ? static_cast<std::uint32_t>(state) : 0;
}

void HostTurn::failed(std::uint32_t hosts, std::uint32_t turn) {
  std::uint64_t state = state_.load();
  const std::uint32_t in_force = state >> 32 == hosts ? static_cast<std::uint32_t>(state) : 0;
  if (in_force != turn) return;
  const std::uint64_t next = std::uint64_t{hosts} << 32 | (turn + 1);
  state_.compare_exchange_strong(state, next);
}

namespace {

GateSettings gate_settings(const config::Settings& settings) {
  GateSettings out;
  out.failures_before_delay = settings.auth_failures_before_delay;
  out.failures_before_refusal = settings.auth_failures_before_refusal;
  out.delay = settings.auth_failure_delay_us;
  out.conns_per_ip = settings.max_client_conn_per_ip;
  out.rate_per_ip = settings.client_conn_rate_per_ip;
  out.rate_per_user = settings.client_conn_rate_per_user;
  return out;
}

}  // namespace

std::vector<std::string> Commons::configure(const config::Config& config) {
  gate.apply(gate_settings(config.settings));
  return tls.load(config.settings.client_tls, config.all_server_tls());
}

bool Commons::lacks_tls(const config::Config& config) const {
  return tls.lacks(config.settings.client_tls, config.all_server_tls());
}

bool Commons::has_room(const PoolId& id) {
  const std::lock_guard lock(mutex_);
  return pools_.size() < kPoolsMax || pools_.contains(id);
}

PoolEntry& Commons::pool(const PoolId& id) {
  NamedLimits& of_database = database(id.database);
  NamedLimits& of_user = user(id.user);
  const std::lock_guard lock(mutex_);
  auto& entry = pools_[id];
  if (!entry) entry = std::make_unique<PoolEntry>(workers, of_database.servers, of_user.servers);
  return *entry;
}

DatabaseCommons& Commons::database(const std::string& name) {
  return find_or_make(databases_, name);
}

NamedLimits& Commons::user(const std::string& name) { return find_or_make(users_, name); }

template <typename T>
T& Commons::find_or_make(std::map<std::string, std::unique_ptr<T>>& all, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& slot = all[name];
  if (!slot) slot = std::make_unique<T>();
  return *slot;
}

Totals Commons::totals() const {
  Totals totals;
  for (const WorkerStats& of : stats) {
    totals.transactions += of.transactions.load(std::memory_order_relaxed);
    totals.queries += of.queries.load(std::memory_order_relaxed);
    totals.links += of.links.load(std::memory_order_relaxed);
    totals.wait_us += of.wait_us.load(std::memory_order_relaxed);
  }
  return totals;
}

}  // namespace weir::proxy
