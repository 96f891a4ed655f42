// url_test.cc: DATABASE_URL alone: what a URL makes of the settings, and which will not do.
#include <doctest/doctest.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"

using namespace weir::proxy::config;

namespace {

weir::Result<Config> from_url(const std::string& url) {
  return from_environment({{"DATABASE_URL", url}});
}

}  // namespace

TEST_CASE("DATABASE_URL alone is enough to start") {
  const auto config = from_url("postgresql://app:p%40w@db.example.org:5433/shop?schema=x");
  REQUIRE(config);
  const Settings& s = config->settings;
  CHECK(s.listen_addr == std::vector<std::string>{"127.0.0.1"});
  CHECK(s.listen_port == 6432);
  CHECK(s.unix_socket_dir.empty());
  CHECK(s.pool_mode == PoolMode::transaction);
  CHECK(s.max_client_conn == 1000);
  CHECK(s.default_pool_size == 20);
  CHECK(s.auth_type == AuthType::scram_sha_256);
  CHECK(s.worker_threads == 0);
  REQUIRE(config->databases.size() == 1);
  const Database* shop = config->find_database("shop");
  REQUIRE(shop);
  CHECK(shop->user == "app");
  CHECK(shop->password == "p@w");
  CHECK(shop->port == 5433);
  CHECK(config->find_database("other") == nullptr);
  CHECK(*config->find_secret("app") == "p@w");
  CHECK(s.admin_users == std::vector<std::string>{"app"});
  REQUIRE(config->warnings.size() == 1);
  CHECK(has(config->warnings[0], "DATABASE_URL: parameter \"schema\""));
}

TEST_CASE("DATABASE_URL without a password trusts the loopback, and says so") {
  const auto config = from_url(" postgres://app@/\n");
  REQUIRE(config);
  CHECK(config->settings.auth_type == AuthType::trust);
  CHECK(config->find_secret("app") != nullptr);  // Trust lets in whom it knows.
  CHECK(config->settings.admin_users.empty());
  REQUIRE(config->find_database("app"));  // As libpq: the user's name stands for the database.
  CHECK(config->find_database("app")->hosts[0] == "/var/run/postgresql");
  REQUIRE(config->warnings.size() == 1);
  CHECK(has(config->warnings[0], "no password"));
}

TEST_CASE("DATABASE_URL without a user means libpq's: PGUSER, else the system's") {
  REQUIRE(::setenv("PGUSER", "carol", 1) == 0);
  const auto named = from_url("postgresql://localhost/shop");
  REQUIRE(::unsetenv("PGUSER") == 0);
  REQUIRE(named);
  CHECK(named->find_database("shop")->user == "carol");
  CHECK(named->find_secret("carol") != nullptr);
  CHECK(named->settings.auth_type == AuthType::trust);
  REQUIRE(named->warnings.size() == 1);
  CHECK(has(named->warnings[0], "names user carol is let in"));

  const passwd* const us = ::getpwuid(::geteuid());
  const auto unnamed = from_url("postgresql:///shop");
  if (us == nullptr) {
    REQUIRE_FALSE(unnamed);
    CHECK(has(unnamed.error().text, "DATABASE_URL: it names no user"));
    return;
  }
  REQUIRE(unnamed);
  CHECK(unnamed->find_database("shop")->user == us->pw_name);
}

TEST_CASE("DATABASE_URL without a user is refused where a guess would not help") {
  const auto said = [](const std::string& url) {
    const auto config = from_url(url);
    return config ? "accepted" : config.error().text;
  };
  CHECK(said("postgresql://:hunter2@h/shop") == "DATABASE_URL: a password without a user");
  CHECK(said("postgresql://h/shop?password=hunter2") == "DATABASE_URL: a password without a user");
  CHECK(said("postgresql://localhost") == "DATABASE_URL: it names neither a database nor a user");
  CHECK(said("postgresql://") == "DATABASE_URL: it names neither a database nor a user");
}

TEST_CASE("a DATABASE_URL that will not do is refused without showing it") {
  for (const char* url : {" ", "shop", "host=h dbname=d", "mysql://u:hunter2@h/d", "postgresql://h",
                          "postgresql://:hunter2@h/d", "postgresql://u:hunter2@h/pgbouncer",
                          "postgresql://u:hunter2@h/d?sslcrl=x", "postgresql://u:h/unter2@h/d"}) {
    CAPTURE(url);
    const auto config = from_url(url);
    REQUIRE_FALSE(config);
    CHECK(has(config.error().text, "DATABASE_URL: "));
    CHECK_FALSE(has(config.error().text, "unter2"));
  }
  CHECK_FALSE(from_url("postgresql://u@h/" + std::string(64, 'd')));
}
