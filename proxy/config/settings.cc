#include "proxy/config/settings.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/assign.h"
#include "proxy/config/check.h"
#include "proxy/config/fields.h"
#include "proxy/config/tls_fields.h"

namespace weir::proxy::config {
namespace {

using SettingsField =
    Bound<Settings, int, bool, std::int64_t, std::string, std::vector<std::string>, AuthType,
          PoolMode, ChannelBinding, QueryTimeoutAction>;

// Every key of [pgweir] that is built stands here, or in assign() where its text is special.
constexpr auto kFields = std::to_array<SettingsField>({
    {"listen_addr", &Settings::listen_addr},
    {"listen_port", &Settings::listen_port},
    {"listen_backlog", &Settings::listen_backlog},
    {"so_reuseport", &Settings::so_reuseport},
    {"unix_socket_dir", &Settings::unix_socket_dir},
    {"unix_socket_mode", &Settings::unix_socket_mode},
    {"unix_socket_group", &Settings::unix_socket_group},
    {"worker_threads", &Settings::worker_threads},
    {"auth_type", &Settings::auth_type},
    {"auth_file", &Settings::auth_file},
    {"auth_hba_file", &Settings::auth_hba_file},
    {"auth_ident_file", &Settings::auth_ident_file},
    {"auth_user", &Settings::auth_user},
    {"auth_query", &Settings::auth_query},
    {"auth_dbname", &Settings::auth_dbname},
    {"auth_query_cache_time", &Settings::auth_query_cache_time_us},
    {"password_command_cache_time", &Settings::password_command_cache_time_us},
    {"scram_iterations", &Settings::scram_iterations},
    {"admin_users", &Settings::admin_users},
    {"stats_users", &Settings::stats_users},
    {"client_login_timeout", &Settings::client_login_timeout_us},
    {"ignore_startup_parameters", &Settings::ignore_startup_parameters},
    {"track_extra_parameters", &Settings::track_extra_parameters},
    {"max_packet_size", &Settings::max_packet_size},
    {"application_name_add_host", &Settings::application_name_add_host},
    {"login_notify_message", &Settings::login_notify_message},
    {"proxy_protocol_from", &Settings::proxy_protocol_from},
    {"server_channel_binding", &Settings::server_channel_binding},
    {"auth_failures_before_delay", &Settings::auth_failures_before_delay},
    {"auth_failures_before_refusal", &Settings::auth_failures_before_refusal},
    {"auth_failure_delay", &Settings::auth_failure_delay_us},
    {"client_conn_rate_per_ip", &Settings::client_conn_rate_per_ip},
    {"client_conn_rate_per_user", &Settings::client_conn_rate_per_user},
    {"max_client_conn_per_ip", &Settings::max_client_conn_per_ip},
    {"max_client_conn", &Settings::max_client_conn},
    {"pool_mode", &Settings::pool_mode},
    {"default_pool_size", &Settings::default_pool_size},
    {"min_pool_size", &Settings::min_pool_size},
    {"reserve_pool_size", &Settings::reserve_pool_size},
    {"reserve_pool_timeout", &Settings::reserve_pool_timeout_us},
    {"max_db_connections", &Settings::max_db_connections},
    {"max_user_connections", &Settings::max_user_connections},
    {"max_server_connections", &Settings::max_server_connections},
    {"server_connect_parallel", &Settings::server_connect_parallel},
    {"max_db_client_connections", &Settings::max_db_client_connections},
    {"max_user_client_connections", &Settings::max_user_client_connections},
    {"query_wait_timeout", &Settings::query_wait_timeout_us},
    {"query_wait_notify", &Settings::query_wait_notify_us},
    {"cancel_wait_timeout", &Settings::cancel_wait_timeout_us},
    {"query_timeout", &Settings::query_timeout_us},
    {"query_timeout_action", &Settings::query_timeout_action},
    {"idle_transaction_timeout", &Settings::idle_transaction_timeout_us},
    {"transaction_timeout", &Settings::transaction_timeout_us},
    {"client_idle_timeout", &Settings::client_idle_timeout_us},
    {"client_lifetime", &Settings::client_lifetime_us},
    {"server_connect_timeout", &Settings::server_connect_timeout_us},
    {"server_login_retry", &Settings::server_login_retry_us},
    {"server_lifetime", &Settings::server_lifetime_us},
    {"server_idle_timeout", &Settings::server_idle_timeout_us},
    {"autodb_idle_timeout", &Settings::autodb_idle_timeout_us},
    {"pool_idle_timeout", &Settings::pool_idle_timeout_us},
    {"server_check_delay", &Settings::server_check_delay_us},
    {"server_reset_query", &Settings::server_reset_query},
    {"server_reset_query_always", &Settings::server_reset_query_always},
    {"server_round_robin", &Settings::server_round_robin},
    {"server_fast_close", &Settings::server_fast_close},
    {"disable_pqexec", &Settings::disable_pqexec},
    {"log_connections", &Settings::log_connections},
    {"log_disconnections", &Settings::log_disconnections},
    {"log_pooler_errors", &Settings::log_pooler_errors},
    {"log_stats", &Settings::log_stats},
    {"stats_period", &Settings::stats_period_us},
    {"logfile", &Settings::logfile},
    {"syslog", &Settings::syslog},
    {"syslog_ident", &Settings::syslog_ident},
    {"syslog_facility", &Settings::syslog_facility},
    {"pidfile", &Settings::pidfile},
    {"user", &Settings::user},
    {"verbose", &Settings::verbose},
    {"core_dumps", &Settings::core_dumps},
    {"watch_files", &Settings::watch_files},
    {"reload_on_change", &Settings::reload_on_change},
    {"tcp_defer_accept", &Settings::tcp_defer_accept},
    {"tcp_keepalive", &Settings::tcp_keepalive},
    {"tcp_keepcnt", &Settings::tcp_keepcnt},
    {"tcp_keepidle", &Settings::tcp_keepidle_us},
    {"tcp_keepintvl", &Settings::tcp_keepintvl_us},
    {"dns_max_ttl", &Settings::dns_max_ttl_us},
    {"tcp_socket_buffer", &Settings::tcp_socket_buffer},
    {"tcp_user_timeout", &Settings::tcp_user_timeout_us},
});

void put(Settings& settings, std::string_view key, const Value& value) {
  constexpr std::string_view kClientTls = "client_tls";
  if (key.starts_with(kClientTls)) {
    set_tls_field(settings.client_tls, key.substr(kClientTls.size()), value);
  } else if (const auto part = tls_part(key); !part.empty()) {
    set_tls_field(settings.server_tls, part, value);
  } else {
    set_field<Settings, SettingsField>(settings, kFields, key, value);
  }
}

}  // namespace

Said<void> assign(Settings& settings, const Key& key, const Text& text) {
  auto value = parse_value(key, text);
  if (!value) return tl::unexpected(value.error());
  if (auto checked = check_value(key, *value, text); !checked) return checked;
  if (key.name == "server_check_query") {
    // PgBouncer tells no check and an empty check apart by a word.
    settings.server_check_query.reset();
    if (!text.value.empty()) {
      settings.server_check_query = text.value == "<empty>" ? "" : std::string(text.value);
    }
  } else {
    put(settings, key.name, *value);
  }
  return {};
}

}  // namespace weir::proxy::config
