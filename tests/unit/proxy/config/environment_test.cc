// environment_test.cc: settings and databases out of variables, beside a file and without one.
#include "proxy/config/environment.h"

#include <doctest/doctest.h>

#include <cctype>
#include <string>

#include "proxy/config/keys.h"
#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"
#include "tests/unit/proxy/config/scratch_file.h"

using namespace weir::proxy::config;

namespace {

std::string refusal(const Environment& environment) {
  const auto config = from_environment(environment);
  return config ? "accepted" : config.error().text;
}

Config alone(const Environment& environment) {
  auto config = from_environment(environment);
  CHECK_MESSAGE(config.has_value(), (config ? "" : config.error().text));
  return config ? *config : Config{};
}

const std::string kUrl = "postgresql://app:pw@h/shop";

}  // namespace

TEST_CASE("every key of [pgweir] has a variable under each of the two prefixes") {
  for (const Key& key : keys()) {
    if ((key.scopes & kGlobal) == 0 || key.fallback == nullptr || *key.fallback == '\0') continue;
    std::string name(key.name);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (const std::string prefix : {"PGWEIR_", "PGBOUNCER_"}) {
      CAPTURE(prefix + name);
      const Config config = loaded("[pgweir]\n", {{prefix + name, key.fallback}});
      CHECK(config.source(key.name) == prefix + name);
      CHECK(config.settings == Settings{});
    }
  }
}

TEST_CASE("the environment wins over the file, and PGWEIR_ over PGBOUNCER_") {
  const std::string file = "[pgweir]\nlisten_port = 1\nmax_client_conn = 2\npool_mode = session\n";
  const Config config = loaded(file, {{"PGWEIR_LISTEN_PORT", "7001"},
                                      {"PGBOUNCER_LISTEN_PORT", "7002"},
                                      {"PGBOUNCER_MAX_CLIENT_CONN", "3"}});
  CHECK(config.settings.listen_port == 7001);
  CHECK(config.settings.max_client_conn == 3);
  CHECK(config.source("listen_port") == "PGWEIR_LISTEN_PORT");
  CHECK(config.source("max_client_conn") == "PGBOUNCER_MAX_CLIENT_CONN");
  CHECK(config.source("pool_mode") == "t.ini:4");
  CHECK(config.source("listen_addr") == "default");
  CHECK(config.said_at("listen_port") == "PGWEIR_LISTEN_PORT: ");
  CHECK(config.warnings.empty());
}

TEST_CASE("a variable that opens or closes another door than the file says draws a warning") {
  const std::string file =
      "[pgweir]\nauth_type = plain\nserver_tls_sslmode = require\nauth_hba_file = a\n";
  CHECK(loaded(file, {{"PGBOUNCER_AUTH_TYPE", "trust"}}).warnings ==
        std::vector<std::string>{"PGBOUNCER_AUTH_TYPE: its \"trust\" wins over t.ini:2"});
  CHECK(loaded(file, {{"PGWEIR_SERVER_TLS_SSLMODE", "disable"}}).warnings ==
        std::vector<std::string>{"PGWEIR_SERVER_TLS_SSLMODE: its \"disable\" wins over t.ini:3"});
  CHECK(loaded(file, {{"PGWEIR_AUTH_HBA_FILE", "secret"}}).warnings ==
        std::vector<std::string>{"PGWEIR_AUTH_HBA_FILE: it wins over t.ini:4"});
  CHECK(loaded(file, {{"PGWEIR_CLIENT_TLS_SSLMODE", "disable"}}).warnings.empty());
  CHECK(
      loaded(file, {{"PGWEIR_AUTH_TYPE", "plain"}, {"PGWEIR_LISTEN_PORT", "1"}}).warnings.empty());
}

TEST_CASE("a variable that will not do is named, as strictly as the file") {
  CHECK(complaint("[pgweir]\n", {{"PGWEIR_LISTEN_PORT", "x"}}) ==
        "PGWEIR_LISTEN_PORT: \"x\" is no number for listen_port: write a whole number without a "
        "unit");
  CHECK(has(complaint("[pgweir]\n", {{"PGBOUNCER_POOL_MODE", "fast"}}),
            "PGBOUNCER_POOL_MODE: \"fast\" is no choice for pool_mode"));
  CHECK(has(complaint("[pgweir]\n", {{"PGWEIR_MAX_CLIENT_CONN", ""}}), "is no number"));
  CHECK(has(complaint("[pgweir]\n", {{"PGWEIR_AUTH_FILE", "/nowhere/u"}}),
            "PGWEIR_AUTH_FILE: cannot read \"/nowhere/u\""));
  CHECK(loaded("[pgweir]\n", {{"PGWEIR_LOGFILE", "${X}"}}).settings.logfile == "${X}");
}

TEST_CASE("an unknown PGWEIR_ variable stops the load, an unknown PGBOUNCER_ one is warned of") {
  CHECK(complaint("[pgweir]\n", {{"PGWEIR_LISTN_PORT", "1"}}) ==
        "PGWEIR_LISTN_PORT: there is no such setting; did you mean PGWEIR_LISTEN_PORT?");
  CHECK(complaint("[pgweir]\n", {{"PGWEIR_ZZZZZZZZZZ", "1"}}) ==
        "PGWEIR_ZZZZZZZZZZ: there is no such setting");
  CHECK(loaded("[pgweir]\n", {{"PGBOUNCER_QQQQQQQQQQ", "hunter2"}}).warnings ==
        std::vector<std::string>{
            "PGBOUNCER_QQQQQQQQQQ: there is no such setting, so it has no effect"});
}

TEST_CASE("empty PGBOUNCER_ variables are unset, as in the images; an empty PGWEIR_ one is empty") {
  const std::string file = "[pgweir]\nlisten_addr = *\nmax_client_conn = 5\n";
  const Config config =
      loaded(file, {{"PGBOUNCER_MAX_CLIENT_CONN", ""}, {"PGWEIR_UNIX_SOCKET_DIR", ""}});
  CHECK(config.settings.max_client_conn == 5);
  CHECK(config.settings.unix_socket_dir.empty());
}

TEST_CASE("two keys may have the names that Bitnami's image gives them, behind PGBOUNCER_ alone") {
  const Environment image = {{"PGBOUNCER_PORT", "7001"}, {"PGBOUNCER_LISTEN_ADDRESS", "127.0.0.9"}};
  const Config config = loaded("[pgweir]\nlisten_port = 1\n", image);
  CHECK(config.settings.listen_port == 7001);
  CHECK(config.settings.listen_addr == std::vector<std::string>{"127.0.0.9"});
  CHECK(config.source("listen_port") == "PGBOUNCER_PORT");
  CHECK(config.warnings.empty());
  Environment both = image;
  both["PGBOUNCER_LISTEN_PORT"] = "7002";
  both["PGWEIR_LISTEN_ADDR"] = "127.0.0.8";
  const Config keys = loaded("[pgweir]\n", both);
  CHECK(keys.settings.listen_port == 7002);
  CHECK(keys.settings.listen_addr == std::vector<std::string>{"127.0.0.8"});
  CHECK(loaded("[pgweir]\n", {{"PGBOUNCER_PORT", ""}}).settings.listen_port == 6432);
  CHECK(loaded("[pgweir]\n", {{"PGBOUNCER_PORT", "tcp://10.0.0.1:1"}}).warnings.empty());
  CHECK(complaint("[pgweir]\n", {{"PGBOUNCER_PORT", "x"}}).starts_with("PGBOUNCER_PORT: "));
  CHECK(complaint("[pgweir]\n", {{"PGWEIR_PORT", "7001"}}).starts_with("PGWEIR_PORT: "));
}

TEST_CASE("what Kubernetes and Docker say of a service of our name is no setting") {
  for (const std::string prefix : {"PGWEIR_", "PGBOUNCER_"}) {
    const Config config = loaded("[pgweir]\n", {{prefix + "SERVICE_HOST", "10.0.0.1"},
                                                {prefix + "SERVICE_PORT", "6432"},
                                                {prefix + "SERVICE_PORT_POSTGRES", "6432"},
                                                {prefix + "PORT", "tcp://10.0.0.1:6432"},
                                                {prefix + "PORT_6432_TCP", "tcp://10.0.0.1:6432"},
                                                {prefix + "PORT_6432_TCP_ADDR", "10.0.0.1"},
                                                {prefix + "PORT_6432_TCP_PORT", "6432"},
                                                {prefix + "PORT_6432_TCP_PROTO", "tcp"},
                                                {prefix + "ADMIN_SERVICE_HOST", "10.0.0.2"},
                                                {prefix + "ADMIN_PORT", "udp://10.0.0.2:1"}});
    CHECK(config.warnings.empty());
    CHECK(config.settings == Settings{});
  }
  CHECK(has(complaint("[pgweir]\n", {{"PGWEIR_PORT", "6432"}}), "no such setting"));
}

TEST_CASE("a URL beside a file makes one more entry, but not the one of the program next door") {
  const std::string file = "[pgweir]\n[databases]\nshop = host=x\nother = host=y\n";
  const Config ours = loaded(file, {{"PGWEIR_DATABASE_URL", kUrl},
                                    {"PGBOUNCER_DATABASE_URL", "postgresql://h/not"},
                                    {"DATABASE_URL", "postgresql://h/nor"}});
  CHECK(ours.databases.size() == 2);
  CHECK(ours.find_database("shop")->hosts[0] == "h");
  CHECK(ours.find_database("shop")->user == "app");
  CHECK(ours.find_database("shop")->place == "PGWEIR_DATABASE_URL");
  CHECK(has(ours.warnings.at(0), "PGWEIR_DATABASE_URL: it stands in for "));
  CHECK(ours.settings == Settings{});
  CHECK(ours.find_secret("app") == nullptr);
  const Config theirs = loaded(file, {{"PGBOUNCER_DATABASE_URL", "postgresql://h/more"}});
  CHECK(theirs.databases.size() == 3);
  const Config none = loaded(file, {{"DATABASE_URL", kUrl}});
  CHECK(none.find_database("shop")->hosts[0] == "x");
}

TEST_CASE("DATABASES_* make the fallback entry, or one of another name") {
  const Environment parts{{"DATABASES_HOST", "db"},         {"DATABASES_PORT", "5433"},
                          {"DATABASES_USER", "app"},        {"DATABASES_PASSWORD", "a b'c"},
                          {"DATABASES_DBNAME", "live"},     {"DATABASES_POOL_SIZE", "7"},
                          {"DATABASES_CLIENT_ENCODING", ""}};
  const Config config = loaded("[pgweir]\n", parts);
  REQUIRE(config.databases.size() == 1);
  const Database& all = *config.find_database("whatever");
  CHECK(all.is_fallback());
  CHECK(all.hosts == std::vector<std::string>{"db"});
  CHECK(all.port == 5433);
  CHECK(all.user == "app");
  CHECK(all.password == "a b'c");
  CHECK(all.dbname == "live");
  CHECK(all.pool_size == 7);
  CHECK(all.startup_parameters.empty());
  CHECK(all.place == "DATABASES_HOST");
  for (const char* name : {"DATABASES_NAME", "PGBOUNCER_DATABASE"}) {
    Environment named = parts;
    named[name] = "shop";
    const Config one = loaded("[pgweir]\n", named);
    CHECK(one.databases.contains("shop"));
    CHECK(one.databases.size() == 1);
    CHECK(one.warnings.empty());
  }
}

TEST_CASE("DATABASES_* that will not do") {
  CHECK(has(complaint("[pgweir]\n", {{"DATABASES_HOST", "h"}, {"DATABASES_PORT", "x"}}),
            "DATABASES_HOST: \"x\" is no number for port"));
  CHECK(loaded("[pgweir]\n", {{"DATABASES_COUNT", "7"}}).warnings ==
        std::vector<std::string>{"DATABASES_COUNT: there is no such setting, so it has no effect"});
  CHECK(loaded("[pgweir]\n", {{"DATABASES_NAME", "shop"}}).databases.empty());
}

TEST_CASE("without a file the environment may change all that is assumed") {
  const Config config = alone({{"DATABASE_URL", kUrl},
                               {"PGWEIR_LISTEN_ADDR", "*"},
                               {"PGBOUNCER_POOL_MODE", "session"},
                               {"PGBOUNCER_DEFAULT_POOL_SIZE", "50"}});
  CHECK(config.settings.listen_addr == std::vector<std::string>{"*"});
  CHECK(config.settings.pool_mode == PoolMode::session);
  CHECK(config.settings.default_pool_size == 50);
  CHECK(config.settings.max_client_conn == 1000);
  CHECK(config.settings.auth_type == AuthType::scram_sha_256);
  CHECK(config.source("max_client_conn") == "start without a file");
  CHECK(config.said_at("max_client_conn").empty());
  CHECK(config.source("listen_addr") == "PGWEIR_LISTEN_ADDR");
}

TEST_CASE("without a file PGWEIR_DATABASE_URL comes before the others") {
  const Config config = alone({{"DATABASE_URL", "postgresql://a:b@h/c"},
                               {"PGBOUNCER_DATABASE_URL", "postgresql://a:b@h/d"},
                               {"PGWEIR_DATABASE_URL", kUrl}});
  CHECK(config.databases.size() == 1);
  CHECK(config.find_database("shop") != nullptr);
}

TEST_CASE("without a file DATABASES_* are enough") {
  const Config config =
      alone({{"DATABASES_HOST", "db"}, {"DATABASES_USER", "app"}, {"DATABASES_PASSWORD", "pw"}});
  CHECK(config.settings.auth_type == AuthType::scram_sha_256);
  REQUIRE(config.find_secret("app") != nullptr);
  CHECK(config.find_database("any")->hosts[0] == "db");
}

TEST_CASE("an auth_file out of the environment says who may enter, and the URL no more") {
  const ScratchFile users("\"anna\" \"secret\"\n");
  const Config config = alone({{"DATABASE_URL", "postgresql://app@h/shop"},
                               {"PGBOUNCER_AUTH_FILE", users.path()},
                               {"PGWEIR_LISTEN_ADDR", "*"}});
  CHECK(config.settings.auth_type == AuthType::md5);
  CHECK(config.find_secret("anna") != nullptr);
  CHECK(config.find_secret("app") == nullptr);
}

TEST_CASE("trust that nobody asked for ends at the loopback address") {
  const Environment url{{"DATABASE_URL", "postgresql://app@h/shop"}};
  Environment wide = url;
  wide["PGWEIR_LISTEN_ADDR"] = "127.0.0.1, 0.0.0.0";
  CHECK(refusal(wide) ==
        "PGWEIR_LISTEN_ADDR: the database's URL has no password, so whoever could come in from "
        "there would be trusted: give it one, or set PGWEIR_AUTH_TYPE");
  wide["PGWEIR_AUTH_TYPE"] = "trust";  // Now somebody has.
  CHECK(refusal(wide) == "accepted");
  Environment near = url;
  near["PGWEIR_LISTEN_ADDR"] = "127.0.0.2, ::1, localhost";
  CHECK(refusal(near) == "accepted");
  CHECK(refusal(url) == "accepted");
}

TEST_CASE("with nothing at all it says what it needs") {
  const std::string said = "no settings: name a file, or set DATABASE_URL (see --help)";
  CHECK(refusal({}) == said);
  CHECK(refusal({{"DATABASE_URL", ""}}) == said);
  CHECK(refusal({{"PGWEIR_LISTEN_PORT", "7000"}}) == said);
}
