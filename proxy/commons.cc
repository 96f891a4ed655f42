#include "proxy/commons.h"

#include "protocol/check.h"

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
  if (!credential.keys) return;
  // They may be another password's: the one that was proved in clear text may have been changed.
  if (credential.password.empty()) {
    protocol::wipe(credential_.password);
    credential_.password.clear();
  }
  credential_.keys = credential.keys;
}

std::optional<Fault> PoolEntry::login_fault() const {
  const std::lock_guard lock(mutex_);
  return login_fault_;
}

void PoolEntry::set_login_fault(std::optional<Fault> fault) {
  const std::lock_guard lock(mutex_);
  login_fault_ = std::move(fault);
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
  apply_limits(config.settings);
  return tls.load(config.settings.client_tls, config.all_server_tls());
}

bool Commons::configure_whole(const config::Config& config, std::vector<std::string>& complaints) {
  if (!tls.load_whole(config.settings.client_tls, config.all_server_tls(), complaints)) {
    return false;
  }
  apply_limits(config.settings);
  return true;
}

void Commons::apply_limits(const config::Settings& settings) {
  gate.apply(gate_settings(settings));
  server_limit.set_max(settings.max_server_connections);
}

bool Commons::lacks_tls(const config::Config& config) const {
  return tls.lacks(config.settings.client_tls, config.all_server_tls());
}

bool Commons::has_room(const PoolId& id) {
  const std::lock_guard lock(mutex_);
  return pools_.size() < kPoolsMax || pools_.contains(id);
}

PoolEntry& Commons::hold_pool(const PoolId& id) {
  const std::lock_guard lock(mutex_);
  auto& entry = pools_[id];
  if (!entry) {
    auto& of_database = hold(databases_, id.database);
    entry =
        std::make_unique<PoolEntry>(id, workers, of_database, hold(users_, id.user), server_limit);
  }
  ++entry->holds;
  return *entry;
}

// What is taken of its limits when no share is left are servers on their way: they will arrive, and
// whoever takes them in holds it again.
void Commons::let_go(PoolEntry& pool) {
  const std::lock_guard lock(mutex_);
  WEIR_CHECK(pool.holds > 0);
  if (--pool.holds > 0 || pool.shared.limit.taken() > 0) return;
  let_go_of(databases_, pool.database);
  let_go_of(users_, pool.user);
  pools_.erase(PoolId{pool.id});
}

DatabaseCommons& Commons::hold_database(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return hold(databases_, name);
}

NamedLimits& Commons::hold_user(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return hold(users_, name);
}

void Commons::let_go(DatabaseCommons& database, NamedLimits& user) {
  const std::lock_guard lock(mutex_);
  let_go_of(databases_, database);
  let_go_of(users_, user);
}

Commons::Remembered Commons::remembered() {
  const std::lock_guard lock(mutex_);
  return {pools_.size(), databases_.size(), users_.size()};
}

template <typename T>
T& Commons::hold(ByName<T>& all, const std::string& name) {
  auto& slot = all[name];
  if (!slot) slot = std::make_unique<T>(name);
  ++slot->holds;
  return *slot;
}

template <typename T>
void Commons::let_go_of(ByName<T>& all, T& one) {
  WEIR_CHECK(one.holds > 0);
  if (--one.holds == 0) all.erase(std::string{one.name});
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
