// plan_test.cc: which logins are tried for which configuration.
#include "proxy/doctor/plan.h"

#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;
using weir::protocol::SecretKind;
using weir::proxy::config::Config;

namespace {

// "entry user@host:port/dbname", each visit.
std::vector<std::string> visits_of(const Plan& plan) {
  std::vector<std::string> all;
  for (const Errand& errand : plan.errands) {
    const Visit& visit = errand.visit;
    all.push_back(visit.entry + " " + visit.user + "@" + visit.where() + "/" + visit.dbname +
                  (visit.asks_auth_query.empty() ? "" : " asks"));
  }
  return all;
}

Config with_users(Config config, std::initializer_list<const char*> users) {
  for (const char* user : users) config.secrets[user] = {"secret of " + std::string{user}};
  return config;
}

using Visits = std::vector<std::string>;

}  // namespace

TEST_CASE("a forced user goes to every host of its entry") {
  const auto config = config_of("shop = host=a,b port=5433 user=app password=x dbname=real");
  const Plan plan = make_plan(config);
  CHECK(visits_of(plan) == Visits{"shop app@a:5433/real", "shop app@b:5433/real"});
  CHECK(plan.errands[0].visit.forced);
  CHECK(plan.errands[0].secrets == Visits{"x"});
  CHECK(plan.remarks.empty());
}

TEST_CASE("without a forced user each of auth_file is tried, those of the console aside") {
  const auto config =
      with_users(config_of("shop = host=a", "admin_users = root"), {"amy", "bob", "root"});
  CHECK(visits_of(make_plan(config)) == Visits{"shop amy@a:5432/shop", "shop bob@a:5432/shop"});
  const auto alone = with_users(config_of("shop = host=a", "admin_users = root"), {"root"});
  CHECK(visits_of(make_plan(alone)) == Visits{"shop root@a:5432/shop"});
}

TEST_CASE("more hosts are visited by the first user alone") {
  const auto config = with_users(config_of("shop = host=a,b"), {"amy", "bob"});
  CHECK(visits_of(make_plan(config)) ==
        Visits{"shop amy@a:5432/shop", "shop bob@a:5432/shop", "shop amy@b:5432/shop"});
}

TEST_CASE("many users are not all tried, and that is told") {
  auto config = config_of("shop = host=a");
  for (int i = 0; i < 25; ++i) config.secrets["user" + std::to_string(i)] = {"x"};
  const Plan plan = make_plan(config);
  CHECK(plan.errands.size() == kUsersTriedMax);
  CHECK(says(found(plan.remarks, "users_not_tried").sentence, "5 of the 25 users"));
}

TEST_CASE("where no user is known the server is knocked at, and that is told") {
  const auto config = config_of("shop = host=a");
  const Plan plan = make_plan(config);
  CHECK(visits_of(plan) == Visits{"shop @a:5432/shop"});
  CHECK(found(plan.remarks, "login_not_tried").level == Level::ok);
}

TEST_CASE("auth_user asks in auth_dbname, once for all entries that share it") {
  const auto config =
      config_of("depot = host=a\nshop = host=a\nlogins = host=b user=keeper password=x",
                "auth_user = keeper\nauth_dbname = logins");
  const Plan plan = make_plan(config);
  CHECK(visits_of(plan) == Visits{"depot @a:5432/depot", "logins keeper@b:5432/logins asks",
                                  "logins keeper@b:5432/logins", "shop @a:5432/shop"});
  CHECK(plan.errands[1].target == config.find_database("logins"));
  CHECK(plan.errands[1].secrets == Visits{"x"});
}

TEST_CASE("the fallback entry is tried with the database postgres, and that is told") {
  const auto config = config_of("* = host=a user=app password=x");
  const Plan plan = make_plan(config);
  CHECK(visits_of(plan) == Visits{"* app@a:5432/postgres"});
  CHECK(says(found(plan.remarks, "fallback_entry").sentence, "postgres"));
}

TEST_CASE("an entry without a host is reached in unix_socket_dir") {
  const auto config = config_of("shop = user=app password=x", "unix_socket_dir = /run/pg");
  CHECK(visits_of(make_plan(config)) == Visits{"shop app@/run/pg/.s.PGSQL.5432/shop"});
}

TEST_CASE("secrets stand in the order in which a pool tries them, with their source") {
  auto config = config_of("shop = host=a user=app password=one password_alternate=two");
  config.secrets["app"] = {"three"};
  Plan plan = make_plan(config);
  CHECK(plan.errands[0].secrets == Visits{"one", "two"});
  CHECK(plan.errands[0].visit.source == "password= at pgweir.ini:2");
  config.databases.at("shop").password.reset();
  config.databases.at("shop").password_alternate.reset();
  plan = make_plan(config);
  CHECK(plan.errands[0].secrets == Visits{"three"});
  CHECK(plan.errands[0].visit.source == "auth_file");
  config.databases.at("shop").password_command = "print-it";
  plan = make_plan(config);
  CHECK(plan.errands[0].command == "print-it");
  CHECK(plan.errands[0].visit.source == "password_command");
  CHECK(plan.errands[0].visit.kind == SecretKind::plain);
}

TEST_CASE("a plain secret beside hashes is what can be tried") {
  auto config = config_of("shop = host=a");
  const std::string scram =
      weir::protocol::ScramSecret::from_password("x", weir::as_bytes("salt of 16 bytes"), 1).text();
  config.secrets["amy"] = {scram, "x"};
  config.secrets["bob"] = {scram};
  config.secrets["eve"] = {""};
  const Plan plan = make_plan(config);
  CHECK(plan.errands[0].visit.kind == SecretKind::plain);
  CHECK(plan.errands[1].visit.kind == SecretKind::scram);
  CHECK(plan.errands[1].visit.bases.size() == 1);
  CHECK(plan.errands[2].visit.kind == SecretKind::none);
}
