// tls_entry_test.cc: servers on their way in through TLS when that fails or when a RELOAD takes
// their database away, and auth_query's connection as one of them.
#include <doctest/doctest.h>

#include <atomic>

#include "tests/e2e/harness/entry.h"
#include "tests/e2e/harness/fake_server.h"
#include "tests/e2e/harness/papers.h"

using namespace weir::e2e;

namespace {

SealTerms ours() { return {.side = SealTerms::Side::server, .own = Papers::shared().pooler}; }

Settings to(const FakeServer& server, const std::string& more = {}) {
  return {.databases = {"fake = host=127.0.0.1 port=" + std::to_string(server.port()) + " " + more,
                        "other = host=127.0.0.1 port=" + std::to_string(server.port())},
          .lines = {"pool_mode = transaction", "auth_type = trust", "server_tls_sslmode = require",
                    "server_login_retry = 0"}};
}

// Asks for the password in clear text; what comes.
std::string asked_password(FakeSession& session) {
  session.send(message('R', be32(3)));
  const auto said = session.next();
  return said && said->tag == 'p' ? said->body.substr(0, said->body.size() - 1) : "";
}

std::string cell(std::string_view text) {
  return be32(static_cast<std::uint32_t>(text.size())) + std::string(text);
}

// Everybody's password is "known".
void answer_auth_query(FakeSession& session) {
  while (const auto next = session.next()) {
    if (next->tag != 'S') continue;
    session.send(message('1', "") + message('2', "") +
                 message('D', be16(2) + cell("eve") + cell("known")) +
                 command_complete("SELECT 1") + ready_for_query());
  }
}

}  // namespace

TEST_CASE("auth_query over TLS that fails in every way is asked anew, and nobody is lost") {
  std::atomic<int> rights = 0;
  FakeServer server([&](FakeSession& session) {
    switch (session.number()) {
      case 1:  // The other password is tried at once.
        if (!session.start_tls(ours()) || !session.read_startup()) return;
        if (asked_password(session) == "first") ++rights;
        session.send(error_response("28P01", "wrong password"));
        session.ends();
        return;
      case 2:
        if (session.read_ssl_request() && session.send("S")) session.send("no TLS at all");
        session.ends();
        return;
      case 3:
        if (session.read_ssl_request()) session.send("N");
        session.ends();
        return;
      case 4:
        if (!session.start_tls(ours()) || !session.read_startup()) return;
        session.send_raw(session.goodbye());
        session.ends();
        return;
      case 5:
        if (!session.start_tls(ours()) || !session.read_startup()) return;
        if (asked_password(session) == "second") ++rights;
        session.welcome();
        return answer_auth_query(session);
      default:
        if (session.start_tls(ours())) session.serve([](const std::string&) { return false; });
    }
  });
  Settings settings = to(server, "user=asker password=first password_alternate=second");
  Pgweir pgweir(settings.line("auth_type = plain").line("auth_user = asker"));
  RawClient client(pgweir.port());
  CHECK(enter(client, "eve", "known", "fake").in);
  CHECK(rights == 2);
  CHECK(server.accepted() == 6);
  CHECK(client.value("SELECT 1") == "ok");
}

TEST_CASE("a server whose database a RELOAD takes away during its handshake is told nothing") {
  std::atomic<bool> answered = false, reloaded = false, over = false;
  std::atomic<int> startups = 0;
  FakeServer server([&](FakeSession& session) {
    if (session.number() > 1) {
      if (session.start_tls(ours())) session.serve([](const std::string&) { return false; });
      return;
    }
    if (!session.read_ssl_request() || !session.send("S")) return;
    answered = session.readable(60'000ms);  // The ClientHello, which waits for its answer.
    eventually([&] { return reloaded.load(); });
    if (session.encrypt(ours()) && session.read_startup()) ++startups;
    over = true;
  });
  Settings settings = to(server);
  Pgweir pgweir(settings);
  RawClient client(pgweir.port());
  client.send(startup_packet({{"user", "alice"}, {"database", "fake"}}));
  REQUIRE(eventually([&] { return answered.load(); }));
  settings.databases.erase(settings.databases.begin());
  reload_by_right(pgweir, settings);
  reloaded = true;
  CHECK(client.farewell().sqlstate == "3D000");
  CHECK(eventually([&] { return over.load(); }));
  CHECK(startups == 0);
  RawClient other(pgweir.port());
  REQUIRE(other.login("alice", "other"));
  CHECK(other.value("SELECT 1") == "ok");
}
