// tls_rude_server_test.cc: D1 and D2: servers that speak in plain text where TLS was to be, and
// that leave or spoil a handshake.
#include <doctest/doctest.h>

#include <atomic>
#include <list>

#include "tests/e2e/harness/fake_server.h"
#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"

using namespace weir::e2e;

namespace {

const Papers& papers() { return Papers::shared(); }

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The first record of a handshake, as far as `body` goes.
std::string record(std::string_view body, std::size_t announced) {
  return "\x16\x03\x01" + be16(static_cast<std::uint16_t>(announced)) + std::string(body);
}

// Lies until it is told to be polite.
struct Liar {
  std::string name;
  std::string database;  // More of its line.
  std::function<void(FakeSession&)> script;
  std::string why;  // In the log.
};

const std::string kGreeting =
    message('R', be32(0)) + message('K', be32(4711) + be32(815)) + ready_for_query();

SealTerms ours() { return {.side = SealTerms::Side::server, .own = papers().pooler}; }

void be_polite(FakeSession& session) {
  if (session.start_tls(ours())) session.serve([](const std::string&) { return false; });
}

// Each is refused, gets nothing of a login, and its clients are served once it is polite.
void check_all_refused(const std::vector<Liar>& liars, const std::string& connect_timeout = "15") {
  std::atomic<bool> polite = false;
  std::list<FakeServer> servers;
  Settings settings{.databases = {}};
  for (const Liar& liar : liars) {
    servers.emplace_back([&](FakeSession& session) {
      if (polite) return be_polite(session);
      liar.script(session);
    });
    settings.database("liar" + std::to_string(servers.size()) + " = host=127.0.0.1 port=" +
                      std::to_string(servers.back().port()) + " " + liar.database);
  }
  settings.line("pool_mode = transaction")
      .line("auth_type = trust")
      .line("server_login_retry = 0")
      .line("server_connect_timeout = " + connect_timeout)
      .line("server_tls_sslmode = verify-full")
      .line("server_tls_ca_file = " + papers().path("root.crt"));
  Pgweir pgweir(settings);
  std::vector<RawClient> clients;
  for (std::size_t i = 1; i <= liars.size(); ++i) {
    clients.emplace_back(pgweir.port());
    const std::string database = "liar" + std::to_string(i);
    clients.back().send(startup_packet({{"user", "alice"}, {"database", database}}));
  }
  for (std::size_t i = 0; i < liars.size(); ++i) {
    CAPTURE(liars[i].name);
    const std::string line = "liar" + std::to_string(i + 1) + "/alice@127.0.0.1:";
    const auto told = [&] {
      const std::string log = pgweir.log();
      for (auto at = log.find(line); at != log.npos; at = log.find(line, at + 1)) {
        if (holds(log.substr(at, log.find('\n', at) - at), liars[i].why)) return true;
      }
      return false;
    };
    CHECK_MESSAGE(eventually(told, Deadline::in(20s)), pgweir.log());
  }
  polite = true;
  for (std::size_t i = 0; i < liars.size(); ++i) {
    CAPTURE(liars[i].name);
    CHECK(clients[i].read_through('Z'));
    CHECK(clients[i].value("SELECT 1") == "ok");
  }
}

std::atomic<int> startups = 0;

void count_startup(FakeSession& session) {
  if (session.read_startup()) ++startups;
}

}  // namespace

TEST_CASE("D1, D2: what a server says in plain text where TLS was to be is not believed") {
  startups = 0;
  const std::string require = "sslmode=require";
  const std::string prefer = "sslmode=prefer";
  const auto says = [](const std::string& answer) {
    return [answer](FakeSession& session) {
      if (session.read_ssl_request() && session.send(answer)) count_startup(session);
    };
  };
  const auto says_apart = [](const std::string& answer, const std::string& more) {
    return [answer, more](FakeSession& session) {
      if (!session.read_ssl_request() || !session.send(answer)) return;
      session.read_exactly(5);  // Of a ClientHello: the answer has been read by itself.
      session.send(more);
      session.ends(Deadline::in(20s));
    };
  };
  const std::string stuffed = "received unencrypted data after SSL response";
  const std::string neither = "neither S nor N";
  check_all_refused({
      {"S and a greeting", "", says("S" + kGreeting), stuffed},
      {"S and a greeting, under require", require, says("S" + kGreeting), stuffed},
      {"N and a greeting, under prefer", prefer, says("N" + kGreeting), stuffed},
      {"S and one byte", prefer, says("SS"), stuffed},
      {"S, then a greeting", "", says_apart("S", kGreeting), "does not speak TLS"},
      {"S, then a greeting, under prefer", prefer, says_apart("S", kGreeting), "speak TLS"},
      {"N under verify-full", "", says("N"), "server refused SSL"},
      {"N under verify-ca", "sslmode=verify-ca", says("N"), "server refused SSL"},
      {"N under require", require, says("N"), "server refused SSL"},
      {"an error message", "", says(error_response("0A000", "no such request")), stuffed},
      {"E alone", "", says("E"), neither},
      {"R under prefer", prefer, says("R"), neither},
      {"a NUL", "", says(std::string(1, '\0')), neither},
  });
  CHECK(startups == 0);
}

TEST_CASE("D2: a handshake that a server leaves or spoils makes no connection") {
  const auto after_s = [](const std::string& bytes) {
    return [bytes](FakeSession& session) {
      if (!session.read_ssl_request() || !session.send("S")) return;
      session.read_exactly(5);
      session.send(bytes);
    };
  };
  const auto within = [](SealTerms terms, const std::string& bytes) {
    return [terms, bytes](FakeSession& session) {
      if (!session.start_tls(terms)) return;
      session.send(bytes);
      session.ends(Deadline::in(20s));
    };
  };
  SealTerms old = ours();
  old.version_max = 0x0302;  // TLS 1.1
  SealTerms other = ours();
  other.alpn = "http/1.1";
  SealTerms self_signed = ours();
  self_signed.own = weir::certs::make_self_signed({.addresses = {"127.0.0.1"}});
  SealTerms expired = ours();
  expired.own = papers().root.make_certificate(
      {.addresses = {"127.0.0.1"}, .dates = weir::certs::Dates::expired});
  check_all_refused({
      {"it hangs up", "", [](FakeSession& session) { session.read_ssl_request(); }, "login failed"},
      {"it hangs up after S", "", after_s(""), "login failed"},
      {"half a record", "", after_s(record("\x02", 100)), "login failed"},
      {"an alert", "", after_s(std::string("\x15\x03\x03\x00\x02\x02\x28", 7)),
       "handshake failure"},
      {"a record too long", "", after_s(record("\x02", 0xffff)), "TLS handshake failed"},
      {"TLS 1.1", "", within(old, ""), "TLS handshake failed"},
      {"another protocol", "", within(other, ""), "bad extension"},
      {"signed by itself", "", within(self_signed, ""), "certificate verify failed"},
      {"an expired certificate", "", within(expired, ""), "certificate has expired"},
  });
}

TEST_CASE("a server that asks for patience gets server_connect_timeout") {
  const auto silent = [](FakeSession& session) { session.ends(Deadline::in(60s)); };
  check_all_refused(
      {
          {"no answer to SSLRequest", "", silent, "connect timeout"},
          {"S and no more", "",
           [&](FakeSession& session) {
             if (session.read_ssl_request() && session.send("S")) silent(session);
           },
           "connect timeout"},
          {"half a ServerHello", "",
           [&](FakeSession& session) {
             if (!session.read_ssl_request() || !session.send("S")) return;
             session.send(record("\x02", 100));
             silent(session);
           },
           "connect timeout"},
          {"a handshake and no more", "",
           [&](FakeSession& session) {
             if (session.start_tls(ours())) silent(session);
           },
           "connect timeout"},
      },
      "1");
}

TEST_CASE("D1: an encrypted server that falls into plain text is dropped and never shared") {
  std::atomic<int> served = 0;
  FakeServer server([&](FakeSession& session) {
    if (!session.start_tls(ours())) return;
    session.serve([&](const std::string& sql) {
      ++served;
      if (sql != "SELECT 'now'") return false;
      session.send_raw(one_row("forged") + ready_for_query());
      return true;
    });
  });
  Settings settings{.databases = {"fake = host=127.0.0.1 port=" + std::to_string(server.port())},
                    .lines = {"auth_type = trust", "server_tls_sslmode = require",
                              "pool_mode = transaction", "default_pool_size = 1"}};
  Pgweir pgweir(settings);
  RawClient client(pgweir.port());
  REQUIRE(client.login("alice", "fake"));
  client.send(query("SELECT 'now'"));
  const Farewell farewell = client.farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate == "08006");
  RawClient next(pgweir.port());
  REQUIRE(next.login("alice", "fake"));
  CHECK(next.value("SELECT 1") == "ok");
  CHECK(server.accepted() == 2);
}

TEST_CASE("an idle server that says goodbye in TLS is not given to the next client") {
  std::atomic<bool> leave = false;
  FakeServer server([&](FakeSession& session) {
    if (!session.start_tls(ours()) || !session.login()) return;
    while (const auto next = session.next()) {
      session.answer(*next);
      if (next->tag != 'Q' || session.number() > 1) continue;
      session.send_raw(session.goodbye());
      leave = true;
      session.ends(Deadline::in(60s));  // The socket stays: only TLS has ended.
    }
  });
  Settings settings{.databases = {"fake = host=127.0.0.1 port=" + std::to_string(server.port())},
                    .lines = {"auth_type = trust", "server_tls_sslmode = require",
                              "pool_mode = transaction", "default_pool_size = 1"}};
  Pgweir pgweir(settings);
  RawClient client(pgweir.port());
  REQUIRE(client.login("alice", "fake"));
  CHECK(client.value("SELECT 1") == "ok");
  REQUIRE(eventually([&] { return leave.load(); }));
  CHECK(client.value("SELECT 1") == "ok");
  CHECK(server.accepted() == 2);
}
