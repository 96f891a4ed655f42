// settings.h: the [pgweir] section, typed. A default-constructed Settings is what PgBouncer does
// with an empty section; keys.cc holds the same defaults as text, and a test holds the two
// together. Times are microseconds, sizes bytes. 0 means "no limit" or "never" unless the field
// says otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pool/mode.h"
#include "protocol/channel_binding.h"
#include "proxy/config/tls_settings.h"

namespace weir::proxy::config {

enum class QueryTimeoutAction : std::uint8_t { cancel, close };
enum class AuthType : std::uint8_t { any, trust, plain, md5, scram_sha_256, cert, hba };
using pool::PoolMode;
using protocol::ChannelBinding;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

constexpr const char* kAuthQuery =
    "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid "
    "WHERE rolname=$1 AND rolcanlogin";

struct Settings {
  // The street.
  std::vector<std::string> listen_addr = {};  // Addresses or "*"; empty: no TCP.
  int listen_port = 6432;                     // Also names the unix socket; 0: any free TCP port.
  int listen_backlog = 128;
  std::string unix_socket_dir = "/tmp";  // Empty: none; a leading '@': the abstract namespace.
  int unix_socket_mode = 0777;
  std::string unix_socket_group = {};
  bool so_reuseport = false;  // Other processes may listen on the same TCP port.
  int worker_threads = 0;     // 0: as many as there are cores.

  // Who may come in.
  AuthType auth_type = AuthType::md5;
  std::string auth_file = {};
  std::string auth_hba_file = {};
  std::string auth_ident_file = {};
  std::string auth_user = {};  // Runs auth_query; empty: nobody is asked.
  std::string auth_query = kAuthQuery;
  std::string auth_dbname = {};               // Empty: the client's own database.
  std::int64_t auth_query_cache_time_us = 0;  // 0: nothing is kept.
  std::int64_t password_command_cache_time_us = 600 * kMicrosPerSecond;  // Likewise.
  int scram_iterations = 4096;
  std::vector<std::string> admin_users = {};
  std::vector<std::string> stats_users = {};
  std::int64_t client_login_timeout_us = 60 * kMicrosPerSecond;
  std::vector<std::string> ignore_startup_parameters = {};
  std::vector<std::string> track_extra_parameters = {"IntervalStyle"};
  bool disable_pqexec = false;  // Refuse the simple query protocol.
  std::int64_t max_packet_size = 2147483647;
  bool application_name_add_host = false;
  std::string login_notify_message = {};              // A NOTICE to each client; empty: none.
  std::vector<std::string> proxy_protocol_from = {};  // Addresses and networks, well formed.

  // Encryption.
  TlsSettings client_tls = {};
  TlsSettings server_tls = {.mode = SslMode::prefer};
  ChannelBinding server_channel_binding = ChannelBinding::prefer;

  // Who tries too often. Failures are counted a minute, rates a second.
  int auth_failures_before_delay = 20;
  int auth_failures_before_refusal = 40;
  std::int64_t auth_failure_delay_us = kMicrosPerSecond;
  int client_conn_rate_per_ip = 0;
  int client_conn_rate_per_user = 0;
  int max_client_conn_per_ip = 0;

  // How many.
  int max_client_conn = 100;  // 0 really means none here: only the console gets in.
  PoolMode pool_mode = PoolMode::session;
  int default_pool_size = 20;
  int min_pool_size = 0;
  int reserve_pool_size = 0;
  int max_db_connections = 0;
  int max_user_connections = 0;
  int max_server_connections = 0;   // Over all pools.
  int server_connect_parallel = 4;  // Logins in flight of one pool; 0: as many as it likes.
  int max_db_client_connections = 0;
  int max_user_client_connections = 0;

  // How long.
  std::int64_t query_wait_timeout_us = 120 * kMicrosPerSecond;
  std::int64_t query_wait_notify_us = 5 * kMicrosPerSecond;     // Until it is told that it waits.
  std::int64_t reserve_pool_timeout_us = 5 * kMicrosPerSecond;  // 0: there is no reserve.
  std::int64_t cancel_wait_timeout_us = 10 * kMicrosPerSecond;
  std::int64_t query_timeout_us = 0;
  QueryTimeoutAction query_timeout_action = QueryTimeoutAction::cancel;
  std::int64_t idle_transaction_timeout_us = 0;
  std::int64_t transaction_timeout_us = 0;
  std::int64_t client_idle_timeout_us = 0;
  std::int64_t client_lifetime_us = 0;
  std::int64_t server_connect_timeout_us = 15 * kMicrosPerSecond;
  std::int64_t server_login_retry_us = 15 * kMicrosPerSecond;
  std::int64_t server_lifetime_us = 3600 * kMicrosPerSecond;  // 0: used once, then closed.
  std::int64_t server_idle_timeout_us = 600 * kMicrosPerSecond;
  std::int64_t autodb_idle_timeout_us = 3600 * kMicrosPerSecond;
  std::int64_t pool_idle_timeout_us = 0;

  // Servers between two clients.
  std::int64_t server_check_delay_us = 30 * kMicrosPerSecond;  // 0: always check.
  std::optional<std::string> server_check_query = "";  // Unset: no check; "": the empty query.
  std::string server_reset_query = "DISCARD ALL";      // Session mode only, unless _always.
  bool server_reset_query_always = false;
  bool server_round_robin = false;
  bool server_fast_close = false;  // A session ends when its server has to go.

  // What is said about it.
  bool log_connections = true;
  bool log_disconnections = true;
  bool log_pooler_errors = true;
  bool log_stats = true;
  std::int64_t stats_period_us = 60 * kMicrosPerSecond;  // At least one second.
  std::string logfile = {};
  bool syslog = false;
  std::string syslog_ident = "pgbouncer";
  std::string syslog_facility = "daemon";
  std::string pidfile = {};
  std::string user = {};  // Become this user at the start.
  int verbose = 0;
  bool core_dumps = false;  // They would hold secrets, ours and clients'.

  // What is read again by itself.
  bool watch_files = true;        // Certificates, keys, auth_file and HBA files.
  bool reload_on_change = false;  // The settings file.

  // TCP; 0 leaves each to the operating system.
  bool tcp_defer_accept = true;
  bool tcp_keepalive = true;
  int tcp_keepcnt = 0;
  std::int64_t tcp_keepidle_us = 0;
  std::int64_t tcp_keepintvl_us = 0;
  std::int64_t tcp_user_timeout_us = 0;
  std::int64_t tcp_socket_buffer = 0;  // Of each direction.

  std::int64_t dns_max_ttl_us = 15 * kMicrosPerSecond;  // How long an address is kept.

  bool operator==(const Settings&) const = default;
};

}  // namespace weir::proxy::config
