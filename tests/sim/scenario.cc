#include "tests/sim/scenario.h"

#include <array>

namespace weir::sim {

namespace {

using pool::PoolMode;
using street::Chance;

// Below, nothing is drawn that was modelled later: recorded seeds go on to mean what they did.
constexpr std::uint64_t kNoveltiesFrom = 1000;
constexpr std::uint64_t kForgettingFrom = 1250;
constexpr std::uint64_t kTimeoutsFrom = 1350;
constexpr std::uint64_t kActionsFrom = 1650;  // Of query_timeout.
constexpr std::uint64_t kLifetimesFrom = 1700;
constexpr std::uint64_t kReserveFrom = 1450;
constexpr std::uint64_t kNoticesFrom = 1550;
constexpr std::uint64_t kOverallFrom = 1650;
constexpr std::uint64_t kQuietFrom = 1650;

constexpr std::array<std::string_view, 2> kDatabases{"shop", "till"};
constexpr std::array<std::string_view, 2> kUsers{"app", "web"};

Instant up_to(Chance& chance, Instant most) {
  return static_cast<Instant>(chance.below(static_cast<std::size_t>(most) + 1));
}

Limits draw_limits(Chance& chance) {
  Limits limits;
  limits.pool_size = 1 + chance.below(4);
  if (chance.one_in(4)) limits.database_max = 1 + chance.below(limits.pool_size + 1);
  if (chance.one_in(4)) limits.user_max = 1 + chance.below(limits.pool_size + 1);
  return limits;
}

Temper draw_temper(Chance& chance, std::size_t id, std::size_t pools, bool calm) {
  Temper temper;
  temper.database = kDatabases[pools > 1 ? chance.below(2) : 0];
  temper.user = kUsers[pools > 2 ? chance.below(2) : 0];
  if (chance.one_in(2)) temper.asked["TimeZone"] = "z" + std::to_string(id) + "_0";
  if (chance.one_in(3)) temper.asked["application_name"] = "app of " + std::to_string(id);
  if (chance.one_in(12)) temper.asked["DateStyle"] = chance.one_in(2) ? "bogus" : "utc";
  temper.bursts = 1 + chance.below(14);
  if (chance.one_in(10)) temper.think_max = kSecond;
  temper.abrupt = !calm && chance.one_in(3);
  temper.cancels = chance.one_in(3);
  temper.slow = chance.one_in(6);
  temper.leaver = chance.one_in(5);
  return temper;
}

std::string draw_lines(Chance& chance) {
  std::string lines;
  if (chance.one_in(5)) lines += "server_idle_timeout = 1\n";
  if (chance.one_in(5)) lines += "server_lifetime = " + std::to_string(chance.below(3)) + "\n";
  if (chance.one_in(5)) lines += "server_check_delay = 0\n";
  if (chance.one_in(8)) lines += "server_check_query = echo check\n";
  if (chance.one_in(6)) lines += "min_pool_size = 1\n";
  if (chance.one_in(6)) lines += "server_round_robin = 1\n";
  if (chance.one_in(8)) lines += "server_reset_query_always = 1\n";
  if (chance.one_in(8)) lines += "cancel_wait_timeout = 1\n";
  return lines;
}

void draw_troubles(Chance& chance, Scenario& scenario) {
  for (std::size_t i = chance.below(6); i > 0; --i) {
    const auto kind = static_cast<Trouble>(chance.below(static_cast<std::size_t>(Trouble::count)));
    scenario.troubles.emplace_back(up_to(chance, kSecond), kind);
  }
  scenario.troubles_end = 3 * kSecond;
  if (chance.one_in(4)) scenario.habits.refuses_one_in = 2 + chance.below(6);
  if (chance.one_in(6)) scenario.habits.hangs_one_in = 2 + chance.below(6);
  if (chance.one_in(8)) scenario.habits.connections_max = 1 + chance.below(4);
}

// Logins, statement mode, FunctionCall and forced users.
void draw_novelties(Chance chance, Scenario& scenario) {
  scenario.logins = draw_logins(chance);
  if (scenario.mode == PoolMode::transaction && chance.one_in(4)) {
    scenario.mode = PoolMode::statement;
  }
  for (Temper& temper : scenario.clients) {
    temper.calls = chance.one_in(2);
    temper.statement_mode = scenario.mode == PoolMode::statement;
    temper.impostor = scenario.logins.proves_clients() && chance.one_in(12);
    temper.password = temper.impostor ? "a guess" : Logins::password(temper.user);
  }
  if (chance.one_in(6)) scenario.forced_user = kUsers[chance.below(2)];
  scenario.forced_later = scenario.forced_user;
  if (chance.one_in(3)) scenario.forced_later = chance.one_in(3) ? "" : kUsers[chance.below(2)];
}

// Pools that are forgotten soon, and time between the clients for it.
void draw_forgetting(Chance chance, Scenario& scenario) {
  if (!chance.one_in(3)) return;
  constexpr std::array<std::string_view, 3> kTimes{"1ms", "20ms", "300ms"};
  scenario.fallback = chance.one_in(2);
  const bool of_fallback = scenario.fallback && chance.one_in(2);
  scenario.fixed_lines += std::string{of_fallback ? "autodb" : "pool"} +
                          "_idle_timeout = " + std::string{kTimes[chance.below(3)]} + "\n";
  if (chance.one_in(2)) scenario.fixed_lines += "server_idle_timeout = 30ms\n";
  for (Instant& arrival : scenario.arrivals) arrival += up_to(chance, 2 * kSecond);
  for (Temper& temper : scenario.clients) {
    if (chance.one_in(3)) temper.think_max = 200 * kMillisecond;
  }
}

// How long a client may take.
void draw_timeouts(Chance chance, Scenario& scenario) {
  if (!chance.one_in(4)) return;
  const auto draw = [&](const std::string& key, std::initializer_list<const char*> said) {
    if (!chance.one_in(2)) return;
    const Instant span = 5 * kMillisecond + up_to(chance, 100 * kMillisecond);
    scenario.fixed_lines += key + " = " + std::to_string(span) + "us\n";
    for (const char* const text : said) scenario.timeouts[text] = span;
  };
  draw("query_timeout", {"query_timeout", "query timeout"});
  draw("idle_transaction_timeout", {"idle transaction timeout"});
  draw("transaction_timeout", {"transaction timeout"});
  draw("client_idle_timeout", {"client_idle_timeout"});
  for (Temper& temper : scenario.clients) {
    if (chance.one_in(2)) temper.think_max = 100 * kMillisecond;
  }
}

// Settings in startup packets that no server tells, many clients' alike.
void draw_quiet(Chance chance, Scenario& scenario) {
  if (!chance.one_in(2)) return;
  for (Temper& temper : scenario.clients) {
    temper.quiet = !chance.one_in(3);
    if (chance.one_in(3)) temper.asked["work_mem"] = std::to_string(1 + chance.below(3)) + "MB";
    if (chance.one_in(4)) temper.asked["search_path"] = "it's, \\" + temper.user;
    if (chance.one_in(40)) temper.asked["search_path"] = "bogus";
  }
}

// Where query_timeout cancels, what does not heed that is closed cancel_wait_timeout later.
void draw_action(Chance chance, bool closes, Scenario& scenario) {
  const auto found = scenario.timeouts.find("query timeout");
  if (found == scenario.timeouts.end()) return;
  if (closes && chance.one_in(3)) {
    scenario.fixed_lines += "query_timeout_action = close\n";
    return;
  }
  scenario.query_cancel = found->second;
  const bool short_wait = scenario.fixed_lines.find("cancel_wait_timeout") != std::string::npos;
  found->second += (short_wait ? 1 : 10) * kSecond;
}

void draw_lifetime(Chance chance, Scenario& scenario) {
  if (!chance.one_in(5)) return;
  const Instant life = 10 * kMillisecond + up_to(chance, kSecond);
  scenario.fixed_lines += "client_lifetime = " + std::to_string(life) + "us\n";
  scenario.timeouts["client_lifetime"] = life - life / 5;
}

void draw_reserve(Chance chance, Scenario& scenario) {
  if (!chance.one_in(4)) return;
  scenario.fixed_lines += "reserve_pool_timeout = " + std::to_string(1 + chance.below(50)) + "ms\n";
  scenario.limits.reserve = 1 + chance.below(2);
  scenario.limits_later.reserve = chance.below(3);
}

void draw_overall(Chance chance, Scenario& scenario) {
  if (chance.one_in(4)) scenario.fixed_lines += "server_connect_parallel = 1\n";
  if (!chance.one_in(4)) return;
  scenario.limits.all_max = 1 + chance.below(4);
  if (chance.one_in(2)) scenario.limits_later.all_max = 1 + chance.below(4);
}

std::string_view name_of(PoolMode mode) {
  return mode == PoolMode::session     ? "session"
         : mode == PoolMode::statement ? "statement"
                                       : "transaction";
}

}  // namespace

Scenario draw(std::uint64_t seed, std::size_t workers) {
  Chance chance(seed * 0x1'0001 + 7);
  Scenario scenario;
  scenario.workers = workers > 0 ? workers : 1 + chance.below(3);
  if (chance.one_in(8)) scenario.mode = PoolMode::session;
  scenario.limits = draw_limits(chance);
  scenario.limits_later = draw_limits(chance);
  if (chance.one_in(5)) scenario.query_wait_timeout = kSecond;
  scenario.fixed_lines = draw_lines(chance);
  scenario.habits.login_max = chance.one_in(3) ? 100 * kMillisecond : 2 * kMillisecond;
  scenario.mail_delay_max = chance.one_in(3) ? 50 * kMillisecond : 2 * kMillisecond;
  scenario.rush = chance.one_in(2) ? 0 : 20 + chance.below(100);
  const bool calm = chance.one_in(3);
  if (!calm) draw_troubles(chance, scenario);
  const std::size_t count = 1 + chance.below(chance.one_in(4) ? 40 : 12);
  const std::size_t pools = 1 + chance.below(3);
  for (std::size_t id = 1; id <= count; ++id) {
    scenario.clients.push_back(draw_temper(chance, id, pools, calm));
    scenario.arrivals.push_back(up_to(chance, chance.one_in(2) ? 10 * kMillisecond : kSecond));
  }
  if (seed >= kNoveltiesFrom) draw_novelties(Chance(~seed), scenario);
  if (seed >= kForgettingFrom) draw_forgetting(Chance(~seed * 3), scenario);
  if (seed >= kTimeoutsFrom) draw_timeouts(Chance(~seed * 5), scenario);
  draw_action(Chance(~seed * 11), seed >= kActionsFrom, scenario);
  if (seed >= kLifetimesFrom) draw_lifetime(Chance(~seed * 13), scenario);
  if (seed >= kReserveFrom) draw_reserve(Chance(~seed * 7), scenario);
  if (seed >= kQuietFrom) draw_quiet(Chance(~seed * 17), scenario);
  if (seed >= kNoticesFrom) scenario.notices = Chance(~seed * 9).one_in(3);
  if (seed >= kOverallFrom) draw_overall(Chance(~seed * 11), scenario);
  return scenario;
}

std::string Scenario::config(const Limits& now, const std::string& forced) const {
  const auto number = [](auto value) { return std::to_string(value); };
  std::string text = "[databases]\n";
  for (const auto& name : kDatabases) {
    if (fallback && name != kDatabases[0]) break;
    text += (fallback ? "*" : std::string{name}) + " = host=pg port=5432" + logins.database_words();
    text += forced.empty() ? "\n" : " user=" + forced + "\n";
  }
  text += "[pgweir]\nauth_type = " + logins.auth_type() + "\nmax_client_conn = 100\n";
  text += "server_tls_sslmode = disable\n";  // The model speaks no TLS.
  text += "pool_mode = " + std::string{name_of(mode)} + "\n";
  text += "default_pool_size = " + number(now.pool_size) + "\n";
  if (now.reserve > 0) text += "reserve_pool_size = " + number(now.reserve) + "\n";
  text += "max_db_connections = " + number(now.database_max) + "\n";
  text += "max_user_connections = " + number(now.user_max) + "\n";
  text += "max_server_connections = " + number(now.all_max) + "\n";
  text += "query_wait_timeout = " + number(query_wait_timeout / kSecond) + "\n";
  text += "query_wait_notify = " + number(notices ? 1 : 0) + "\n";
  if (notices) text += "login_notify_message = " + std::string{kLoginNotice} + "\n";
  text += "server_connect_timeout = 1\nserver_login_retry = 1\n";
  return text + fixed_lines;
}

std::string Scenario::text() const {
  return std::to_string(workers) + " workers, " + std::to_string(clients.size()) + " clients, " +
         std::to_string(troubles.size()) + " troubles, configuration:\n" + config();
}

}  // namespace weir::sim
