// gate_test.cc: how often an address or a user may knock: failed logins, connections at once and
// new ones a second. Unix sockets are exempt from all of it.
#include <doctest/doctest.h>

#include "tests/e2e/harness/entry.h"

using namespace weir::e2e;

namespace {

constexpr const char* kHere = "127.0.0.1";
constexpr const char* kThere = "127.0.0.2";

Settings guarded(int workers = 1) {
  Settings settings = Settings::on(Postgres::shared(), workers).line("auth_type = plain");
  settings.accounts = {{"alice", "known"}, {"bob", "known"}, {"admin", "known"}};
  return settings;
}

Entry from(const char* address, const Pgweir& pgweir, const std::string& user,
           const std::string& password) {
  RawClient client(connect_to(pgweir.port(), address));
  return enter(client, user, password);
}

// A connection that has come in and holds its place. The one that looked whether the program
// listens may still hold one when the first comes.
std::unique_ptr<RawClient> guest(const Pgweir& pgweir) {
  std::unique_ptr<RawClient> client;
  CHECK(eventually([&] {
    client = std::make_unique<RawClient>(pgweir.port());
    return enter(*client, "alice", "known").in;
  }));
  return client;
}

std::string by_socket(const Pgweir& pgweir, const std::string& password) {
  return by_unix(pgweir, "alice", "shop", "password=" + password);
}

}  // namespace

TEST_CASE("failed logins of an address: delayed, then refused, one line in the log for each") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(guarded(workers)
                      .line("auth_failures_before_delay = 3")
                      .line("auth_failures_before_refusal = 6")
                      .line("auth_failure_delay = 100ms"));
    for (int i = 0; i < 6; ++i) {
      CAPTURE(i);
      const auto before = std::chrono::steady_clock::now();
      CHECK(from(kHere, pgweir, i % 2 == 0 ? "alice" : "nobody_here", "wrong").sqlstate == "28P01");
      if (i >= 3) CHECK(std::chrono::steady_clock::now() - before >= 90ms);  // Never sooner.
    }
    for (int i = 0; i < 5; ++i) {
      const Entry entry = from(kHere, pgweir, "alice", i == 0 ? "known" : "wrong");
      CHECK(entry.talk == "E");
      CHECK(entry.sqlstate == "53300");
      CHECK(entry.text == "too many failed logins from 127.0.0.1 (auth_failures_before_refusal)");
    }
    CHECK(from(kThere, pgweir, "alice", "known").in);
    CHECK_FALSE(Session(by_socket(pgweir, "wrong")).alive());
    CHECK(Session(by_socket(pgweir, "known")).alive());
    CHECK(logs(pgweir, "logins are refused (auth_failures_before_refusal)"));
    const std::string log = pgweir.log();
    CHECK(times_in(log, "3 failed logins from 127.0.0.1 in a minute: its logins are delayed") == 1);
    CHECK(times_in(log, "6 failed logins from 127.0.0.1 in a minute: its logins are refused") == 1);
    CHECK(times_in(log, "logins are refused") == 1);
  }
}

TEST_CASE("failed logins: many that were let in before the first of them failed guess no more") {
  Pgweir pgweir(
      guarded().line("auth_failures_before_delay = 0").line("auth_failures_before_refusal = 4"));
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(pgweir.port());
    clients.back().send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
    REQUIRE(clients.back().read().has_value());
  }
  int judged = 0, refused = 0;
  for (RawClient& client : clients) {
    client.send(message('p', zero_ended(&client == &clients.back() ? "known" : "wrong")));
    const std::string sqlstate = client.farewell().sqlstate;
    judged += sqlstate == "28P01" ? 1 : 0;
    refused += sqlstate == "53300" ? 1 : 0;
  }
  CHECK(judged == 4);
  CHECK(refused == 16);
}

TEST_CASE("failed logins: with 0 nothing is counted") {
  Pgweir pgweir(
      guarded().line("auth_failures_before_delay = 0").line("auth_failures_before_refusal = 0"));
  for (int i = 0; i < 60; ++i) CHECK(from(kHere, pgweir, "alice", "wrong").sqlstate == "28P01");
  CHECK(from(kHere, pgweir, "alice", "known").in);
}

TEST_CASE("max_client_conn_per_ip: the next is refused; another address and unix are not") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(guarded(workers).line("max_client_conn_per_ip = 3"));
    std::vector<std::unique_ptr<RawClient>> guests;
    for (int i = 0; i < 3; ++i) guests.push_back(guest(pgweir));
    const Entry refused = from(kHere, pgweir, "alice", "known");
    CHECK(refused.talk == "E");
    CHECK(refused.sqlstate == "53300");
    CHECK(refused.text == "too many connections from 127.0.0.1 (max_client_conn_per_ip)");
    CHECK(from(kThere, pgweir, "alice", "known").in);
    for (int i = 0; i < 5; ++i) CHECK(Session(by_socket(pgweir, "known")).alive());
    guests.pop_back();
    CHECK(eventually([&] { return from(kHere, pgweir, "alice", "known").in; }));
  }
}

TEST_CASE("max_client_conn_per_ip: a place is given back in whatever way its client leaves") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(guarded(workers)
                      .line("max_client_conn_per_ip = 1")
                      .line("auth_failures_before_delay = 0")
                      .line("auth_failures_before_refusal = 0"));
    const auto come = [&] {
      return eventually([&] { return from(kHere, pgweir, "alice", "known").in; });
    };
    const auto leave_after = [&](const std::string& bytes, bool reset) {
      CHECK(eventually([&] {  // Only when it has the place.
        RawClient client(pgweir.port());
        client.send(startup_packet({{"user", "alice"}, {"database", "shop"}}));
        const auto first = client.read();
        if (!first || first->tag != 'R') return false;
        client.send(bytes);
        if (reset) client.reset();
        return true;
      }));
      CHECK(come());
    };
    for (const bool reset : {false, true}) {
      CAPTURE(reset);
      leave_after("", reset);
      leave_after(message('X', ""), reset);
      leave_after(message('p', zero_ended("wrong")), reset);
      leave_after(message_with_length('p', 0xffffffff), reset);
      leave_after(message('p', zero_ended("known")), reset);
      leave_after(message('p', zero_ended("known")) + query("SELECT pg_sleep(0.05)"), reset);
      leave_after(message('p', zero_ended("known")) + message('X', ""), reset);
      leave_after(message('p', zero_ended("known")) + query("BEGIN") + message('?', ""), reset);
    }
    for (const std::string& first : {std::string(), std::string(1, '\0'), untagged(kSslRequest),
                                     untagged(kCancelRequest, "12345678"), std::string("GET /")}) {
      RawClient client(pgweir.port());
      client.send(first);
      if (first.size() > 1) client.readable(1000ms);
      client.close();
      CHECK(come());
    }
  }
}

TEST_CASE("max_client_conn_per_ip: who says nothing has a place, too") {
  Pgweir pgweir(guarded().line("max_client_conn_per_ip = 2"));
  std::vector<RawClient> silent;
  CHECK(eventually([&] {
    silent.emplace_back(pgweir.port());
    return silent.back().readable(20ms);
  }));
  const Farewell farewell = silent.back().farewell();
  CHECK(farewell.closed);
  CHECK(farewell.sqlstate == "53300");
  CHECK(from(kHere, pgweir, "alice", "known").sqlstate == "53300");
  silent.clear();
  CHECK(guest(pgweir)->value("SELECT 1") == "1");
}

TEST_CASE("client_conn_rate_per_ip: a burst is refused, unix sockets and other addresses are not") {
  Pgweir pgweir(guarded().line("client_conn_rate_per_ip = 3"));
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const Entry entry = from(kHere, pgweir, "alice", "known");
    if (entry.in) continue;
    ++refused;
    CHECK(entry.talk == "E");
    CHECK(entry.sqlstate == "53300");
    CHECK(entry.text == "too many new connections from 127.0.0.1 (client_conn_rate_per_ip)");
  }
  CHECK(refused > 0);
  CHECK(from(kThere, pgweir, "alice", "known").in);
  for (int i = 0; i < 10; ++i) CHECK(Session(by_socket(pgweir, "known")).alive());
}

TEST_CASE("client_conn_rate_per_user: a burst of one user is refused, another user's is his own") {
  Pgweir pgweir(guarded().line("client_conn_rate_per_user = 3"));
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const Entry entry = from(i % 2 == 0 ? kHere : kThere, pgweir, "alice", "known");
    if (entry.in) continue;
    ++refused;
    CHECK(entry.sqlstate == "53300");
    CHECK(entry.text == "too many new connections of this user (client_conn_rate_per_user)");
  }
  CHECK(refused > 0);
  CHECK(from(kHere, pgweir, "bob", "known").in);
}

TEST_CASE("limits change with RELOAD; who is in stays in and counts") {
  Settings settings = guarded().line("max_client_conn_per_ip = 2");
  Pgweir pgweir(settings);
  const auto first = guest(pgweir), second = guest(pgweir);
  CHECK_FALSE(from(kHere, pgweir, "alice", "known").in);
  reload_by_right(pgweir, settings.line("max_client_conn_per_ip = 3"));
  const auto third = guest(pgweir);
  reload_by_right(pgweir, settings.line("max_client_conn_per_ip = 1"));
  CHECK(first->value("SELECT 1") == "1");
  CHECK(third->value("SELECT 1") == "1");
  CHECK_FALSE(from(kHere, pgweir, "alice", "known").in);
  reload_by_right(pgweir, settings.line("max_client_conn_per_ip = 0"));
  CHECK(from(kHere, pgweir, "alice", "known").in);
}
