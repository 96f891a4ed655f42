#include "proxy/commons.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::proxy;

namespace {

class NoOffice final : public Office {
  void reload(std::size_t, std::uint64_t) override {}
  void shut_down(Stop) override {}
  void stop_accepting() override {}
  void reload_applied(std::size_t, const config::Config*) override {}
};

class NoLog final : public Log {
  void line(Level, std::string_view) override {}
  bool wants(Level) const override { return false; }
  void reopen(const LogPlaces&) override {}
  void set_debug(bool) override {}
};

struct Parish {
  NoOffice office;
  NoLog log;
  Commons commons{2, {}, protocol::Tracked{{}}, office, log};
};

using Remembered = Commons::Remembered;

}  // namespace

TEST_CASE("a pool is one for all who hold it, and is forgotten with its names by the last") {
  Parish of;
  PoolEntry& one = of.commons.hold_pool({"shop", "app"});
  PoolEntry& other = of.commons.hold_pool({"shop", "app"});
  CHECK(&one == &other);
  of.commons.hold_pool({"till", "app"});
  CHECK(of.commons.remembered() == Remembered{2, 2, 1});
  of.commons.let_go(one);
  CHECK(of.commons.remembered() == Remembered{2, 2, 1});
  of.commons.let_go(other);
  CHECK(of.commons.remembered() == Remembered{1, 1, 1});
}

TEST_CASE("keys that a client has proved end what another had proved in clear text before") {
  Parish of;
  PoolEntry& entry = of.commons.hold_pool({"shop", "app"});
  Credential typed;
  typed.password = "the old one";
  entry.set_credential(typed);
  CHECK(entry.credential().password == "the old one");
  Credential keyed;
  keyed.keys.emplace().secret = "SCRAM-SHA-256$of the new one";
  entry.set_credential(keyed);
  CHECK(entry.credential().password.empty());
  CHECK(entry.credential().keys->secret == keyed.keys->secret);
  entry.set_credential({});  // Trusted: it has proved nothing.
  CHECK(entry.credential().keys.has_value());
  of.commons.let_go(entry);
}

TEST_CASE("a pool whose server is on its way between two workers is kept until it arrives") {
  Parish of;
  PoolEntry& left = of.commons.hold_pool({"shop", "app"});
  REQUIRE(left.shared.quota.take(0).refused_by == nullptr);
  of.commons.let_go(left);
  CHECK(of.commons.remembered() == Remembered{1, 1, 1});
  PoolEntry& found = of.commons.hold_pool({"shop", "app"});
  CHECK(found.shared.limit.taken() == 1);
  found.shared.quota.give_back();
  of.commons.let_go(found);
  CHECK(of.commons.remembered() == Remembered{0, 0, 0});
}

TEST_CASE("a client that counts against a database keeps its limits from being forgotten") {
  Parish of;
  PoolEntry& entry = of.commons.hold_pool({"shop", "app"});
  DatabaseCommons& database = of.commons.hold_database("shop");
  NamedLimits& user = of.commons.hold_user("app");
  of.commons.let_go(entry);
  CHECK(of.commons.remembered() == Remembered{0, 1, 1});
  CHECK(&database == &of.commons.hold_pool({"shop", "app"}).database);
  of.commons.let_go(database, user);
  CHECK(of.commons.remembered() == Remembered{1, 1, 1});
}
