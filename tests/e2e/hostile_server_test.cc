// hostile_server_test.cc: servers that lie. The client gets an error, the server connection in
// doubt is closed and never shared, and the next client finds another one.
#include <doctest/doctest.h>

#include "tests/e2e/harness/fake_server.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

Settings before(const FakeServer& server) {
  Settings settings{.databases = {"shop = host=127.0.0.1 port=" + std::to_string(server.port()) +
                                  " dbname=shop"}};
  settings.line("pool_mode = transaction").line("auth_type = trust").line("default_pool_size = 1");
  settings.line("server_login_retry = 1");
  settings.accounts = {{"scram_role", kRolePassword}};
  return settings;
}

struct Rudeness {
  std::string name;
  std::string bytes;
};

std::vector<Rudeness> rude_answers() {
  std::vector<Rudeness> all = {
      {"ErrorResponse without a code",
       message('E', "S" + zero_ended("ERROR") + "M" + zero_ended("no code") + '\0')},
      {"ErrorResponse without a terminator", message('E', "SERROR")},
      {"ErrorResponse of nothing", message('E', "")},
      {"ReadyForQuery of status X", command_complete("SELECT 0") + ready_for_query('X')},
      {"ReadyForQuery of nothing", command_complete("SELECT 0") + message('Z', "")},
      {"ReadyForQuery of two bytes", command_complete("SELECT 0") + message('Z', "II")},
      {"unknown tag", message('?', "what")},
      {"tag zero", message('\0', "what")},
      {"authentication in the middle", message('R', be32(0))},
      {"password asked in the middle", message('R', be32(3))},
      {"key in the middle", message('K', be32(1) + be32(2))},
      {"ParameterStatus without its value", message('S', zero_ended("client_encoding"))},
      {"ParameterStatus of nothing", message('S', "")},
      {"ParameterStatus without end", message('S', "abc")},
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"},
  };
  for (const char tag : std::string("RSKZENTDCA12sntGHdcIV"))
    for (const std::uint32_t length : {0U, 1U, 2U, 3U, 0x7fffffffU, 0x80000000U, 0xffffffffU})
      all.push_back({"a length that lies", message_with_length(tag, length, std::string(16, 'l'))});
  return all;
}

// Asks for what the rude server answers rudely; what the client gets to see.
Farewell ask_rudely(const Pgweir& pgweir) {
  RawClient client(pgweir.port());
  if (!client.login())
    return {.closed = true, .severity = "", .sqlstate = "login", .text = "", .hint = ""};
  client.send(query("SELECT rude"));
  return client.farewell(Deadline::in(30s));
}

// A new client is served, and not by a connection up to `burnt`.
void check_next_client(const Pgweir& pgweir, int burnt) {
  RawClient next(pgweir.port());
  REQUIRE(next.login());
  const std::string number = next.value("SELECT number");
  CHECK(std::atoi(number.c_str()) > burnt);
}

// Each connection answers "SELECT number" with its own number.
bool tell_number(FakeSession& session, const std::string& sql) {
  if (sql != "SELECT number") return false;
  session.send(one_row(std::to_string(session.number())) + ready_for_query());
  return true;
}

struct Liar {
  std::string name;
  FakeServer::Script script;
};

// All at once, each behind a database of its own: the client of each is told something with a
// SQLSTATE, and when the servers have learnt to behave, everyone is served.
void check_all_refused(const std::vector<Liar>& liars) {
  std::atomic<bool> polite = false;
  std::list<FakeServer> servers;
  Settings settings{.databases = {}};
  for (const Liar& liar : liars) {
    servers.emplace_back([&](FakeSession& session) {
      if (!polite) return liar.script(session);
      session.serve([&](const std::string& sql) { return tell_number(session, sql); });
    });
    settings.database("liar" + std::to_string(servers.size()) +
                      " = host=127.0.0.1 port=" + std::to_string(servers.back().port()));
  }
  settings.line("pool_mode = transaction").line("auth_type = trust").line("default_pool_size = 1");
  settings.line("server_login_retry = 1").line("server_connect_timeout = 2");
  settings.line("query_wait_timeout = 3");
  settings.accounts = {{"scram_role", kRolePassword}};
  Pgweir pgweir(settings);
  const long before_kib = pgweir.resident_kib();
  std::vector<RawClient> clients;
  for (std::size_t i = 1; i <= liars.size(); ++i) {
    clients.emplace_back(pgweir.port());
    clients.back().send(
        startup_packet({{"user", "scram_role"}, {"database", "liar" + std::to_string(i)}}) +
        query("SELECT 1"));
  }
  const Deadline deadline = Deadline::generous();
  for (std::size_t i = 0; i < liars.size(); ++i) {
    CAPTURE(liars[i].name);
    const Farewell farewell = clients[i].farewell(deadline);
    CHECK(farewell.closed);
    CHECK(farewell.sqlstate.size() == 5);
  }
  if (!is_sanitized()) CHECK(pgweir.resident_kib() - before_kib < 8 * 1024);
  polite = true;
  REQUIRE(pgweir.running());
  for (std::size_t i = 1; i <= liars.size(); ++i) {
    CAPTURE(liars[i - 1].name);
    const bool served = eventually([&] {
      RawClient next(pgweir.port());
      return next.login("scram_role", "liar" + std::to_string(i)) &&
             next.value("SELECT number") != "<nothing>";
    });
    CHECK(served);
  }
}

}  // namespace

TEST_CASE("A2: rude answers to a query: the client gets an error, the server goes") {
  for (const int workers : worker_counts()) {
    for (const Rudeness& rudeness : rude_answers()) {
      CAPTURE(workers);
      CAPTURE(rudeness.name);
      CAPTURE(rudeness.bytes);
      std::atomic<int> burnt = 0;
      FakeServer server([&](FakeSession& session) {
        session.serve([&](const std::string& sql) {
          if (sql != "SELECT rude") return tell_number(session, sql);
          burnt = session.number();
          session.send(rudeness.bytes);
          return true;
        });
      });
      Settings settings = before(server);
      settings.workers = workers;
      Pgweir pgweir(settings);
      const long before_kib = pgweir.resident_kib();
      const Farewell farewell = ask_rudely(pgweir);
      CHECK(farewell.closed);
      if (!is_pgbouncer()) CHECK(farewell.sqlstate.size() == 5);
      check_next_client(pgweir, burnt);
      if (!is_sanitized()) CHECK(pgweir.resident_kib() - before_kib < 4 * 1024);
    }
  }
}

TEST_CASE("A2: an answer that nobody asked for, while idle, costs the server its connection") {
  const Rudeness unasked[] = {{"ReadyForQuery", ready_for_query()},
                              {"a row", one_row("surprise")},
                              {"CommandComplete", command_complete("SELECT 1")},
                              {"ErrorResponse", error_response("XX000", "surprise")},
                              {"ParseComplete", message('1', "")},
                              {"CopyInResponse", message('G', std::string(3, '\0'))}};
  for (const Rudeness& rudeness : unasked) {
    CAPTURE(rudeness.name);
    std::atomic<int> burnt = 0;
    FakeServer server([&](FakeSession& session) {
      session.serve([&](const std::string& sql) {
        if (sql != "SELECT rude") return tell_number(session, sql);
        burnt = session.number();
        session.send(one_row("polite so far") + ready_for_query());
        session.send(rudeness.bytes);
        return true;
      });
    });
    Pgweir pgweir(before(server));
    {
      RawClient client(pgweir.port());
      REQUIRE(client.login());
      client.ask("SELECT rude");
    }
    // The surprise may travel with the answer or behind it; wait until the pooler has seen it.
    CHECK(eventually([&] { return server.open() == 0 || server.accepted() > burnt; }));
    check_next_client(pgweir, burnt);
  }
}

TEST_CASE("harmless words of an idle server are taken in: notices, parameters, notifications") {
  FakeServer server([&](FakeSession& session) {
    session.serve([&](const std::string& sql) {
      if (sql != "SELECT chatty") return tell_number(session, sql);
      // In one write behind the answer: whatever comes later could as well be for the next client.
      const std::string ends(1, '\0');
      session.send(one_row("ok") + ready_for_query() +
                   message('N', "SNOTICE" + ends + "C00000" + ends + "Mpsst" + ends + ends) +
                   parameter_status("in_hot_standby", "on") +
                   message('A', be32(1) + zero_ended("channel") + zero_ended("payload")));
      return true;
    });
  });
  Pgweir pgweir(before(server));
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  for (int i = 0; i < 3; ++i) CHECK(client.value("SELECT chatty") == "ok");
  RawClient next(pgweir.port());
  REQUIRE(next.login());
  const auto messages = next.ask("SELECT number");
  REQUIRE(messages.has_value());
  CHECK(tags_of(*messages) == "TDCZ");  // Nothing of what was meant for nobody.
}

TEST_CASE("A2: answers that do not fit the question") {
  if (is_pgbouncer()) return;  // It keeps no account of what it owes.
  const Rudeness misfits[] = {
      {"BindComplete for Parse", message('2', "") + ready_for_query()},
      {"a row for Sync", one_row("sync") + ready_for_query()},
      {"two ReadyForQuery", message('1', "") + ready_for_query() + ready_for_query()},
      {"no ParseComplete", ready_for_query()}};
  for (const Rudeness& rudeness : misfits) {
    CAPTURE(rudeness.name);
    std::atomic<int> burnt = 0;
    FakeServer server([&](FakeSession& session) {
      if (!session.login()) return;
      while (const auto message = session.next()) {
        if (message->tag == 'X') return;
        if (message->tag == 'P') {
          burnt = session.number();
          session.send(rudeness.bytes);
        } else if (message->tag == 'Q' &&
                   tell_number(session, message->body.substr(0, message->body.size() - 1))) {
          continue;
        } else if (message->tag != 'S' || session.number() != burnt) {
          session.answer(*message);
        }
      }
    });
    Pgweir pgweir(before(server));
    RawClient client(pgweir.port());
    REQUIRE(client.login());
    client.send(message('P', zero_ended("") + zero_ended("SELECT 1") + be16(0)) + message('S', ""));
    client.read();
    check_next_client(pgweir, burnt);
  }
}

TEST_CASE("A2: rude greetings: clients get an error, the pooler goes on") {
  std::vector<Rudeness> greetings = {
      {"AuthenticationOk of no code", message('R', "")},
      {"half a code", message('R', be16(0))},
      {"GSSAPI", message('R', be32(7))},
      {"unknown method", message('R', be32(4'711))},
      {"md5 without salt", message('R', be32(5))},
      {"SASL without mechanisms", message('R', be32(10))},
      {"SASL without end", message('R', be32(10) + "SCRAM-SHA-256")},
      {"unknown mechanisms", message('R', be32(10) + zero_ended("SCRAM-SHA-1") + '\0')},
      {"SASLContinue at once", message('R', be32(11) + "r=x,s=AAAA,i=4096")},
      {"SASLFinal at once", message('R', be32(12) + "v=AAAA")},
      {"ErrorResponse without a code",
       message('E', "S" + zero_ended("FATAL") + "M" + zero_ended("x") + '\0')},
      {"ErrorResponse of nothing", message('E', "")},
      {"ErrorResponse without end", message('E', "SFATAL")},
      {"ReadyForQuery before authentication", ready_for_query()},
      {"a row", one_row("early")},
      {"key of 4 bytes", message('R', be32(0)) + message('K', be32(1)) + ready_for_query()},
      {"key of 2,000 bytes",
       message('R', be32(0)) + message('K', std::string(2'000, 'k')) + ready_for_query()},
      {"ReadyForQuery X", message('R', be32(0)) + ready_for_query('X')},
      {"in a transaction from the start", message('R', be32(0)) + ready_for_query('T')},
      {"ParameterStatus of one string",
       message('R', be32(0)) + message('S', zero_ended("DateStyle")) + ready_for_query()},
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"},
      {"nothing but the end", ""},
  };
  for (const char tag : std::string("RSKZENv"))
    for (const std::uint32_t length : {0U, 3U, 0x7fffffffU, 0xffffffffU})
      greetings.push_back({"a length that lies", message_with_length(tag, length, "xxxxxxxx")});
  std::vector<Liar> liars;
  for (const Rudeness& rudeness : greetings) {
    liars.push_back({rudeness.name + " " + rudeness.bytes.substr(0, 1), [&](FakeSession& session) {
                       if (!session.read_startup()) return;
                       session.send(rudeness.bytes);
                       if (!rudeness.bytes.empty()) session.ends(Deadline::in(30s));
                     }});
  }
  check_all_refused(liars);
}

TEST_CASE("A2: a SCRAM server that lies: nonce, salt, iterations, proof") {
  const auto challenge = [](const std::string& nonce, const char* salt, const char* iterations) {
    return "r=" + nonce + ",s=" + salt + ",i=" + iterations;
  };
  const std::string megabyte(1'000'000, 'N');
  struct Lie {
    std::string name;
    std::function<std::string(const std::string& nonce)> challenge;
  };
  const Lie lies[] = {
      {"a nonce of 1 MB",
       [&](const std::string& n) { return challenge(n + megabyte, "c2FsdA==", "4096"); }},
      {"a nonce that is not ours",
       [&](const std::string&) { return challenge("other", "c2FsdA==", "4096"); }},
      {"our nonce and nothing more",
       [&](const std::string& n) { return challenge(n, "c2FsdA==", "4096"); }},
      {"no salt", [&](const std::string& n) { return challenge(n + "x", "", "4096"); }},
      {"a salt that is no base64",
       [&](const std::string& n) { return challenge(n + "x", "!!!", "4096"); }},
      {"0 iterations", [&](const std::string& n) { return challenge(n + "x", "c2FsdA==", "0"); }},
      {"-1 iterations", [&](const std::string& n) { return challenge(n + "x", "c2FsdA==", "-1"); }},
      {"2^31 iterations",
       [&](const std::string& n) { return challenge(n + "x", "c2FsdA==", "2147483648"); }},
      {"iterations that are no number",
       [&](const std::string& n) { return challenge(n + "x", "c2FsdA==", "many"); }},
      {"nothing", [](const std::string&) { return std::string(); }},
      {"only commas", [](const std::string&) { return std::string(",,,,"); }},
      {"a wrong proof",
       [&](const std::string& n) { return challenge(n + "x", "c2FsdA==", "4096"); }},
  };
  std::vector<Liar> liars;
  for (const Lie& lie : lies) {
    liars.push_back(
        {lie.name, [&](FakeSession& session) {
           if (!session.read_startup()) return;
           session.send(message('R', be32(10) + zero_ended("SCRAM-SHA-256") + '\0'));
           const auto first = session.next();
           if (!first) return;
           const std::size_t nonce = first->body.find(",r=");
           if (nonce == std::string::npos) return;
           session.send(message('R', be32(11) + lie.challenge(first->body.substr(nonce + 3))));
           if (!session.next()) return;
           session.send(message('R', be32(12) + "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
           session.welcome();
           session.ends(Deadline::in(30s));
         }});
  }
  check_all_refused(liars);
}

TEST_CASE("A2: a server that takes a login and never answers costs server_connect_timeout") {
  FakeServer server([](FakeSession& session) { session.ends(Deadline::in(60s)); });
  Settings settings = before(server);
  settings.line("server_connect_timeout = 1");
  Pgweir pgweir(settings);
  const std::string hello =
      startup_packet({{"user", "alice"}, {"database", "shop"}}) + query("SELECT 1");
  RawClient patient(pgweir.port());
  patient.send(hello);
  CHECK(eventually([&] { return server.accepted() >= 2; }));  // It was tried again.
  pgweir.reload(settings.line("query_wait_timeout = 1"));
  RawClient hasty(pgweir.port());
  hasty.send(hello);
  const Farewell farewell = hasty.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate.size() == 5);
}

TEST_CASE("A2: 10,000 notices before an answer") {
  const std::string notice =
      message('N', "SNOTICE" + std::string(1, '\0') + "C00000" + std::string(1, '\0') + "Magain" +
                       std::string(2, '\0'));
  FakeServer server([&](FakeSession& session) {
    session.serve([&](const std::string& sql) {
      if (sql != "SELECT loud") return false;
      std::string all;
      for (int i = 0; i < 10'000; ++i) all += notice;
      session.send(all + one_row("after all") + ready_for_query());
      return true;
    });
  });
  Pgweir pgweir(before(server));
  RawClient client(pgweir.port());
  REQUIRE(client.login());
  const auto messages = client.ask("SELECT loud");
  REQUIRE(messages.has_value());
  CHECK(messages->size() == 10'004);
}
