#include "proxy/config/load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "proxy/config/keys.h"
#include "tests/unit/proxy/config/loading.h"
#include "tests/unit/proxy/config/scratch_file.h"

using namespace weir;
using namespace weir::proxy::config;

TEST_CASE("an ordinary pgbouncer.ini is read whole") {
  const Config config = loaded(R"(
;; database name = connect string
[databases]
shop = host=db1.example.org port=5433 dbname=shop_live user=app password='p w' pool_size=30
* = host = 10.0.0.1

[users]
app = pool_mode=session max_user_connections=12

[pgbouncer]
logfile = /var/log/pgbouncer.log
pidfile =
  listen_addr = 127.0.0.1, ::1
listen_port = 6433
auth_type = scram-sha-256
admin_users = anna, bert
pool_mode = Transaction
max_client_conn = 5000
server_idle_timeout = 2.5
ignore_startup_parameters = extra_float_digits,options
unix_socket_mode = 0700
)");
  const Settings& s = config.settings;
  CHECK(s.listen_addr == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK(s.listen_port == 6433);
  CHECK(s.auth_type == AuthType::scram_sha_256);
  CHECK(s.admin_users.size() == 2);
  CHECK(s.pool_mode == PoolMode::transaction);
  CHECK(s.max_client_conn == 5000);
  CHECK(s.server_idle_timeout_us == 2'500'000);
  CHECK(s.unix_socket_mode == 0700);
  CHECK(s.pidfile.empty());
  CHECK(s.unix_socket_dir == "/tmp");
  const Database* shop = config.find_database("shop");
  REQUIRE(shop);
  CHECK(shop->hosts == std::vector<std::string>{"db1.example.org"});
  CHECK(shop->port == 5433);
  CHECK(shop->server_dbname("shop") == "shop_live");
  CHECK(shop->password == "p w");
  CHECK(config.pool_size(*shop, "app") == 30);
  CHECK(config.pool_mode(*shop, "app") == PoolMode::session);
  CHECK(config.max_user_connections("app") == 12);
  CHECK(config.warnings.empty());
}

TEST_CASE("the fallback entry serves every name that has no entry of its own") {
  const Config config = with_database("a = host=x\n* = host=y port=1");
  REQUIRE(config.find_database("a"));
  CHECK(config.find_database("a")->hosts[0] == "x");
  const Database* other = config.find_database("other");
  REQUIRE(other);
  CHECK(other->is_fallback());
  CHECK(other->hosts[0] == "y");
  CHECK(other->server_dbname("other") == "other");
  CHECK(with_database("a=").find_database("b") == nullptr);
  CHECK(with_database("*=").find_database("b")->hosts.empty());
}

TEST_CASE("user over database over global") {
  const Config config = loaded(
      "[pgweir]\ndefault_pool_size = 1\npool_mode = statement\n"
      "query_wait_timeout = 1\nmax_db_connections = 1\nmax_user_connections = 1\n"
      "[databases]\nd = pool_size=2 pool_mode=transaction query_wait_timeout=2 "
      "max_db_connections=0 min_pool_size=2 server_lifetime=0\nplain =\n"
      "[users]\nu = pool_size=3 pool_mode=session query_wait_timeout=0\n");
  const Database& d = *config.find_database("d");
  const Database& plain = *config.find_database("plain");
  CHECK(config.pool_size(plain, "x") == 1);
  CHECK(config.pool_size(d, "x") == 2);
  CHECK(config.pool_size(d, "u") == 3);
  CHECK(config.pool_mode(plain, "x") == PoolMode::statement);
  CHECK(config.pool_mode(d, "x") == PoolMode::transaction);
  CHECK(config.pool_mode(d, "u") == PoolMode::session);
  CHECK(config.query_wait_timeout_us(d, "u") == 2'000'000);  // The user's 0 inherits.
  CHECK(config.query_wait_timeout_us(plain, "x") == 1'000'000);
  CHECK(config.max_db_connections(plain) == 1);
  CHECK(config.max_db_connections(d) == 1);  // A line's 0 inherits.
  CHECK(config.min_pool_size(d) == 2);
  CHECK(config.max_user_connections("u") == 1);
  CHECK(config.server_lifetime_us(d) == 3600 * kMicrosPerSecond);  // A line's 0 inherits.
}

TEST_CASE("a limit on connections of 0 on a line is the global one") {
  const Config config = loaded(
      "[pgweir]\nmax_db_connections = 2\nmax_db_client_connections = 3\n"
      "max_user_connections = 4\nmax_user_client_connections = 5\n"
      "[databases]\nd = max_db_connections=0 max_db_client_connections=0\n"
      "e = max_db_connections=7 max_db_client_connections=8\n"
      "[users]\nu = max_user_connections=0 max_user_client_connections=0\n"
      "v = max_user_connections=9 max_user_client_connections=10\n");
  const Database& d = *config.find_database("d");
  const Database& e = *config.find_database("e");
  CHECK(config.max_db_connections(d) == 2);
  CHECK(config.max_db_connections(e) == 7);
  CHECK(config.max_db_client_connections(d) == 3);
  CHECK(config.max_db_client_connections(e) == 8);
  CHECK(config.max_user_connections("u") == 4);
  CHECK(config.max_user_connections("v") == 9);
  CHECK(config.max_user_client_connections("u") == 5);
  CHECK(config.max_user_client_connections("v") == 10);
}

TEST_CASE("the last of equal keys wins, also when its section appears again") {
  const Config config = loaded(
      "[pgbouncer]\nlisten_port = 1\nlisten_port = 2\n[databases]\na = host=x port=9\n"
      "[pgweir]\nlisten_port = 3\n[databases]\na = port=7\n");
  CHECK(config.settings.listen_port == 3);
  CHECK(config.databases.size() == 1);
  CHECK(config.find_database("a")->port == 7);
  CHECK(config.find_database("a")->hosts.empty());
  CHECK(with_database("a = port=1 port=2").find_database("a")->port == 2);
}

TEST_CASE("several hundred databases in one file") {
  std::string text = "[pgbouncer]\n[databases]\n";
  for (int i = 0; i < 800; ++i) {
    text += "tenant_" + std::to_string(i) + " = host=db" + std::to_string(i % 7) + " user=t" +
            std::to_string(i) + " password=secret pool_size=" + std::to_string(i % 9 + 1) + "\n";
  }
  const Config config = loaded(text);
  CHECK(config.databases.size() == 800);
  CHECK(config.find_database("tenant_799")->user == "t799");
  CHECK(config.find_database("tenant_799")->pool_size == 799 % 9 + 1);
}

TEST_CASE("keys that are not built yet are accepted with one warning each") {
  std::string query = "SELECT ";
  while (query.size() < 5000) query += "1 ; ";
  const Config config = loaded("[pgbouncer]\nauth_query = " + query +
                               "\nauth_ldap_options = x\nmax_prepared_statements = 5\n[databases]\n"
                               "a = reserve_pool=1\n[users]\nu = query_timeout=3\n"
                               "[peers]\n1 = host=x\n2 = host=y port=5\n");
  const std::vector<std::string> expected{
      "t.ini:3: \"auth_ldap_options\" is not built yet and has no effect. Asking a directory would "
      "keep other clients waiting: use auth_query, or write auth_file from the directory.",
      "t.ini:4: \"max_prepared_statements\" is not built yet and has no effect. Named statements "
      "do "
      "not follow a client from server to server: turn them off in the driver, or use pool_mode = "
      "session.",
      "t.ini:10: [peers] is not built yet and has no effect. One process uses all cores, so it "
      "needs "
      "no peers behind so_reuseport: leave this out."};
  CHECK(config.warnings == expected);
  const Config once = loaded("[pgweir]\nauth_query = " + query + "\n");
  const auto at = find_key("auth_query", kGlobal) - keys().data();
  CHECK(once.texts[static_cast<std::size_t>(at)]->size() == query.size() - 1);  // The last space.
}

TEST_CASE("a key that is not built draws no warning where it asks for nothing") {
  const std::string text =
      "[pgweir]\nquery_timeout = 0\npeer_id = 0\nmax_prepared_statements = 0\n"
      "suspend_timeout = 10s\nauth_ldap_options =\n"
      "[databases]\na = reserve_pool_size=0\n[users]\nanna = query_timeout=0\n";
  CHECK(loaded(text).warnings.empty());
  CHECK(with_setting("suspend_timeout = 0").warnings.size() == 1);
  CHECK(with_setting("peer_id = 1").warnings.size() == 1);
  CHECK(with_setting("max_prepared_statements = 200").warnings.size() == 1);
}

TEST_CASE("what is unknown or bad stops the load with file and line") {
  CHECK(complaint("[pgweir]\n\nlisten_prot = 1\n") ==
        "t.ini:3: unknown setting \"listen_prot\"; did you mean listen_port?");
  CHECK(complaint("[pgweir]\nListen_Port = 1\n") ==
        "t.ini:2: unknown setting \"Listen_Port\"; did you mean listen_port?");
  CHECK(complaint("[pgweir]\nzzzzzzzzzzz = 1\n") == "t.ini:2: unknown setting \"zzzzzzzzzzz\"");
  CHECK(has(complaint("[pgweir]\ndbname = x\n"), "it belongs in [databases]"));
  CHECK(
      complaint("[pgweir]\nquery_wait_timeout = 10x\n") ==
      "t.ini:2: \"10x\" is no time for query_wait_timeout: write seconds, or a number with us, ms, "
      "s, min, h or d");
  CHECK(has(complaint("[pgweir]\nserver_idle_timeout =\n"), "t.ini:2: \"\" is no time"));
  CHECK(has(complaint("[pgweir]\nquery_timeout = soon\n"), "t.ini:2: \"soon\" is no time"));
  CHECK(complaint("[databases]\na =\n") ==
        "t.ini: the section [pgweir] (or [pgbouncer]) is missing");
  CHECK(complaint("") == "t.ini: the section [pgweir] (or [pgbouncer]) is missing");
  CHECK(has(complaint("[pgweir]\n[database]\n"), "t.ini:2: unknown section \"database\""));
  CHECK(has(complaint("[PgBouncer]\n"), "t.ini:1: unknown section"));
  CHECK(has(complaint("[pgweir]\n[peers]\nx = host=a\n"), "t.ini:3: \"x\" is no number"));
  CHECK(has(complaint("[pgweir]\nauth_type = pam\n"), "t.ini:2: auth_type = pam is not built"));
}

TEST_CASE("a file without any door stops the load") {
  const std::string said = "it is empty, and so is listen_addr: no client could come in";
  CHECK(complaint("[pgweir]\nunix_socket_dir =\n") == "t.ini:2: " + said);
  CHECK(complaint("[pgweir]\nlisten_addr = ,\nunix_socket_dir =\n") == "t.ini:3: " + said);
  CHECK(complaint("[pgweir]\nlisten_addr = *\nunix_socket_dir =\n") == "accepted");
  CHECK(complaint("[pgweir]\nlisten_addr =\n") == "accepted");
}

TEST_CASE("a database without a host and without a unix_socket_dir stops the load") {
  const auto said = [](const std::string& line, const std::string& dir) {
    return complaint("[pgweir]\nlisten_addr = *\nunix_socket_dir = " + dir + "\n[databases]\n" +
                     "good = host=h\n" + line + "\n");
  };
  CHECK(
      said("shop = dbname=x", "") ==
      "t.ini:6: database \"shop\" has no host, and unix_socket_dir is empty: give it host=, or set "
      "unix_socket_dir");
  CHECK(has(said("* =", ""), "t.ini:6: database \"*\" has no host"));
  CHECK(has(said("shop = postgresql:///x", ""), "t.ini:6: database \"shop\" has no host"));
  CHECK(said("shop = host=/run", "") == "accepted");
  CHECK(said("shop = postgresql://h/x", "") == "accepted");
  CHECK(said("shop =", "/tmp") == "accepted");
  CHECK(said("shop =", "@pg") == "accepted");
}

TEST_CASE("where a key was said is known, the last place of several") {
  const Config config = loaded("[pgweir]\nuser = a\nlisten_port = 1\nuser = b\n");
  CHECK(config.said_at("user") == "t.ini:4: ");
  CHECK(config.said_at("listen_port") == "t.ini:3: ");
  CHECK(config.said_at("listen_addr").empty());
  CHECK(config.said_at("no_such_key").empty());
  CHECK(Config{}.said_at("user").empty());
}

TEST_CASE("bad database lines are named, with the entry they are in") {
  CHECK(database_complaint("a = pool_siz=1") ==
        "t.ini:3: unknown setting \"pool_siz\"; did you mean pool_size? (in the line of \"a\")");
  for (const char* value : {"abc", "10s", "0.5", "1x", "-1"}) {
    CAPTURE(value);
    CHECK(has(database_complaint("a = pool_size=" + std::string(value)), "for pool_size"));
  }
  CHECK(has(database_complaint("a = port=0"), "no number from 1 to 65535"));
  CHECK(has(database_complaint("a = port=x"), "\"x\" is no number for port"));
  CHECK(has(database_complaint("a = host=h1,h2 port=1,2"), "share one port"));
  CHECK(has(database_complaint("a = pool_mode=fast"), "is no choice for pool_mode"));
  CHECK(has(database_complaint("pgbouncer = host=x"), "is the console's"));
  CHECK(has(database_complaint("pgweir ="), "is the console's"));
  CHECK(has(database_complaint(std::string(64, 'd') + " ="), "longer than 63 bytes"));
  CHECK(with_database(std::string(63, 'd') + " =").databases.size() == 1);
  CHECK(has(database_complaint("a = user=" + std::string(128, 'u')), "longer than 127 bytes"));
  CHECK(has(database_complaint("a = sslcrl=x"), "lists of revoked certificates"));
  CHECK(has(database_complaint("a = listen_port=1"), "it belongs in [pgweir]"));
  CHECK(has(complaint("[pgweir]\n[users]\nu = pool_size=x\n"), "t.ini:3: \"x\" is no number"));
  CHECK(has(complaint("[pgweir]\n[users]\nu = dbname=x\n"), "it belongs in [databases]"));
}

TEST_CASE("startup parameters keep the wire's spelling") {
  const Config config = with_database(
      "a = client_encoding=UTF8 datestyle='ISO, DMY' timezone=UTC application_name=x "
      "options='-c search_path=s' connect_query='select ''1'' ; select 2'");
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  auto parameters = config.find_database("a")->startup_parameters;
  std::sort(parameters.begin(), parameters.end());
  CHECK(parameters == Pairs{{"DateStyle", "ISO, DMY"},
                            {"TimeZone", "UTC"},
                            {"application_name", "x"},
                            {"client_encoding", "UTF8"},
                            {"options", "-c search_path=s"}});
  CHECK(config.find_database("a")->connect_query == "select '1' ; select 2");
  CHECK(with_database("a = client_encoding=auto").find_database("a")->startup_parameters.empty());
}

TEST_CASE("hosts: lists, directories, and how they are balanced") {
  const Config config = with_database(
      "a = host=h1,h2 port=6000 load_balance_hosts=disable\nb = host=/run\nc = host=@abstract");
  CHECK(config.find_database("a")->hosts == std::vector<std::string>{"h1", "h2"});
  CHECK_FALSE(config.find_database("a")->load_balance);
  CHECK(config.find_database("b")->hosts[0] == "/run");
  CHECK(config.find_database("b")->load_balance);
  CHECK(config.find_database("c")->hosts[0] == "@abstract");
  const std::string uri = "a = postgresql://h1,h2/d?load_balance_hosts=";
  CHECK_FALSE(with_database(uri + "disable").find_database("a")->load_balance);
  CHECK(with_database(uri + "random").find_database("a")->load_balance);
  CHECK(with_database(uri + "disable load_balance_hosts=round-robin")
            .find_database("a")
            ->load_balance);
  CHECK(with_database("a = postgresql://h1,h2/d").find_database("a")->load_balance);
}

TEST_CASE("a URI may stand in [databases], with keys behind it that win") {
  const Config config = with_database(
      "shop = postgresql://u:p%20w@h1:6000,h2:6000/live?schema=x pool_size=7 user=forced");
  const Database& shop = *config.find_database("shop");
  CHECK(shop.hosts.size() == 2);
  CHECK(shop.port == 6000);
  CHECK(shop.dbname == "live");
  CHECK(shop.user == "forced");
  CHECK(shop.password == "p w");
  CHECK(shop.pool_size == 7);
  REQUIRE(config.warnings.size() == 1);
  CHECK(has(config.warnings[0], "t.ini:3: parameter \"schema\""));
  CHECK(has(database_complaint("a = postgresql://h1:1,h2/d"), "share one port"));
  CHECK(with_database("a = postgresql://h1,h2/d").find_database("a")->port == 5432);
  CHECK(has(database_complaint("a = postgresql://h:70000/d"), "no number from 1 to 65535"));
}

TEST_CASE("server_check_query tells no check and the empty check apart") {
  CHECK(with_setting("").settings.server_check_query == "");
  CHECK(with_setting("server_check_query = <empty>").settings.server_check_query == "");
  CHECK_FALSE(with_setting("server_check_query =").settings.server_check_query.has_value());
  CHECK(with_setting("server_check_query = select 1;").settings.server_check_query == "select 1;");
}

TEST_CASE("a stats_period below one second is refused") {
  for (const char* const period : {"0", "0.5", "999ms"}) {
    CAPTURE(period);
    CHECK(complaint("[pgweir]\nstats_period = " + std::string(period) + "\n") ==
          "t.ini:2: stats_period is at least one second; log_stats = 0 ends the line of totals");
  }
  CHECK(with_setting("stats_period = 1").settings.stats_period_us == kMicrosPerSecond);
  CHECK(with_setting("stats_period = 1.5").settings.stats_period_us == 1'500'000);
}

TEST_CASE("track_extra_parameters: what is no name, or one too many, stops the load") {
  const std::string head = "[pgweir]\n\ntrack_extra_parameters = ";
  CHECK(complaint(head + "IntervalStyle, foo bar\n") ==
        "t.ini:3: \"foo bar\" in track_extra_parameters is no name of a parameter");
  std::string many = "x1";
  for (int i = 2; i <= 55; ++i) many += ", x" + std::to_string(i);
  CHECK(complaint(head + many + ", X1, timezone\n") == "accepted");  // Each counts once.
  CHECK(complaint(head + many + ", x56\n") ==
        "t.ini:3: track_extra_parameters: \"x56\" is too many: 64 parameters can be tracked, 9 of "
        "them always are");
}

TEST_CASE("auth_file is read, and its faults name it or the line that asked for it") {
  const ScratchFile users("\"anna\" \"secret\"\n");
  const Config config = with_setting("auth_file = " + users.path());
  REQUIRE(config.find_secret("anna"));
  CHECK(*config.find_secret("anna") == "secret");
  CHECK(config.find_secret("bert") == nullptr);
  CHECK(complaint("[pgweir]\nauth_file = /nowhere/u.txt\n") ==
        "t.ini:2: cannot read \"/nowhere/u.txt\": No such file or directory");
  users.write("\"anna\"\n");
  CHECK(has(complaint("[pgweir]\nauth_file = " + users.path() + "\n"), users.path() + ":1: "));
}

TEST_CASE("an auth_file that is open to everybody draws one warning with the cure") {
  const ScratchFile users("\"anna\" \"secret\"\n");
  struct Rights {
    std::filesystem::perms mode;
    std::string what;
  };
  using std::filesystem::perms;
  for (const auto& [mode, what] :
       {Rights{perms{0600}, ""}, Rights{perms{0660}, ""}, Rights{perms{0644}, "read"},
        Rights{perms{0602}, "changed"}, Rights{perms{0666}, "read and changed"}}) {
    std::filesystem::permissions(users.path(), mode);
    const Config config = with_setting("auth_file = " + users.path());
    std::vector<std::string> expected;
    if (!what.empty()) {
      expected.push_back("t.ini:2: auth_file " + users.path() + " can be " + what +
                         " by everybody: chmod 600 " + users.path());
    }
    CHECK(config.warnings == expected);
  }
}

TEST_CASE("a file is loaded by its path") {
  const ScratchFile file("[pgbouncer]\nlisten_port = 7000\n");
  const auto config = load({.file = file.path(), .environment = {}});
  REQUIRE(config);
  CHECK(config->settings.listen_port == 7000);
  const auto missing = load({.file = "/nowhere/pgweir.ini", .environment = {}});
  REQUIRE_FALSE(missing);
  CHECK(has(missing.error().text, "No such file or directory"));
}
