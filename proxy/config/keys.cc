#include "proxy/config/keys.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <vector>

#include "proxy/config/settings.h"

namespace weir::proxy::config {
namespace {

using enum Type;
using U = Unit;
constexpr Scopes G = kGlobal, D = kDatabase, P = kPeer;
constexpr Scopes DU = kDatabase | kUser;
constexpr bool reloads = true, restart = false;
constexpr Stage built = Stage::built, later = Stage::later, moot = Stage::moot;
constexpr std::string_view own = kOwnKey;

constexpr std::string_view kAuthTypes = "any trust plain md5 cert hba ldap pam scram-sha-256";
constexpr std::string_view kAuthLater = "ldap pam";
constexpr std::string_view kPoolModes = "session transaction statement";
constexpr std::string_view kTlsModes = "disable allow prefer require verify-ca verify-full";
constexpr std::string_view kNegotiations = "postgres direct";
constexpr std::string_view kFacilities =
    "auth authpriv daemon user local0 local1 local2 local3 local4 local5 local6 local7";
constexpr std::string_view kNoPeers =
    "One process uses all cores, so it needs no peers behind so_reuseport: leave this out.";
constexpr std::string_view kBindings = "disable prefer require";

// clang-format off
constexpr auto kKeys = std::to_array<Key>({
  // [pgweir]
  {"admin_users", list, U::none, "", G, reloads, built, "Users who may run every console command"},
  {"application_name_add_host", boolean, U::none, "0", G, reloads, built, "Append the client's host and port to application_name at connect"},
  {"auth_dbname", text, U::none, nullptr, G | D, reloads, built, "Entry of [databases] in which auth_query runs"},
  {"auth_failure_delay", time, U::none, "1", G, reloads, built, "How long a login waits after auth_failures_before_delay failures", {}, {}, own},
  {"auth_failures_before_delay", integer, U::count, "20", G, reloads, built, "Failed logins a minute from one address, then the next wait; 0: never",
   {}, {}, own},
  {"auth_failures_before_refusal", integer, U::count, "40", G, reloads, built, "Failed logins a minute from one address, then the next are refused; 0: never",
   {}, {}, own},
  {"auth_file", text, U::path, nullptr, G, reloads, built, "Users and secrets: \"user\" \"secret\" a line",
   {}, {}, "It is read again when it changes, not only at RELOAD: see watch_files."},
  {"auth_hba_file", text, U::path, "", G, reloads, built, "Rules for auth_type = hba"},
  {"auth_ident_file", text, U::path, nullptr, G, reloads, built, "User name maps for cert and peer"},
  {"auth_ldap_options", text, U::secret, nullptr, G, reloads, later, "LDAP server and search",
   {}, {}, {}, "Asking a directory would keep other clients waiting: use auth_query, or write auth_file from the directory."},
  {"auth_query", text, U::sql, kAuthQuery, G, reloads, built, "Query that finds a user's secret",
   {}, {}, "With auth_query_cache_time an answer is kept, and asked for afresh once when a login fails by it."},
  {"auth_query", text, U::sql, nullptr, D, reloads, built, "Query that finds a user's secret, for this database"},
  {"auth_query_cache_time", time, U::none, "0", G, reloads, built, "How long an answer of auth_query is believed; 0: ask at each login", {}, {}, own},
  {"auth_type", choice, U::none, "md5", G, reloads, built, "How clients prove who they are; md5 takes a SCRAM secret too", kAuthTypes, kAuthLater,
   "ldap and pam are refused: asking them would keep the other clients of a worker waiting."},
  {"auth_user", text, U::none, nullptr, G | D, reloads, built, "User that runs auth_query"},
  {"autodb_idle_timeout", time, U::none, "3600", G, reloads, built, "Forget a pool of the fallback entry that is unused this long; 0: never",
   {}, {}, "Each pool of a database behind * is forgotten by itself, not only when all of them are unused."},
  {"cancel_wait_timeout", time, U::none, "10", G, reloads, built, "How long a cancel request waits for a connection; 0: for ever"},
  {"client_conn_rate_per_ip", integer, U::count, "0", G, reloads, built, "New clients a second from one address; 0: no limit", {}, {}, own},
  {"client_conn_rate_per_user", integer, U::count, "0", G, reloads, built, "New clients a second of one user; 0: no limit", {}, {}, own},
  {"client_idle_timeout", time, U::none, "0", G | kUser, reloads, built, "Close a client that has nothing begun and is silent this long; 0: never",
   {}, {}, "In session mode a client that has a server is closed, too: its session is idle all the same. Who takes in nothing of an answer is silent."},
  {"client_lifetime", time, U::none, "0", G | kUser, reloads, built, "Close a client that logged in this long ago, between two transactions; 0: never",
   {}, {}, own},
  {"client_login_timeout", time, U::none, "60", G, reloads, built, "Close a client that has not logged in after this long; 0: never"},
  {"client_tls13_ciphers", text, U::none, nullptr, G, reloads, built, "TLS 1.3 suites offered to clients"},
  {"client_tls_ca_file", text, U::path, "", G, reloads, built, "Authority for client certificates; system: the system's own"},
  {"client_tls_cert_file", text, U::path, "", G, reloads, built, "Certificate shown to clients"},
  {"client_tls_ciphers", text, U::none, "default", G, reloads, built, "TLS 1.2 ciphers offered to clients"},
  {"client_tls_dheparams", choice, U::none, "auto", G, reloads, built, "DHE key exchange with clients", "auto none legacy"},
  {"client_tls_ecdhcurve", text, U::none, "auto", G, reloads, built, "ECDH curve with clients"},
  {"client_tls_key_file", text, U::path, "", G, reloads, built, "Key of client_tls_cert_file"},
  {"client_tls_protocols", text, U::none, "secure", G, reloads, built, "TLS versions offered to clients"},
  {"client_tls_sslmode", choice, U::none, "disable", G, reloads, built, "TLS with clients", kTlsModes,
   {}, "TLS may also begin without an SSLRequest, as libpq 17 has it with sslnegotiation=direct."},
  {"conffile", text, U::path, nullptr, G, reloads, moot, "File to read at the next RELOAD",
   {}, {}, "The file is the one that was named at the start: another one takes another start."},
  {"core_dumps", boolean, U::none, "0", G, restart, built, "Leave a core dump when the program dies; it would hold secrets", {}, {}, own},
  {"default_pool_size", integer, U::count, "20", G, reloads, built, "Server connections per database and user; 0: no limit",
   {}, {}, "It is exact over all worker threads, and so is every other limit."},
  {"disable_pqexec", boolean, U::none, "0", G, restart, built, "Forbid the simple query protocol"},
  {"dns_max_ttl", time, U::none, "15", G, reloads, built, "How long the addresses of a name are kept; 0: looked up for each connection",
   {}, {}, "A name is looked up again as soon as nothing at its addresses can be reached, and about as often while servers are in "
   "use that were reached by it; those at an address that it does not lead to any more close when they are free."},
  {"dns_nxdomain_ttl", time, U::none, "15", G, reloads, moot, "How long a failed lookup is kept",
   {}, {}, "A failed lookup is kept for one second, so that a name that has just come up is found."},
  {"dns_zone_check_period", time, U::none, "0", G, reloads, moot, "How often the zone's serial is checked; 0: never",
   {}, {}, "No zone is watched: each name is looked up anew when dns_max_ttl is over."},
  {"idle_transaction_timeout", time, U::none, "0", G | kUser, reloads, built, "Close a client idle in a transaction this long, and roll back; 0: never",
   {}, {}, "The server is kept: it is rolled back and reset, as for every client that leaves in a transaction. "
   "Per user it is the client's user, also behind a forced one, and so for the other timeouts. SQLSTATE 25P03."},
  {"ignore_startup_parameters", list, U::none, "", G, reloads, built, "Startup parameters accepted and dropped",
   {}, {}, "All others are set on the server that the client gets; extra_float_digits need not stand here."},
  {"io_engine", choice, U::none, "auto", G, restart, later, "How sockets are read and written", "auto poll uring",
   {}, own, "Sockets are read and written by epoll, whatever is said here: leave this out."},
  {"job_name", text, U::none, "pgbouncer", G, restart, moot, "Name in syslog and process lists",
   {}, {}, "The name in syslog is syslog_ident, and the process has its program's."},
  {"listen_addr", list, U::none, "", G, restart, built, "Addresses for TCP, * for all; empty: unix socket only",
   {}, {}, "A file that leaves no door open at all, neither TCP nor a unix socket, is refused."},
  {"listen_backlog", integer, U::count, "128", G, restart, built, "Connections the kernel queues before they are accepted"},
  {"listen_port", integer, U::port, "6432", G, restart, built, "Port for TCP and name of the unix socket"},
  {"log_connections", boolean, U::none, "1", G, reloads, built, "Log each login"},
  {"log_disconnections", boolean, U::none, "1", G, reloads, built, "Log each disconnection with its reason"},
  {"log_pooler_errors", boolean, U::none, "1", G, reloads, built, "Log the errors sent to clients"},
  {"log_stats", boolean, U::none, "1", G, reloads, built, "Log one line of totals each stats_period"},
  {"logfile", text, U::path, "", G, reloads, built, "Log to this file; reopened on SIGHUP"},
  {"login_notify_message", text, U::none, "", G, reloads, built, "NOTICE to each client when it has logged in; empty: none"},
  {"max_client_conn", integer, U::count, "100", G, reloads, built, "Clients at once; the console is exempt"},
  {"max_client_conn_per_ip", integer, U::count, "0", G, reloads, built, "Clients at once from one address; 0: no limit", {}, {}, own},
  {"max_db_client_connections", integer, U::count, "0", G, reloads, built, "Clients per database; 0: no limit"},
  {"max_db_connections", integer, U::count, "0", G, reloads, built, "Server connections per database, but for the one that asks auth_query; 0: no limit",
   {}, {}, "The connection that asks auth_query belongs to no pool and comes on top of every limit: one for each database, auth_user and query."},
  {"max_packet_size", integer, U::bytes, "2147483647", G, reloads, built, "Longest message of either side let through",
   {}, {}, "It limits the server's messages as well as the clients'."},
  {"max_prepared_statements", integer, U::count, "200", G, reloads, later, "Prepared statements kept per server connection; 0: not tracked",
   {}, {}, {}, "Named statements do not follow a client from server to server: turn them off in the driver, or use pool_mode = session."},
  {"max_server_connections", integer, U::count, "0", G, reloads, built, "Server connections over all pools, but for those that ask auth_query; 0: no limit",
   {}, {}, own},
  {"max_user_client_connections", integer, U::count, "0", G, reloads, built, "Clients per user; 0: no limit"},
  {"max_user_connections", integer, U::count, "0", G, reloads, built, "Server connections per user; 0: no limit"},
  {"min_pool_size", integer, U::count, "0", G, reloads, built, "Server connections kept ready in a pool that has clients, or a forced user"},
  {"password_command_cache_time", time, U::none, "600", G, reloads, built, "How long a password_command's output is used; 0: run it at each login",
   {}, {}, own},
  {"peer_id", integer, U::peer, "0", G, reloads, later, "This process among its peers; 0: alone", {}, {}, {}, kNoPeers},
  {"pidfile", text, U::path, "", G, restart, built, "File for the process id; needed by -d"},
  {"pkt_buf", integer, U::bytes, "4096", G, restart, moot, "Size of a connection's buffer",
   {}, {}, "There is no buffer of a fixed size for each connection: memory is held while bytes wait, and only then."},
  {"pool_idle_timeout", time, U::none, "0", G, reloads, built, "Forget a pool without clients and servers after this long; 0: never"},
  {"pool_mode", choice, U::none, "session", G, reloads, built, "When a server connection goes back to the pool", kPoolModes},
  {"proxy_protocol_from", list, U::none, "", G, reloads, built, "Addresses and networks that speak PROXY protocol v2, as 10.0.0.0/8", {}, {}, own},
  {"query_timeout", time, U::none, "0", G | kUser, reloads, built, "End a query that runs or waits this long, as query_timeout_action says; 0: never",
   {}, {}, "The query is cancelled; client and server stay, unless query_timeout_action = close, or it goes on for "
   "cancel_wait_timeout more. It counts only while a query is under way, in a pipeline from the answer before. SQLSTATE 57014."},
  {"query_timeout_action", choice, U::none, "cancel", G | kUser, reloads, built, "Cancel the query and keep client and server, or close both",
   "cancel close", {}, own},
  {"query_wait_notify", integer, U::seconds, "5", G, reloads, built, "NOTICE to a client that waits this long for a server; 0: never",
   {}, {}, "A client is told in each wait, not in its first alone."},
  {"query_wait_timeout", time, U::none, "120", G, reloads, built, "Refuse a client that waits this long for a server; 0: never"},
  {"reload_on_change", boolean, U::none, "0", G, reloads, built, "Reload by itself when the settings file has changed", {}, {}, own},
  {"reserve_pool_size", integer, U::count, "0", G, reloads, built, "Extra server connections for clients that wait too long; 0: none"},
  {"reserve_pool_timeout", time, U::none, "5", G, reloads, built, "How long is too long for the reserve; 0: no reserve"},
  {"resolv_conf", text, U::path, "", G, restart, moot, "Resolver configuration", {}, {}, "Names are resolved by the C library, which reads /etc/resolv.conf."},
  {"sbuf_loopcnt", integer, U::count, "5", G, reloads, moot, "Reads per connection before the next has its turn",
   {}, {}, "Every connection has its turn after one read."},
  {"scram_iterations", integer, U::iterations, "4096", G, reloads, built, "Rounds for SCRAM secrets made from plain passwords, 1 to 1000000",
   {}, {}, "From 1 to 1000000: a login must not cost minutes of processor time."},
  {"server_channel_binding", choice, U::none, "prefer", G, reloads, built, "Channel binding when a server asks for SCRAM over TLS", kBindings, {}, own},
  {"server_check_delay", time, U::none, "30", G, reloads, built, "Check a server idle this long before use; 0: always"},
  {"server_check_query", text, U::sql, "<empty>", G, reloads, built, "The check; empty: none; <empty>: the empty query"},
  {"server_connect_parallel", integer, U::count, "4", G, reloads, built, "Connections of one pool that connect and log in at the same time; 0: no limit",
   {}, {}, own},
  {"server_connect_timeout", time, U::none, "15", G, reloads, built, "Give up connecting and logging in after this long; 0: never"},
  {"server_fast_close", boolean, U::none, "0", G, reloads, built, "End a session between two transactions when its server has to go",
   {}, {}, "Its client hears 57P01; new certificates for servers count like other settings."},
  {"server_idle_timeout", time, U::none, "600", G, reloads, built, "Close a server idle this long; 0: never"},
  {"server_lifetime", time, U::none, "3600", G, reloads, built, "Close a server older than this when it is idle; 0: use once",
   {}, {}, "Each server lives up to a fifth less, so that those made together do not go together."},
  {"server_login_retry", time, U::none, "15", G, reloads, built, "Longest pause after logins that a server refuses; one that is away is tried each second",
   {}, {}, "It is the longest pause, after logins that a server refuses for good: the first is up to 0.2 seconds, and each "
   "up to twice the one before. A host that does not answer, is starting up or is full is tried again within a second, by "
   "one connection for all pools, so that clients hear soon that it is back."},
  {"server_reset_query", text, U::sql, "DISCARD ALL", G, reloads, built, "Sent before a session's server is reused; empty: none"},
  {"server_reset_query_always", boolean, U::none, "0", G, reloads, built, "Send server_reset_query in every pool mode"},
  {"server_round_robin", boolean, U::none, "0", G, reloads, built, "Reuse servers in turn instead of the last used first"},
  {"server_tls13_ciphers", text, U::none, nullptr, G, reloads, built, "TLS 1.3 suites offered to servers"},
  {"server_tls_ca_file", text, U::path, "", G, reloads, built, "Authority for server certificates; system: the system's own"},
  {"server_tls_cert_file", text, U::path, "", G, reloads, built, "Certificate shown to servers"},
  {"server_tls_ciphers", text, U::none, "default", G, reloads, built, "TLS 1.2 ciphers offered to servers"},
  {"server_tls_key_file", text, U::path, "", G, reloads, built, "Key of server_tls_cert_file"},
  {"server_tls_negotiation", choice, U::none, "postgres", G, reloads, built, "TLS is asked for first, or begins at once (direct)", kNegotiations, {}, own},
  {"server_tls_protocols", text, U::none, "secure", G, reloads, built, "TLS versions offered to servers"},
  {"server_tls_sslmode", choice, U::none, "prefer", G, reloads, built, "TLS with servers", kTlsModes,
   {}, "It may be given for each database, and so may every other server_tls_ key."},
  {"service_name", text, U::none, nullptr, G, restart, moot, "Alias of job_name, for Windows", {}, {}, "It names a Windows service."},
  {"so_reuseport", boolean, U::none, "0", G, restart, built, "Share the TCP port with other processes",
   {}, {}, "A cancel request that reaches another process than its query is lost, since there are no peers."},
  {"stats_period", integer, U::seconds, "60", G, reloads, built, "How often averages are taken and log_stats writes; at least 1",
   {}, {}, "At least one second; log_stats = 0 ends the line of totals."},
  {"stats_users", list, U::none, "", G, reloads, built, "Users who may look at the console"},
  {"suspend_timeout", time, U::none, "10", G, reloads, later, "How long SUSPEND waits for buffers to drain",
   {}, {}, {}, "There is no SUSPEND: with so_reuseport = 1 start the next process beside this one, with a unix_socket_dir "
   "and pidfile of its own, then end this one by SIGTERM."},
  {"syslog", boolean, U::none, "0", G, reloads, built, "Log to syslog as well"},
  {"syslog_facility", choice, U::none, "daemon", G, reloads, built, "Facility for syslog", kFacilities},
  {"syslog_ident", text, U::none, "pgbouncer", G, reloads, built, "Name for syslog"},
  {"tcp_defer_accept", boolean, U::none, "1", G, reloads, built, "Accept a connection when its first bytes are there, or 45 seconds are over",
   {}, {}, "With max_client_conn_per_ip or client_conn_rate_per_ip each is accepted at once, so that a silent one counts."},
  {"tcp_keepalive", boolean, U::none, "1", G, reloads, built, "Keepalive probes on every TCP socket"},
  {"tcp_keepcnt", integer, U::count, "0", G, reloads, built, "Probes before the peer is given up; 0: the system's"},
  {"tcp_keepidle", integer, U::seconds, "0", G, reloads, built, "Silence before the first probe; 0: the system's"},
  {"tcp_keepintvl", integer, U::seconds, "0", G, reloads, built, "Time between probes; 0: the system's"},
  {"tcp_socket_buffer", integer, U::bytes, "0", G, reloads, built, "Send and receive buffer of every TCP socket; 0: the system's"},
  {"tcp_user_timeout", integer, U::milliseconds, "0", G, reloads, built, "Unacknowledged data ends a connection after this long; 0: the system's"},
  {"track_extra_parameters", list, U::none, "IntervalStyle", G, restart, built, "Parameters kept per client besides those that PostgreSQL reports",
   {}, {}, "All that PostgreSQL reports and a client may SET are kept anyway. A name that is none, or one more than can be tracked, stops the start."},
  {"transaction_timeout", time, U::none, "0", G | kUser, reloads, built, "Close a client whose transaction lasts this long, and end that; 0: never",
   {}, {}, "A query that runs is cancelled and its server closed; an idle transaction is rolled back, and the server kept. SQLSTATE 25P04."},
  {"unix_socket_dir", text, U::path, "/tmp", G, restart, built, "Directory of the unix socket; empty: none; @ first: abstract"},
  {"unix_socket_group", text, U::none, "", G, restart, built, "Group of the unix socket"},
  {"unix_socket_mode", integer, U::octal, "0777", G, restart, built, "Mode of the unix socket; a leading 0 makes it octal"},
  {"user", text, U::none, nullptr, G, restart, built, "Become this user before anything is opened"},
  {"verbose", integer, U::level, nullptr, G, reloads, built, "Above 0: each dial, link, hand-over and cancel in the log"},
  {"watch_files", boolean, U::none, "1", G, reloads, built, "Read certificates, keys, auth_file and HBA files again when they change", {}, {}, own},
  {"worker_threads", integer, U::threads, "0", G, restart, built, "Threads that carry traffic, 64 at most; 0: one per core, and few clients on few of them",
   {}, {}, own},

  // A line of [databases], and of [users] where the name means the same there.
  {"application_name", text, U::none, nullptr, D, reloads, built, "Startup parameter for servers"},
  {"channel_binding", choice, U::none, nullptr, D, reloads, built, "server_channel_binding of this database", kBindings, {}, own},
  {"client_encoding", text, U::none, nullptr, D, reloads, built, "Startup parameter for servers"},
  {"connect_query", text, U::sql, nullptr, D, reloads, built, "Run once after each server login"},
  {"datestyle", text, U::none, nullptr, D, reloads, built, "Startup parameter for servers"},
  {"dbname", text, U::none, nullptr, D, reloads, built, "The server's name for the database; unset: the client's"},
  {"host", list, U::none, nullptr, D, reloads, built, "Names, addresses, /dir or @abstract; unset: in unix_socket_dir"},
  {"load_balance_hosts", choice, U::none, "round-robin", D, reloads, built, "Hosts take turns; disable: the next when one has failed", "disable round-robin",
   {}, "With disable the hosts do not take turns: one is used until a connection to it fails, then the next."},
  {"max_db_client_connections", integer, U::count, nullptr, D, reloads, built, "Clients of this database; 0: as the global setting"},
  {"max_db_connections", integer, U::count, nullptr, D, reloads, built, "Server connections of this database; 0: as the global setting"},
  {"max_user_client_connections", integer, U::count, nullptr, kUser, reloads, built, "Clients of this user; 0: as the global setting"},
  {"max_user_connections", integer, U::count, nullptr, kUser, reloads, built, "Server connections of this user; 0: as the global setting"},
  {"min_pool_size", integer, U::count, nullptr, D, reloads, built, "Server connections kept ready; in a pool with a forced user also without clients"},
  {"options", text, U::none, nullptr, D, reloads, built, "Startup parameter for servers: -c name=value", {}, {}, own},
  {"password", text, U::secret, nullptr, D, reloads, built, "Secret of the forced user"},
  {"password_alternate", text, U::secret, nullptr, D, reloads, built, "A second secret, tried when the first is refused, while a secret is rotated",
   {}, {}, own},
  {"password_command", text, U::none, nullptr, D, reloads, built, "Its output is the secret of the forced user", {}, {}, own},
  {"password_file", text, U::path, nullptr, D, reloads, built, "The file whose text, but for its last newline, is the secret of the forced user", {}, {}, own},
  {"pool_mode", choice, U::none, nullptr, DU, reloads, built, "When a server connection goes back to the pool", kPoolModes},
  {"pool_size", integer, U::count, nullptr, DU, reloads, built, "Server connections per database and user; 0: no limit"},
  {"port", integer, U::port, "5432", D, reloads, built, "Port of all hosts"},
  {"query_wait_timeout", time, U::none, nullptr, DU, reloads, built, "Refuse a client that waits this long; 0: as the global setting"},
  {"reserve_pool", integer, U::count, nullptr, D, reloads, built, "Alias of reserve_pool_size"},
  {"reserve_pool_size", integer, U::count, nullptr, DU, reloads, built, "Extra server connections for clients that wait too long"},
  {"server_lifetime", time, U::none, nullptr, D, reloads, built, "Close a server older than this; 0: as the global setting"},
  {"server_tls13_ciphers", text, U::none, nullptr, D, reloads, built, "TLS 1.3 suites offered to this database's servers", {}, {}, own},
  {"server_tls_ca_file", text, U::path, nullptr, D, reloads, built, "Authority for this database's server certificates; system: the system's own", {}, {}, own},
  {"server_tls_cert_file", text, U::path, nullptr, D, reloads, built, "Certificate shown to this database's servers", {}, {}, own},
  {"server_tls_ciphers", text, U::none, nullptr, D, reloads, built, "TLS 1.2 ciphers offered to this database's servers", {}, {}, own},
  {"server_tls_key_file", text, U::path, nullptr, D, reloads, built, "Key of this database's server_tls_cert_file", {}, {}, own},
  {"server_tls_negotiation", choice, U::none, nullptr, D, reloads, built, "How TLS with this database's servers begins", kNegotiations, {}, own},
  {"server_tls_protocols", text, U::none, nullptr, D, reloads, built, "TLS versions offered to this database's servers", {}, {}, own},
  {"server_tls_sslmode", choice, U::none, nullptr, D, reloads, built, "TLS with this database's servers", kTlsModes, {}, own},
  {"sslcert", text, U::path, nullptr, D, reloads, built, "libpq's word for server_tls_cert_file", {}, {}, own},
  {"sslkey", text, U::path, nullptr, D, reloads, built, "libpq's word for server_tls_key_file", {}, {}, own},
  {"sslmode", choice, U::none, nullptr, D, reloads, built, "libpq's word for server_tls_sslmode", kTlsModes, {}, own},
  {"sslnegotiation", choice, U::none, nullptr, D, reloads, built, "libpq's word for server_tls_negotiation", kNegotiations, {}, own},
  {"sslrootcert", text, U::path, nullptr, D, reloads, built, "libpq's word for server_tls_ca_file", {}, {}, own},
  {"timezone", text, U::none, nullptr, D, reloads, built, "Startup parameter for servers"},
  {"user", text, U::none, nullptr, D, reloads, built, "Forced user: one pool for the whole database; changed: from each client's next transaction"},

  // A line of [peers]
  {"host", text, U::none, nullptr, P, reloads, later, "Where the peer listens", {}, {}, {}, kNoPeers},
  {"pool_size", integer, U::count, nullptr, P, reloads, later, "Connections to the peer", {}, {}, {}, kNoPeers},
  {"port", integer, U::port, "6432", P, reloads, later, "Port of the peer", {}, {}, {}, kNoPeers},
});
// clang-format on

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Levenshtein over two rows; both names are short, so squares are cheap.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0u : 1u);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

constexpr std::size_t kNameWorthComparing = 64;

}  // namespace

std::span<const Key> keys() { return kKeys; }

const Key* find_key(std::string_view name, Scopes scope) {
  for (const Key& key : kKeys) {
    if ((key.scopes & scope) != 0 && key.name == name) return &key;
  }
  return nullptr;
}

std::string_view nearest_key(std::string_view name, Scopes scope) {
  if (name.size() > kNameWorthComparing) return {};
  std::size_t best = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string_view nearest;
  for (const Key& key : kKeys) {
    if ((key.scopes & scope) == 0) continue;
    const std::size_t apart = distance(name, key.name);
    if (apart < best) {
      best = apart;
      nearest = key.name;
    }
  }
  return nearest;
}

}  // namespace weir::proxy::config
