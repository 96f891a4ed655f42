// lifetime_test.cc: clients and servers that go by age, and not all at once.
#include <doctest/doctest.h>

#include <set>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

const std::string kLifeOver = "E(FATAL)\"57P01 client_lifetime\" .";

}  // namespace

TEST_CASE("client_lifetime ends a client that idles, in its last fifth") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(policy, {.config = "client_lifetime = 100\npool_mode = " + mode});
    Caller& client = stage.client();
    client.say("Q'select 1'");
    stage.backend(1).say("T D C Z");
    stage.wait(79 * kSecond);
    CHECK(client.heard() == "T D C Z");
    stage.wait(22 * kSecond);
    CHECK(client.heard() == kLifeOver);
    CHECK(stage.door.open == 1);  // The server stays.
  }
}

TEST_CASE("client_lifetime never ends a transaction, and no answer on its way") {
  for (const std::string mode : {"transaction", "session"}) {
    InOrder policy;
    Stage stage(policy, {.config = "client_lifetime = 100\npool_mode = " + mode});
    Caller& client = stage.client();
    client.say("Q'begin'");
    stage.backend(1).say("C Z(T)");
    stage.wait(200 * kSecond);
    client.say("Q'select 1'");
    stage.backend(1).say("T D C Z(T)");
    CHECK(client.heard() == "C Z(T) T D C Z(T)");
    client.peer.set_capacity(1);
    client.peer.set_reading(false);
    client.say("Q'commit'");
    stage.backend(1).say("C Z");
    stage.wait(60 * kSecond);
    client.peer.set_capacity(64 * 1024);
    client.peer.set_reading(true);
    stage.wait(2 * kSecond);
    CHECK(client.heard() == "C Z " + kLifeOver);
  }
}

TEST_CASE("a client whose life is over while it asks again and again ends with a transaction") {
  InOrder policy;
  Stage stage(policy, {.config = "client_lifetime = 10\nclient_idle_timeout = 3"});
  Caller& client = stage.client();
  std::string heard;
  for (int i = 0; i < 12; ++i) {
    client.say("Q'select 1'");
    stage.wait(kSecond);
    if (client.peer.ended()) break;
    stage.backend(1).say("T D C Z");
    heard = client.heard();
    if (heard != "T D C Z") break;
  }
  CHECK(heard == "T D C Z " + kLifeOver);
}

TEST_CASE("a client in line when its life is over is served first") {
  InOrder policy;
  Stage stage(policy, {.config = "client_lifetime = 10\ndefault_pool_size = 1"});
  Caller& one = stage.client();
  Caller& other = stage.client();
  one.say("Q'begin'");
  stage.backend(1).say("C Z(T)");
  other.say("Q'select 1'");
  stage.wait(20 * kSecond);
  CHECK(other.heard().empty());
  one.say("Q'commit'");
  stage.backend(1).say("C Z");
  stage.backend(1).say("T D C Z");
  CHECK(other.heard() == "T D C Z " + kLifeOver);
  CHECK(one.heard() == "C Z(T) C Z " + kLifeOver);
}

TEST_CASE("client_lifetime is a user's own, changes by RELOAD, and spares the console") {
  InOrder policy;
  Stage stage(policy, {.users = "bob = client_lifetime=10"});
  Caller& app = stage.client();
  Caller& bob = stage.caller().login({}, "bob", "shop");
  Caller& console = stage.caller().login({}, "boss", "pgweir");
  stage.wait(11 * kSecond);
  CHECK(bob.heard() == kLifeOver);
  CHECK(app.heard().empty());
  stage.town.reload(Stage::config_text({.config = "client_lifetime = 5"}));
  CHECK(app.heard() == kLifeOver);  // It has been here for longer already.
  stage.wait(11 * kSecond);
  CHECK(console.heard().empty());
}

TEST_CASE("clients and servers that came together do not go together") {
  InOrder policy;
  Stage stage(policy, {.config = "client_lifetime = 100\nserver_lifetime = 50\n"
                                 "server_idle_timeout = 0\nserver_check_query ="});
  std::vector<Caller*> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(&stage.client());
    clients.back()->say("Q'begin'");
  }
  for (std::size_t i = 1; i <= 5; ++i) stage.backend(i).say("C Z(T)");
  for (Caller* const client : clients) client->say("Q'commit'");
  for (std::size_t i = 1; i <= 5; ++i) stage.backend(i).say("C Z");
  CHECK(stage.door.open == 5);
  stage.wait(39 * kSecond);
  std::set<int> servers;
  std::set<std::int64_t> left;
  for (int i = 0; i < 70; ++i) {
    servers.insert(static_cast<int>(stage.door.open));
    left.insert(stage.town.commons().clients.load());
    stage.wait(kSecond);
  }
  CHECK(servers.size() >= 4);
  CHECK(left.size() >= 4);
  CHECK(stage.door.open == 0);
  CHECK(stage.town.commons().clients.load() == 0);
}
