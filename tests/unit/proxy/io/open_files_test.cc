// open_files_test.cc: what a crowd of clients leaves to the servers.
#include "proxy/io/open_files.h"

#include <doctest/doctest.h>

#include "proxy/io/listener.h"

using namespace weir::proxy;
using io::reserve_for_servers;

namespace {

constexpr std::int64_t kMany = 100'000;

config::Config of_size(int default_pool_size) {
  config::Config config;
  config.settings.default_pool_size = default_pool_size;
  return config;
}

void add_database(config::Config& config, const std::string& name, std::optional<int> pool_size) {
  config.databases[name].pool_size = pool_size;
}

constexpr std::int64_t half_of(std::int64_t descriptors_max) {
  return (descriptors_max - io::kOwnDescriptors - io::kUnixReserve) / 2;
}

}  // namespace

TEST_CASE("the reserve holds the largest pool and some more") {
  config::Config config = of_size(20);
  CHECK(reserve_for_servers(config, kMany) == 36);
  add_database(config, "usual", {});
  CHECK(reserve_for_servers(config, kMany) == 36);
  add_database(config, "large", 300);
  CHECK(reserve_for_servers(config, kMany) == 316);
  config.users["small"].pool_size = 5;
  CHECK(reserve_for_servers(config, kMany) == 316);
  config.users["huge"].pool_size = 1000;
  config.users["plain"];
  CHECK(reserve_for_servers(config, kMany) == 1016);
}

TEST_CASE("clients who have waited long have the reserve beside their pool") {
  config::Config config = of_size(20);
  config.settings.reserve_pool_size = 5;
  CHECK(reserve_for_servers(config, kMany) == 41);
  add_database(config, "eager", 30);
  config.databases["eager"].reserve_pool_size = 10;
  CHECK(reserve_for_servers(config, kMany) == 56);
  config.users["patient"].reserve_pool_size = 15;
  CHECK(reserve_for_servers(config, kMany) == 61);
  config.settings.reserve_pool_timeout_us = 0;
  CHECK(reserve_for_servers(config, kMany) == 46);
}

TEST_CASE("a default that every database overrides does not count") {
  config::Config config = of_size(1000);
  add_database(config, "one", 5);
  CHECK(reserve_for_servers(config, kMany) == 21);
}

TEST_CASE("a pool without a limit counts as a quarter of all descriptors") {
  CHECK(reserve_for_servers(of_size(0), kMany) == kMany / 4 + 16);
  config::Config config = of_size(20);
  add_database(config, "free", 0);
  CHECK(reserve_for_servers(config, kMany) == kMany / 4 + 16);
}

TEST_CASE("clients keep half of what connections may have, however large a pool") {
  CHECK(reserve_for_servers(of_size(2147483647), kMany) == half_of(kMany));
  CHECK(reserve_for_servers(of_size(2147483647), 2147483647) == half_of(2147483647));
  CHECK(reserve_for_servers(of_size(100), 120) == half_of(120));
  CHECK(reserve_for_servers(of_size(20), io::kOwnDescriptors) == 0);
  CHECK(reserve_for_servers(of_size(20), 0) == 0);
}
