// login_test.cc: the way in: who is admitted, who is refused and in which words.
#include <doctest/doctest.h>

#include "tests/conversation/story.h"

using namespace weir;
using namespace weir::story;

namespace {

constexpr std::uint32_t kSsl = 80'877'103;
constexpr std::uint32_t kGssenc = 80'877'104;

// What a client hears that begins with these bytes, however they are cut.
std::string told(const Buffer& bytes, const Setting& setting = {}) {
  std::string heard;
  however_cut([&](InOrder& policy) {
    Stage stage(policy, setting);
    Caller& client = stage.caller();
    client.say(bytes);
    if (!heard.empty()) {
      CHECK(client.heard() == heard);
    } else {
      heard = client.heard();
    }
  });
  return heard;
}

Settings as(const std::string& user, const std::string& database = "shop") {
  return {{"user", user}, {"database", database}};
}

Settings with(Settings settings, const std::string& name, const std::string& value) {
  settings.emplace_back(name, value);
  return settings;
}

std::string password_story(const std::string& user, const std::string& password,
                           const std::string& database = "shop") {
  InOrder policy;
  Stage stage(policy, {.config = "auth_type = plain", .secrets = {{"app", "secret"}}});
  Caller& client = stage.caller();
  client.say(startup_bytes(as(user, database)));
  CHECK(client.heard() == "R(3)");
  client.say("p'" + password + "'");
  return client.heard();
}

}  // namespace

TEST_CASE("a password lets in; a wrong one and an unknown user get the same error") {
  CHECK(password_story("app", "secret").find("R S") == 0);
  const auto refusal = [](const std::string& user) {
    return "E(FATAL)'28P01 password authentication failed for user \"" + user + "\"' .";
  };
  CHECK(password_story("app", "wrong") == refusal("app"));
  CHECK(password_story("nobody", "wrong") == refusal("nobody"));
  CHECK(password_story("nobody", "") == password_story("app", ""));
}

TEST_CASE("the log names the database that a refused client asked for") {
  InOrder policy;
  Stage stage(policy, {.config = "auth_type = plain", .secrets = {{"app", "secret"}}});
  Caller& wrong = stage.caller();
  wrong.say(startup_bytes(as("app")));
  wrong.say("p'wrong'");
  CHECK(stage.town.log.contains("shop/app@"));
  CHECK(stage.town.log.contains("pooler error: password authentication failed"));
  Caller& nowhere = stage.caller();
  nowhere.say(startup_bytes(as("app", "nowhere")));
  nowhere.say("p'secret'");
  CHECK(stage.town.log.contains("nowhere/app@"));
}

TEST_CASE("an unknown database is told only to those who have proved who they are") {
  CHECK(password_story("app", "wrong", "nowhere") == password_story("app", "wrong"));
  CHECK(password_story("app", "secret", "nowhere").find("3D000 no such database: nowhere") !=
        std::string::npos);
}

TEST_CASE("a crowd that never logs in keeps nobody out: the one that takes longest gives way") {
  InOrder policy;
  Stage stage(policy,
              {.config = "max_client_conn = 2\nauth_type = plain", .secrets = {{"app", "secret"}}});
  const std::string refusal = "E(FATAL)\"53300 too many connections are logging in\" .";
  Caller& silent = stage.caller();
  stage.wait(1);
  Caller& slow = stage.caller();
  slow.say(startup_bytes(as("app")));
  stage.wait(1);
  for (int i = 2; i < proxy::kUnprovedMin; ++i) stage.caller();
  CHECK(silent.heard().empty());
  stage.caller();
  CHECK(silent.heard() == refusal);
  CHECK(slow.heard() == "R(3)");
  Caller& quick = stage.caller();
  quick.say(startup_bytes(as("app")));
  quick.say("p'secret'");
  CHECK(slow.heard() == refusal);
  quick.say("Q'select 1'");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
}

TEST_CASE("pools of the * database have a maximum; those that exist go on") {
  InOrder policy;
  Stage stage(policy, {.config = "max_client_conn = 20000", .databases = "* = host=db port=5432"});
  Caller& first = stage.caller().login({}, "app", "tenant");
  for (std::size_t i = 1; i < proxy::kPoolsMax; ++i) {
    stage.caller().login({}, "app", "tenant" + std::to_string(i)).say("X");
  }
  Caller& refused = stage.caller();
  refused.say(startup_bytes({{"user", "app"}, {"database", "one_more"}}));
  CHECK(refused.heard() == "R E(FATAL)\"53300 too many pools\" .");
  CHECK(stage.caller().login({}, "app", "tenant").heard().empty());
  first.say("Q'select 1'");
  CHECK(stage.backend(1).heard() == "Q\"select 1\"");
}

TEST_CASE("startup parameters: any setting, ignored ones, and what is none") {
  CHECK(told(startup_bytes(with(as("app"), "work_mem", "1GB"))).find("R S") == 0);
  CHECK(told(startup_bytes(with(as("app"), "work mem", "1GB"))) ==
        "E(FATAL)'42704 unrecognized configuration parameter \"work mem\"' .");
  Settings many = as("app");
  for (int i = 0; i < 300; ++i) many.emplace_back("x.y" + std::to_string(i), "");
  CHECK(told(startup_bytes(many)) == "E(FATAL)\"54000 too many startup parameters\" .");
  const Setting ignoring{.config = "ignore_startup_parameters = extra_float_digits, options"};
  CHECK(told(startup_bytes(with(as("app"), "extra_float_digits", "3")), ignoring).find("R S") == 0);
  CHECK(told(startup_bytes(with(as("app"), "options", "-c work_mem=1GB"))).find("R S") == 0);
  CHECK(told(startup_bytes(with(as("app"), "options", "-c work_mem=1GB")), ignoring).find("R S") ==
        0);
  CHECK(told(startup_bytes(with(as("app"), "options", "-c timezone=Asia/Tokyo")))
            .find("S\"TimeZone=Asia/Tokyo\"") != std::string::npos);
  CHECK(told(startup_bytes(with(with(as("app"), "timezone", "Asia/Tokyo"), "options",
                                "-c timezone=Europe/Rome")))
            .find("S\"TimeZone=Asia/Tokyo\"") != std::string::npos);
  CHECK(told(startup_bytes(with(as("app"), "options", "garbage"))).find("E(FATAL)\"0A000") == 0);
  CHECK(told(startup_bytes({{"database", "shop"}})).find("E(FATAL)\"28000 ") == 0);
}

TEST_CASE("NegotiateProtocolVersion: the minor that is spoken, and the options nobody knows") {
  struct Asked {
    std::uint32_t minor;
    std::vector<std::string> options;
    std::string told;  // In front of all the rest.
    std::size_t key_bytes;
  };
  const Asked all[] = {{0, {}, "", 4},
                       {0, {"_pq_.x"}, "v(3.0)\"_pq_.x\" ", 4},
                       {0, {"_pq_.x", "_pq_.y"}, "v(3.0)\"_pq_.x _pq_.y\" ", 4},
                       {1, {}, "v(3.0) ", 4},  // There was never a 3.1.
                       {2, {}, "", 32},
                       {2, {"_pq_.x"}, "v(3.2)\"_pq_.x\" ", 32},
                       {3, {}, "v(3.2) ", 32},
                       {9999, {"_pq_.x"}, "v(3.2)\"_pq_.x\" ", 32}};
  for (const Asked& asked : all) {
    INFO("3." << asked.minor << " with " << asked.options.size() << " options");
    however_cut([&](InOrder& policy) {
      Stage stage(policy);
      Settings settings = as("app");
      for (const std::string& name : asked.options) settings = with(settings, name, "1");
      Caller& client = stage.caller();
      client.say(startup_bytes(settings, 3u << 16 | asked.minor));
      CHECK(client.heard().find(asked.told + "R S") == 0);
      CHECK(client.key.size() == asked.key_bytes);
      client.say("Q'select 1'");
      CHECK(stage.backend(1).heard() == "Q\"select 1\"");
      for (const auto& [name, value] : stage.backend(1).asked) CHECK(name.find("_pq_.") != 0);
    });
  }
}

TEST_CASE("NegotiateProtocolVersion comes before the password is asked for") {
  InOrder policy;
  Stage stage(policy, {.config = "auth_type = plain", .secrets = {{"app", "secret"}}});
  Caller& client = stage.caller();
  client.say(startup_bytes(with(as("app"), "_pq_.x", "1")));
  CHECK(client.heard() == "v(3.0)\"_pq_.x\" R(3)");
  client.say("p'secret'");
  CHECK(client.heard().find("R S") == 0);
}

TEST_CASE("max_packet_size limits the messages of both sides") {
  InOrder policy;
  Stage stage(policy, {.config = "max_packet_size = 1000"});
  Caller& client = stage.client();
  client.say("Q'select 1'");
  stage.backend(1).say("T D'" + std::string(980, 'x') + "' C Z");
  CHECK(client.heard().ends_with(" C Z"));
  client.say("Q'" + std::string(1000, ' ') + "'");
  CHECK(client.heard() == "E(FATAL)\"08P01 invalid message length\" .");
  Caller& next = stage.client();
  next.say("Q'select 2'");
  stage.backend(1).say("T D'" + std::string(1000, 'x') + "'");
  CHECK(next.heard() ==
        "T E(FATAL)\"54000 the server sent a message longer than max_packet_size\" .");
  CHECK(stage.backend(1).heard().ends_with("."));
}

TEST_CASE("SSLRequest and GSSENCRequest are answered N") {
  for (const std::uint32_t code : {kSsl, kGssenc}) {
    however_cut([&](InOrder& policy) {
      Stage stage(policy);
      Caller& client = stage.caller();
      client.say(untagged(code));
      stage.run();
      CHECK(client.peer.take() == Buffer{'N'});
      client.say(startup_bytes(as("app")));
      CHECK(client.heard().find("R S") == 0);
    });
  }
}

TEST_CASE("bytes behind an SSLRequest close the connection") {
  for (const std::uint32_t code : {kSsl, kGssenc}) {
    InOrder policy;
    Stage stage(policy);
    Buffer both = untagged(code);
    const Buffer startup = startup_bytes(as("app"));
    both.insert(both.end(), startup.begin(), startup.end());
    Caller& client = stage.caller();
    client.say(both);
    CHECK(client.heard().find("E(FATAL)\"08P01 received unencrypted data after") == 0);
    CHECK(client.peer.ended());
  }
}

TEST_CASE("encryption asked for twice") {
  InOrder policy;
  Stage stage(policy);
  Caller& client = stage.caller();
  client.say(untagged(kGssenc));
  client.say(untagged(kSsl));
  stage.run();
  CHECK(client.peer.take() == Buffer{'N', 'N'});
  client.say(untagged(kSsl));
  CHECK(client.heard() == "E(FATAL)\"08P01 encryption was asked for twice\" .");
}

TEST_CASE("startup packets that are none") {
  CHECK(told(Buffer{0, 0, 0, 4}).find("E(FATAL)\"08P01 ") == 0);
  CHECK(told(Buffer{0, 0, 0, 0}).find("E(FATAL)\"08P01 ") == 0);
  CHECK(told(Buffer{0xff, 0xff, 0xff, 0xff}).find("E(FATAL)\"08P01 ") == 0);
  CHECK(told(Buffer{0x7f, 0xff, 0xff, 0xff}).find("E(FATAL)\"08P01 ") == 0);
  CHECK(told(Buffer{'G', 'E', 'T', ' ', '/', '\r', '\n'}).find("E(FATAL)\"08P01 ") == 0);
  CHECK(told(untagged(2u << 16)).find("E(FATAL)\"0A000 ") == 0);
  CHECK(told(untagged(3u << 16, "user")).find("E(FATAL)\"08P01 ") == 0);
  CHECK(told(untagged(1234u << 16 | 5, "")).find("E(FATAL)\"0A000 ") == 0);
}

TEST_CASE("a startup packet of 10 kB is read, a larger one refused") {
  InOrder policy;
  Stage stage(policy);
  Caller& large = stage.caller();
  large.say(startup_bytes(with(as("app"), "application_name", std::string(9'900, 'x'))));
  CHECK(large.heard().find("R S") == 0);
  Caller& larger = stage.caller();
  larger.say(startup_bytes(with(as("app"), "application_name", std::string(10'100, 'x'))));
  CHECK(larger.heard().find("E(FATAL)\"08P01 ") == 0);
}

TEST_CASE("client_login_timeout") {
  InOrder policy;
  Stage stage(policy, {.config = "client_login_timeout = 7"});
  Caller& client = stage.caller();
  stage.wait(7 * kSecond);
  CHECK(client.heard() == "E(FATAL)\"57014 client_login_timeout\" .");
  stage.wait(2 * kSecond);
  CHECK(client.peer.closed());
}

TEST_CASE("a hostile login of a server: closed, never shared, and the client gets an SQLSTATE") {
  for (const char* const greeting :
       {"Z", "D", "R R", "R K(1) K(2) Z", "R Z(T)", "R Z(X)", "R T", "K(1)", "S'TimeZone=UTC'",
        "R S'TimeZone=UTC' R", "V", "1", "G"}) {
    however_cut([&](InOrder& policy) {
      Stage stage(policy, {.config = "client_login_timeout = 5"});
      stage.greeting = greeting;
      Caller& client = stage.caller();
      client.say(startup_bytes(as("app")));
      CHECK(client.heard() == "R");
      CHECK(stage.backend(1).peer.closed());
      stage.wait(5 * kSecond);
      CHECK(client.heard().find("E(FATAL)\"57P03 ") == 0);
      CHECK(stage.town.worker(0).count_pools().at(0).sv_idle == 0);
    });
  }
}

TEST_CASE("a certain login failure is passed on; an uncertain one waits and is tried again") {
  however_cut([](InOrder& policy) {
    Stage stage(policy);
    stage.greeting = "E(FATAL)'28P01 password authentication failed for user \"app\"'";
    Caller& client = stage.caller();
    client.say(startup_bytes(as("app")));
    CHECK(client.heard() == "R E(FATAL)'28P01 password authentication failed for user \"app\"' .");
  });
  InOrder policy;
  Stage stage(policy);
  stage.greeting = "E(FATAL)'57P03 the database system is starting up'";
  Caller& client = stage.caller();
  client.say(startup_bytes(as("app")));
  CHECK(client.heard() == "R");
  stage.greeting = kGreeting;
  stage.wait(kSecond);
  CHECK(client.heard().find("S") == 0);
  CHECK(stage.backends() == 2);
}

TEST_CASE("nobody is behind the door: clients wait, dials are spaced") {
  InOrder policy;
  Stage stage(policy, {.config = "server_login_retry = 4"});
  stage.door.answer = street::Door::Answer::refuse;
  Caller& client = stage.caller();
  client.say(startup_bytes(as("app")));
  stage.wait(20 * kSecond);
  CHECK(client.heard() == "R");
  CHECK(stage.town.worker(0).count_pools().at(0).max_wait == 20 * kSecond);
  stage.door.answer = street::Door::Answer::accept;
  stage.wait(4 * kSecond);
  CHECK(client.heard().find("S") == 0);
}

TEST_CASE("server_connect_timeout gives up on a door that hangs") {
  InOrder policy;
  Stage stage(policy, {.config = "server_connect_timeout = 3"});
  stage.door.answer = street::Door::Answer::hang;
  Caller& client = stage.caller();
  client.say(startup_bytes(as("app")));
  stage.wait(3 * kSecond);
  stage.door.answer = street::Door::Answer::accept;
  stage.wait(kSecond);
  CHECK(client.heard().find("R S") == 0);
  CHECK(stage.town.log.contains("connect timeout"));
}

TEST_CASE("a server's strange last words in its login become a real SQLSTATE") {
  const std::string_view no_code{"Mno code\0", 9};
  for (const std::string& body : {std::string{}, std::string(no_code), std::string("C\0", 2)}) {
    InOrder policy;
    Stage stage(policy, {.config = "client_login_timeout = 5"});
    stage.greeting = "";
    Caller& client = stage.caller();
    client.say(startup_bytes(as("app")));
    stage.backend(1).say(raw_message('E', static_cast<std::uint32_t>(4 + body.size()), body));
    stage.wait(5 * kSecond);
    const std::string heard = client.heard();
    CHECK(heard.find("R E(FATAL)") == 0);
    CHECK(heard.find("XX000 ") != std::string::npos);
    CHECK(stage.backend(1).peer.closed());
  }
}

TEST_CASE("cancel keys and reports of impossible sizes end a server's login") {
  const auto message = [](char tag, std::size_t size) {
    return raw_message(tag, static_cast<std::uint32_t>(4 + size), std::string(size, 'k'));
  };
  for (const Buffer& second : {message('K', 3), message('K', 7), message('K', 4 + 257),
                               message('S', 5), message('S', 100'000), message('R', 2)}) {
    InOrder policy;
    Stage stage(policy);
    stage.greeting = "R";
    stage.caller().say(startup_bytes(as("app")));
    stage.backend(1).say(second);
    CHECK(stage.backend(1).peer.closed());
  }
}

TEST_CASE("a flood of notices ends a server's login") {
  InOrder policy;
  Stage stage(policy);
  stage.greeting = "R";
  stage.caller().say(startup_bytes(as("app")));
  for (int i = 0; i < 10'000; ++i) stage.backend(1).peer.send(server_bytes("N'00000 hello'"));
  stage.run();
  CHECK(stage.backend(1).peer.closed());
}
