#include "proxy/replication_wish.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::proxy;

namespace {

protocol::Startup asking(const char* value) {
  protocol::Startup startup;
  startup.parameters = {{"user", "app"},
                        {"database", "shop"},
                        {"application_name", "receiver"},
                        {"_pq_.later", "1"},
                        {"replication", value}};
  return startup;
}

}  // namespace

TEST_CASE("a session that does not replicate") {
  CHECK_FALSE(read_replication({}).value());
  for (const char* const value : {"false", "off", "no", "0"}) {
    CHECK_FALSE(read_replication(asking(value)).value());
  }
}

TEST_CASE("what a replication client asks for goes on, but for its names") {
  for (const char* const value : {"database", "true", "on", "yes", "1"}) {
    CAPTURE(value);
    const auto wish = read_replication(asking(value)).value();
    REQUIRE(wish);
    CHECK(wish->physical == (std::string_view{value} != "database"));
    REQUIRE(wish->parameters.size() == 2);
    CHECK(wish->parameters[0].first == "application_name");
    CHECK(wish->parameters[1].first == "replication");
    CHECK(wish->parameters[1].second == value);
  }
}

TEST_CASE("a value that PostgreSQL would not know either") {
  const auto wish = read_replication(asking("perhaps"));
  REQUIRE_FALSE(wish);
  CHECK(wish.error().sqlstate == std::string_view{"22023"});
}
