#include "proxy/config/settings.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/parameters.h"
#include "proxy/config/assign.h"
#include "proxy/config/fields.h"

namespace weir::proxy::config {
namespace {

using SettingsField = Bound<Settings, int, bool, std::int64_t, std::string,
                            std::vector<std::string>, AuthType, PoolMode>;

// Every key of [pgweir] that is built stands here, or in assign() where its text is special.
constexpr auto kFields = std::to_array<SettingsField>({
    {"listen_addr", &Settings::listen_addr},
    {"listen_port", &Settings::listen_port},
    {"listen_backlog", &Settings::listen_backlog},
    {"unix_socket_dir", &Settings::unix_socket_dir},
    {"unix_socket_mode", &Settings::unix_socket_mode},
    {"unix_socket_group", &Settings::unix_socket_group},
    {"worker_threads", &Settings::worker_threads},
    {"auth_type", &Settings::auth_type},
    {"auth_file", &Settings::auth_file},
    {"admin_users", &Settings::admin_users},
    {"stats_users", &Settings::stats_users},
    {"client_login_timeout", &Settings::client_login_timeout_us},
    {"ignore_startup_parameters", &Settings::ignore_startup_parameters},
    {"track_extra_parameters", &Settings::track_extra_parameters},
    {"max_packet_size", &Settings::max_packet_size},
    {"max_client_conn", &Settings::max_client_conn},
    {"pool_mode", &Settings::pool_mode},
    {"default_pool_size", &Settings::default_pool_size},
    {"min_pool_size", &Settings::min_pool_size},
    {"max_db_connections", &Settings::max_db_connections},
    {"max_user_connections", &Settings::max_user_connections},
    {"max_db_client_connections", &Settings::max_db_client_connections},
    {"max_user_client_connections", &Settings::max_user_client_connections},
    {"query_wait_timeout", &Settings::query_wait_timeout_us},
    {"cancel_wait_timeout", &Settings::cancel_wait_timeout_us},
    {"server_connect_timeout", &Settings::server_connect_timeout_us},
    {"server_login_retry", &Settings::server_login_retry_us},
    {"server_lifetime", &Settings::server_lifetime_us},
    {"server_idle_timeout", &Settings::server_idle_timeout_us},
    {"server_check_delay", &Settings::server_check_delay_us},
    {"server_reset_query", &Settings::server_reset_query},
    {"server_reset_query_always", &Settings::server_reset_query_always},
    {"server_round_robin", &Settings::server_round_robin},
    {"disable_pqexec", &Settings::disable_pqexec},
    {"log_connections", &Settings::log_connections},
    {"log_disconnections", &Settings::log_disconnections},
    {"log_pooler_errors", &Settings::log_pooler_errors},
    {"log_stats", &Settings::log_stats},
    {"stats_period", &Settings::stats_period_us},
    {"logfile", &Settings::logfile},
    {"pidfile", &Settings::pidfile},
    {"user", &Settings::user},
    {"verbose", &Settings::verbose},
    {"tcp_keepalive", &Settings::tcp_keepalive},
    {"tcp_keepcnt", &Settings::tcp_keepcnt},
    {"tcp_keepidle", &Settings::tcp_keepidle_us},
    {"tcp_keepintvl", &Settings::tcp_keepintvl_us},
    {"tcp_user_timeout", &Settings::tcp_user_timeout_us},
});

// Tracked drops what it cannot take: what is missing from it is what it would not take.
Said<void> check_tracked(const std::vector<std::string>& names) {
  const protocol::Tracked all{names};
  for (const std::string& name : names) {
    if (!protocol::Tracked{std::vector{name}}.index(name)) {
      return no(quoted(name) + " in track_extra_parameters is no name of a parameter");
    }
    if (!all.index(name)) {
      return no("track_extra_parameters: " + quoted(name) + " is too many: " +
                std::to_string(protocol::kTrackedMax) + " parameters can be tracked, " +
                std::to_string(protocol::Tracked{{}}.size()) + " of them always are");
    }
  }
  return {};
}

Said<void> check_stats_period(const Value& value) {
  if (std::get<std::int64_t>(value) >= kMicrosPerSecond) return {};
  return no("stats_period is at least one second; log_stats = 0 ends the line of totals");
}

}  // namespace

Said<void> assign(Settings& settings, const Key& key, std::string_view text) {
  auto value = parse_value(key, text);
  if (!value) return tl::unexpected(value.error());
  if (key.name == "track_extra_parameters") {
    auto checked = check_tracked(std::get<std::vector<std::string>>(*value));
    if (!checked) return checked;
  }
  if (key.name == "stats_period") {
    if (auto checked = check_stats_period(*value); !checked) return checked;
  }
  if (key.name == "server_check_query") {
    // PgBouncer tells no check and an empty check apart by a word.
    settings.server_check_query.reset();
    if (!text.empty()) settings.server_check_query = text == "<empty>" ? "" : std::string(text);
  } else {
    set_field<Settings, SettingsField>(settings, kFields, key.name, *value);
  }
  return {};
}

}  // namespace weir::proxy::config
