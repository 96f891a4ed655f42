// room_test.cc: the room of servers against the sum of the pools.
#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;
using weir::proxy::config::Config;

namespace {

Visit visit_of(const std::string& entry, const std::string& identity = "one",
               const std::string& user = "app") {
  Visit visit = good_visit();
  visit.entry = visit.dbname = entry;
  visit.user = user;
  visit.server->identity = identity;
  return visit;
}

const char* const kTwo = "depot = host=a user=app password=x\nshop = host=a user=app password=x";

// "room 97 40": the server's, and what pgweir may open.
std::string numbers(const Findings& findings) {
  REQUIRE(!findings.empty());
  const std::string& text = findings[0].sentence;
  const auto room = text.find("has room for ") + 13;
  const auto open = text.find("may open ") + 9;
  return std::string{findings[0].code} + " " + text.substr(room, text.find(' ', room) - room) +
         " " + text.substr(open, text.find(' ', open) - open);
}

std::string room(const std::string& databases, const std::string& settings,
                 const std::vector<Visit>& visits) {
  return numbers(judge_room(config_of(databases, settings), visits));
}

}  // namespace

TEST_CASE("pools of all entries that lead to one server are added up") {
  CHECK(room(kShop, "", {visit_of("shop")}) == "room 97 20");
  const std::vector<Visit> both{visit_of("depot"), visit_of("shop")};
  CHECK(room(kTwo, "", both) == "room 97 40");
  CHECK(room(kTwo, "default_pool_size = 49", both) == "no_room 97 98");
  const std::vector<Visit> apart{visit_of("depot", "one"), visit_of("shop", "two")};
  CHECK(judge_room(config_of(kTwo, "default_pool_size = 49"), apart).size() == 2);
  CHECK(room(kTwo, "default_pool_size = 49", apart) == "room 97 49");
}

TEST_CASE("the reserve is opened too, unless no wait is long enough for it") {
  const std::string size = "default_pool_size = 80\nreserve_pool_size = 18\n";
  CHECK(room(kShop, size, {visit_of("shop")}) == "no_room 97 98");
  CHECK(room(kShop, size + "reserve_pool_timeout = 0", {visit_of("shop")}) == "room 97 80");
}

TEST_CASE("limits bound what may be opened") {
  const std::vector<Visit> both{visit_of("depot"), visit_of("shop")};
  const std::string many = "default_pool_size = 90\nmax_client_conn = 1000\n";
  CHECK(room(kTwo, many, both) == "no_room 97 180");
  CHECK(room(kTwo, many + "max_db_connections = 40", both) == "room 97 80");
  CHECK(room(kTwo, many + "max_user_connections = 50", both) == "room 97 50");
  CHECK(room(kTwo, many + "max_server_connections = 60", both) == "room 97 60");
  CHECK(room(kTwo, "default_pool_size = 90\nmax_client_conn = 30", both) == "room 97 30");
  CHECK(room(kTwo, "default_pool_size = 0", both) == "no_room 97 100");
}

TEST_CASE("without a forced user each user of auth_file has a pool") {
  auto config = config_of("shop = host=a", "max_client_conn = 1000");
  config.secrets = {{"amy", {"x"}}, {"bob", {"x"}}, {"eve", {"x"}}};
  CHECK(numbers(judge_room(config, {visit_of("shop", "one", "amy")})) == "room 97 60");
  config.secrets.clear();
  CHECK(numbers(judge_room(config, {visit_of("shop", "one", "")})) == "room 97 20");
}

TEST_CASE("what asks auth_query has a connection beside every limit") {
  Visit shop = visit_of("shop");
  shop.server->roles = {{"keeper", 0}};
  const auto config = config_of(kShop, "auth_user = keeper\nmax_db_connections = 10");
  const Findings findings = judge_room(config, {shop});
  CHECK(numbers(findings) == "room 97 11");
  CHECK(says(findings[0].sentence, "may open 11 (1 of them to ask auth_query)"));
  CHECK(says(found(findings, "role_limit").sentence, "keeper may have 0 connections"));
  const std::vector<Visit> both{visit_of("depot"), visit_of("shop")};
  const std::string settings = "auth_user = keeper\ndefault_pool_size = 48";
  const Findings each = judge_room(config_of(kTwo, settings), both);
  CHECK(numbers(each) == "no_room 97 98");
  CHECK(says(each[0].sentence, "(depot 49, shop 49, 2 of them to ask auth_query)"));
  CHECK(says(each[0].cure, "max_db_connections = 47 "));
  CHECK(room(kTwo, settings + "\nauth_dbname = depot", both) == "room 97 97");
  CHECK(room(std::string(kTwo) + " auth_query='SELECT 2'", settings + "\nauth_dbname = depot",
             both) == "no_room 97 98");
  CHECK(numbers(judge_room(config_of(kTwo, settings + "\nauth_dbname = depot"),
                           {visit_of("shop")})) == "room 97 48");
}

TEST_CASE("what others hold is taken off, what pgweir has open itself is not") {
  Visit visit = visit_of("shop");
  visit.server->activity = {{"app", "shop", "shop", true, 15},
                            {"app", "shop", "shop", std::nullopt, 5},
                            {"app", "cron", "shop", false, 7},
                            {"app", "", "other", true, 2},
                            {"bi", "metabase", "shop", std::nullopt, 60}};
  const Findings findings = judge_room(config_of(kShop), {visit});
  CHECK(numbers(findings) == "room 28 20");
  CHECK(says(findings[0].sentence, "69 held by others now: metabase 60, cron 7, app 2)"));
  visit.server->activity.back().count = 80;
  const Findings tight = judge_room(config_of(kShop), {visit});
  CHECK(numbers(tight) == "no_room 8 20");
  CHECK(tight[0].level == Level::warning);
  CHECK(tight[0].database == "shop");
  CHECK(says(tight[0].cure, "max_db_connections = 8,"));
  CHECK(says(tight[0].cure, "max_connections = 112,"));
}

TEST_CASE("a server that is full has no room below none") {
  Visit visit = visit_of("shop");
  visit.server->activity = {{"bi", "metabase", "shop", false, 100}};
  CHECK(room(kShop, "", {visit}) == "no_room 0 20");
}

TEST_CASE("limits of roles and databases are held against what comes to them") {
  Visit visit = visit_of("shop");
  visit.server->roles = {{"app", 10}, {"other", 1}};
  visit.server->database_limit = 19;
  const Findings findings = judge_room(config_of(kShop), {visit});
  CHECK(says(found(findings, "role_limit").sentence, "app may have 10 connections"));
  CHECK(says(found(findings, "role_limit").cure, "app = max_user_connections=10"));
  CHECK(says(found(findings, "database_limit").sentence, "shop takes 19 connections"));
  visit.server->roles = {{"app", 20}};
  visit.server->database_limit = 20;
  CHECK(judge_room(config_of(kShop), {visit}).size() == 1);
}

TEST_CASE("two entries that lead to one database share its limit") {
  Visit depot = visit_of("depot");
  Visit shop = visit_of("shop");
  depot.dbname = shop.dbname = "real";
  shop.server->database_limit = 30;
  CHECK(says(found(judge_room(config_of(kTwo), {depot, shop}), "database_limit").sentence,
             "may open 40"));
}

TEST_CASE("an entry that nobody could log in to counts where its neighbour is") {
  Visit mute = visit_of("depot", "one", "");
  mute.server.reset();
  const auto config = config_of("depot = host=a\nshop = host=a user=app password=x");
  CHECK(numbers(judge_room(config, {mute, visit_of("shop")})) == "room 97 40");
  mute.host = "10.0.0.99";
  CHECK(numbers(judge_room(config, {mute, visit_of("shop")})) == "room 97 20");
}

TEST_CASE("what nobody can count is told") {
  const auto users = config_of("shop = host=a", "auth_user = keeper");
  CHECK(says(judge_room(users, {visit_of("shop")})[0].sentence, "whom only auth_query knows"));
  const auto bounded = config_of("shop = host=a", "auth_user = keeper\nmax_db_connections = 9");
  CHECK(!says(judge_room(bounded, {visit_of("shop")})[0].sentence, "whom only auth_query knows"));
  const auto any = config_of("* = host=a user=app password=x");
  CHECK(says(judge_room(any, {visit_of("*")})[0].sentence, "each further database"));
}

TEST_CASE("behind another pooler, and of who answers otherwise, nothing is counted") {
  Visit visit = visit_of("shop");
  visit.server->pooler_between = true;
  CHECK(judge_room(config_of(kShop), {visit}).empty());
  visit = visit_of("shop");
  visit.server->complaint = "syntax error";
  CHECK(judge_room(config_of(kShop), {visit}).empty());
}
