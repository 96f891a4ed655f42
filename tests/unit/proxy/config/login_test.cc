// login_test.cc: what the settings say of logging in: ways, secrets of databases, limits.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>

#include "proxy/config/check.h"
#include "proxy/config/load.h"
#include "proxy/config/named_files.h"
#include "tests/unit/proxy/config/loading.h"
#include "tests/unit/proxy/config/scratch_directory.h"
#include "tests/unit/proxy/config/scratch_file.h"

using namespace weir::proxy::config;

namespace {

void close_to_others(const ScratchFile& file) {
  std::filesystem::permissions(file.path(), std::filesystem::perms{0600});
}

}  // namespace

TEST_CASE("every auth_type that is built") {
  const std::string tls =
      "\nclient_tls_sslmode = verify-full\nclient_tls_ca_file = a\nclient_tls_cert_file = c\n"
      "client_tls_key_file = k";
  const auto type = [](const std::string& lines) {
    return with_setting("auth_type = " + lines).settings.auth_type;
  };
  CHECK(type("any") == AuthType::any);
  CHECK(type("trust") == AuthType::trust);
  CHECK(type("plain") == AuthType::plain);
  CHECK(type("md5") == AuthType::md5);
  CHECK(type("scram-sha-256") == AuthType::scram_sha_256);
  const ScratchFile rules("local all all trust\n");
  CHECK(type("hba\nauth_hba_file = " + rules.path()) == AuthType::hba);
  CHECK(type("cert" + tls) == AuthType::cert);
  CHECK(setting_complaint("auth_type = hba") == "t.ini:2: auth_type = hba needs auth_hba_file");
  CHECK(setting_complaint("auth_type = cert") ==
        "t.ini:2: auth_type = cert needs client_tls_sslmode = verify-full");
}

TEST_CASE("auth_user, auth_query and auth_dbname: the database's over the global") {
  const Config config = loaded(
      "[pgweir]\nauth_user = asker\nauth_dbname = users\nauth_query_cache_time = 1min\n"
      "[databases]\nusers =\nplain =\n"
      "own = auth_user=me auth_query='SELECT 1, $1' auth_dbname=plain\n");
  const Database& plain = *config.find_database("plain");
  const Database& own = *config.find_database("own");
  CHECK(config.auth_user(plain) == "asker");
  CHECK(config.auth_query(plain) == kAuthQuery);
  CHECK(config.auth_dbname(plain) == "users");
  CHECK(config.auth_user(own) == "me");
  CHECK(config.auth_query(own) == "SELECT 1, $1");
  CHECK(config.auth_dbname(own) == "plain");
  CHECK(config.settings.auth_query_cache_time_us == 60 * kMicrosPerSecond);
  CHECK(config.warnings.empty());
}

TEST_CASE("auth_dbname is an entry of [databases], and not the console") {
  for (const char* console : {"pgbouncer", "pgweir"}) {
    const std::string said =
        "auth_dbname = " + std::string(console) + " is the console, which knows no secrets";
    CHECK(setting_complaint("auth_dbname = " + std::string(console)) == "t.ini:2: " + said);
    CHECK(has(database_complaint("a = auth_dbname=" + std::string(console)), said));
  }
  CHECK(setting_complaint("auth_dbname = users\nauth_user = u") ==
        "t.ini:2: auth_dbname names no entry of [databases]");
  CHECK(database_complaint("a = auth_dbname=users auth_user=u") ==
        "t.ini:3: database \"a\": auth_dbname names no entry of [databases]");
  CHECK(setting_complaint("auth_dbname = users\nauth_user = u\n[databases]\n* =") == "accepted");
  CHECK(setting_complaint("auth_dbname = users") == "accepted");  // Nobody goes there.
}

TEST_CASE("password_file: the file but for its last newline is the password") {
  const ScratchFile file("");
  close_to_others(file);
  const std::string line = "a = user=u password_file=" + file.path();
  struct Case {
    std::string text, password;
  };
  for (const auto& [text, password] :
       {Case{"s3cret", "s3cret"}, Case{"s3cret\n", "s3cret"}, Case{"s3cret\r\n", "s3cret"},
        Case{" a b \n\n", " a b \n"}, Case{"${HOME}", "${HOME}"}}) {
    file.write(text);
    const Config config = with_database(line);
    CHECK(config.find_database("a")->password == password);
    CHECK(config.find_database("a")->password_file == file.path());
    CHECK(config.warnings.empty());
  }
}

TEST_CASE("a password_file that will not do is named, and no piece of it is shown") {
  const ScratchFile file("");
  const std::string line = "a = user=u password_file=" + file.path();
  const std::string named = "t.ini:3: password_file \"" + file.path() + "\" ";
  CHECK(database_complaint(line) == named + "is empty");
  file.write(std::string("hunter2\0x", 9));
  CHECK(database_complaint(line) == named + "has a NUL byte; is it a text file?");
  file.write(std::string(65537, 'x'));
  CHECK(database_complaint(line) == named + "is longer than 65536 bytes");
  CHECK(database_complaint("a = password_file=/nowhere/secret") ==
        "t.ini:3: cannot read password_file \"/nowhere/secret\": No such file or directory");
}

TEST_CASE("a password_file that is open to everybody draws a warning") {
  const ScratchFile file("hunter2\n");
  const std::string line = "a = user=u password_file=" + file.path();
  std::filesystem::permissions(file.path(), std::filesystem::perms{0644});
  const std::string said = "t.ini:3: password_file \"" + file.path() + "\" can be ";
  CHECK(with_database(line).warnings ==
        std::vector{said + "read by everybody: chmod 600 is what it needs"});
  std::filesystem::permissions(file.path(), std::filesystem::perms{0602});
  CHECK(with_database(line).warnings ==
        std::vector{said + "changed by everybody: chmod 600 is what it needs"});
}

TEST_CASE("the files to watch are those that HBA and ident files include, too") {
  const ScratchDirectory dir;
  const std::string hba = dir.write("hba", "include_dir more\nlocal @bases all peer map=m\n");
  dir.write("more/a.conf", "include_if_exists later\n");
  dir.write("bases", "shop\n");
  const std::string ident = dir.write("ident", "include maps\n");
  dir.write("maps", "m a b\n");
  const auto files = named_files(
      with_setting("auth_type = hba\nauth_hba_file = " + hba + "\nauth_ident_file = " + ident));
  CHECK(std::set<std::string>(files.begin(), files.end()) ==
        std::set<std::string>{hba, ident, dir.path() + "/more", dir.path() + "/more/a.conf",
                              dir.path() + "/more/later", dir.path() + "/bases",
                              dir.path() + "/maps"});
}

TEST_CASE("a password has one source, and a second one beside it") {
  const Config config = with_database(
      "a = user=u password=x password_alternate='y z'\n"
      "b = user=u password_command='aws rds generate-db-auth-token --hostname h'");
  CHECK(config.find_database("a")->password_alternate == "y z");
  CHECK(config.find_database("b")->password_command ==
        "aws rds generate-db-auth-token --hostname h");
  CHECK_FALSE(config.find_database("b")->password);
  const std::string said = "of password, password_file and password_command there can be one";
  for (const char* line :
       {"a = password=x password_file=/dev/null", "a = password=x password_command=y",
        "a = postgresql://u:x@h/d password_command=y", "a = password_file=x password_command=y"}) {
    CHECK(has(database_complaint(line), said));
  }
  CHECK(has(database_complaint("a = password_alternate=x"), "password_alternate stands beside"));
}

TEST_CASE("the limits on logging in") {
  const Settings s = with_setting(
                         "auth_failures_before_delay = 5\nauth_failures_before_refusal = 6\n"
                         "auth_failure_delay = 250ms\nmax_client_conn_per_ip = 7\n"
                         "client_conn_rate_per_ip = 8\nclient_conn_rate_per_user = 9\n"
                         "proxy_protocol_from = 10.0.0.0/8, ::1\napplication_name_add_host = 1\n"
                         "scram_iterations = 10000\nautodb_idle_timeout = 1h\n"
                         "pool_idle_timeout = 2min\nwatch_files = 0\nreload_on_change = 1\n"
                         "password_command_cache_time = 14min")
                         .settings;
  CHECK(s.auth_failures_before_delay == 5);
  CHECK(s.auth_failures_before_refusal == 6);
  CHECK(s.auth_failure_delay_us == 250'000);
  CHECK(s.max_client_conn_per_ip == 7);
  CHECK(s.client_conn_rate_per_ip == 8);
  CHECK(s.client_conn_rate_per_user == 9);
  CHECK(s.proxy_protocol_from == std::vector<std::string>{"10.0.0.0/8", "::1"});
  CHECK(s.application_name_add_host);
  CHECK(s.scram_iterations == 10000);
  CHECK(s.autodb_idle_timeout_us == 3600 * kMicrosPerSecond);
  CHECK(s.pool_idle_timeout_us == 120 * kMicrosPerSecond);
  CHECK_FALSE(s.watch_files);
  CHECK(s.reload_on_change);
  CHECK(s.password_command_cache_time_us == 14 * 60 * kMicrosPerSecond);
  for (const char* rounds : {"0", "1000001", "-1"}) {
    CHECK(has(setting_complaint("scram_iterations = " + std::string(rounds)), "1 to 1000000"));
  }
}

TEST_CASE("proxy_protocol_from is addresses and networks") {
  for (const char* good : {"10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.1/32", "::", "fd00::/8",
                           "::1/128", "::ffff:10.0.0.1"}) {
    CAPTURE(good);
    CHECK(Network::range(good).has_value());
  }
  for (const char* bad :
       {"", "/8", "10.0.0/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129",
        "::/+1", "db.example.org", "10.0.0.256", "*", "10.0.0.0/8/8", "10.0.0.0/4294967297"}) {
    CAPTURE(bad);
    CHECK_FALSE(Network::range(bad).has_value());
  }
  CHECK(setting_complaint("proxy_protocol_from = 10.0.0.1, lb") ==
        "t.ini:2: \"lb\" in proxy_protocol_from is neither an address nor a network as 10.0.0.0/8 "
        "or fd00::/8");
}

TEST_CASE("proxy_protocol_from that takes in every address draws a warning, one") {
  const auto warnings = [](const std::string& from) {
    return loaded("[pgweir]\nproxy_protocol_from = " + from + "\n").warnings;
  };
  for (const char* const all : {"0.0.0.0/0", "::/0", "10.0.0.1, ::/0, 0.0.0.0/0"}) {
    CAPTURE(all);
    REQUIRE(warnings(all).size() == 1);
    CHECK(has(warnings(all)[0], "t.ini:2: proxy_protocol_from takes in every address"));
  }
  CHECK(warnings("10.0.0.0/8, 0.0.0.0/1, ::1").empty());
}
