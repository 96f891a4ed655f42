// url_test.cc: DATABASE_URL alone: what a URL makes of the settings, and which will not do.
#include <doctest/doctest.h>

#include <string>

#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"

using namespace weir::proxy::config;

TEST_CASE("DATABASE_URL alone is enough to start") {
  const auto config = from_environment("postgresql://app:p%40w@db.example.org:5433/shop?schema=x");
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
  const auto config = from_environment(" postgres://app@/\n");
  REQUIRE(config);
  CHECK(config->settings.auth_type == AuthType::trust);
  CHECK(config->find_secret("app") != nullptr);  // Trust lets in whom it knows.
  CHECK(config->settings.admin_users.empty());
  REQUIRE(config->find_database("app"));  // As libpq: the user's name stands for the database.
  CHECK(config->find_database("app")->hosts[0] == "/var/run/postgresql");
  REQUIRE(config->warnings.size() == 1);
  CHECK(has(config->warnings[0], "no password"));
}

TEST_CASE("a DATABASE_URL that will not do is refused without showing it") {
  for (const char* url :
       {"", "shop", "host=h dbname=d", "mysql://u:hunter2@h/d", "postgresql://h",
        "postgresql://:hunter2@h/d", "postgresql://u:hunter2@h/pgbouncer",
        "postgresql://u:hunter2@h/d?sslmode=require", "postgresql://u:h/unter2@h/d"}) {
    CAPTURE(url);
    const auto config = from_environment(url);
    REQUIRE_FALSE(config);
    CHECK(has(config.error().text, "DATABASE_URL: "));
    CHECK_FALSE(has(config.error().text, "unter2"));
  }
  CHECK_FALSE(from_environment("postgresql://u@h/" + std::string(64, 'd')));
}
