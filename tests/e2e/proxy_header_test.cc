// proxy_header_test.cc: PROXY protocol v2 from listed addresses: log, gate and HBA see who is
// behind the balancer; from anybody else a header is no startup packet.
#include <arpa/inet.h>
#include <doctest/doctest.h>

#include "tests/e2e/harness/entry.h"

using namespace weir::e2e;

namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char kProxy = 0x21, kLocal = 0x20;
constexpr char kTcp4 = 0x11, kTcp6 = 0x21, kUnix = 0x31, kUnspecified = 0;

std::string header(char command, char family, const std::string& addresses) {
  return kSignature + command + family + be16(static_cast<std::uint16_t>(addresses.size())) +
         addresses;
}

std::string address_of(int family, const char* text) {
  std::string bytes(family == AF_INET ? 4 : 16, '\0');
  REQUIRE(::inet_pton(family, text, bytes.data()) == 1);
  return bytes;
}

std::string on_behalf_of(const char* client, const std::string& more = {}) {
  const bool v6 = std::string(client).find(':') != std::string::npos;
  const int family = v6 ? AF_INET6 : AF_INET;
  return header(kProxy, v6 ? kTcp6 : kTcp4,
                address_of(family, client) + address_of(family, v6 ? "::1" : "10.0.0.1") +
                    be16(40'001) + be16(6'432) + more);
}

Settings behind_balancer(int workers = 1) {
  Settings settings = Settings::on(Postgres::shared(), workers)
                          .line("proxy_protocol_from = 127.0.0.1, 10.0.0.0/8, ::1");
  settings.accounts = {{"alice", "known"}};
  return settings;
}

std::string entered(const Pgweir& pgweir, const std::string& first,
                    const char* from = "127.0.0.1") {
  RawClient client(connect_to(pgweir.port(), from));
  client.send(first);
  const Entry entry = enter(client, "alice", "known");
  return entry.in ? "in" : entry.sqlstate;
}

}  // namespace

TEST_CASE("PROXY: the log names who is behind the balancer, whole or byte by byte") {
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(behind_balancer(workers));
    CHECK(entered(pgweir, on_behalf_of("192.0.2.7")) == "in");
    CHECK(logs(pgweir, "shop/alice@192.0.2.7:40001 login attempt: ok"));
    CHECK(entered(pgweir, on_behalf_of("2001:db8::7")) == "in");
    CHECK(logs(pgweir, "2001:db8::7"));
    CHECK(entered(pgweir, on_behalf_of("192.0.2.8", "\x04" + be16(5) + "noise")) == "in");
    CHECK(logs(pgweir, "shop/alice@192.0.2.8:40001"));
    RawClient slow(pgweir.port());
    const std::string bytes =
        on_behalf_of("192.0.2.9") + startup_packet({{"user", "alice"}, {"database", "shop"}});
    for (const char byte : bytes) {
      slow.send(std::string(1, byte));
      slow.readable(0ms);
    }
    CHECK(slow.read_through('Z').has_value());
    CHECK(logs(pgweir, "shop/alice@192.0.2.9:40001 login attempt: ok"));
  }
}

TEST_CASE("PROXY: LOCAL, and kinds without an address we know, are the balancer's own") {
  Pgweir pgweir(behind_balancer());
  CHECK(entered(pgweir, header(kLocal, kUnspecified, "")) == "in");
  CHECK(entered(pgweir, header(kLocal, kTcp4, std::string(12, '\1'))) == "in");
  CHECK(entered(pgweir, header(kProxy, kUnspecified, "")) == "in");
  CHECK(entered(pgweir, header(kProxy, kUnix, std::string(216, '\0'))) == "in");
  CHECK(logs(pgweir, "shop/alice@127.0.0.1:"));
  RawClient health_check(pgweir.port());
  health_check.send(header(kLocal, kUnspecified, ""));
  health_check.close();
  CHECK(entered(pgweir, header(kLocal, kUnspecified, "")) == "in");
}

TEST_CASE("PROXY: version 1, half headers and garbage are refused, and so is a second header") {
  Pgweir pgweir(behind_balancer().line("client_login_timeout = 20"));
  const std::string good = on_behalf_of("192.0.2.7");
  std::string other_version = good, other_command = good, short_length = good, long_length = good;
  other_version[12] = 0x11;
  other_command[12] = 0x2f;
  short_length[15] = 3;
  long_length[14] = '\x7f';
  for (const std::string& bytes :
       {std::string("PROXY TCP4 192.0.2.7 10.0.0.1 40001 6432\r\n"), std::string(""), other_version,
        other_command, short_length, long_length, std::string("\r\n\r\n\0\r\nQUIX\n", 12),
        good + good}) {
    CAPTURE(bytes.size());
    RawClient client(pgweir.port());
    client.send(bytes + startup_packet({{"user", "alice"}, {"database", "shop"}}));
    const Farewell farewell = client.farewell(Deadline::in(10s));
    CHECK(farewell.closed);
    CHECK(farewell.sqlstate == "08P01");
  }
  CHECK(entered(pgweir, good) == "in");
}

TEST_CASE("PROXY: from an address that is not listed a header is no startup packet") {
  Pgweir pgweir(behind_balancer());
  CHECK(entered(pgweir, on_behalf_of("192.0.2.7"), "127.0.0.2") == "08P01");
  CHECK(entered(pgweir, "", "127.0.0.2") == "in");
  CHECK(pgweir.log().find("192.0.2.7") == std::string::npos);
  // Nor does the claim of a listed address make one who may say so.
  CHECK(entered(pgweir, on_behalf_of("10.0.0.5") + on_behalf_of("192.0.2.7")) == "08P01");
  CHECK(Session(by_unix(pgweir, "alice")).value("SELECT 1") == "1");
}

TEST_CASE("PROXY: the gate counts who is behind the balancer") {
  Pgweir pgweir(behind_balancer()
                    .line("auth_type = plain")
                    .line("max_client_conn_per_ip = 1")
                    .line("auth_failures_before_delay = 0")
                    .line("auth_failures_before_refusal = 2"));
  RawClient inside(pgweir.port());
  inside.send(on_behalf_of("192.0.2.7"));
  CHECK(enter(inside, "alice", "known").in);
  CHECK(entered(pgweir, on_behalf_of("192.0.2.7")) == "53300");
  CHECK(entered(pgweir, on_behalf_of("192.0.2.8")) == "in");
  // One IPv6 host has a /64; a mapped address is the IPv4 one.
  CHECK(entered(pgweir, on_behalf_of("::ffff:192.0.2.7")) == "53300");
  for (int i = 0; i < 3; ++i) {
    RawClient guesses(pgweir.port());
    guesses.send(on_behalf_of(i % 2 == 0 ? "2001:db8::1" : "2001:db8::2"));
    CHECK(enter(guesses, "alice", "wrong").sqlstate == (i < 2 ? "28P01" : "53300"));
  }
  CHECK(entered(pgweir, on_behalf_of("2001:db8::3")) == "53300");
  CHECK(entered(pgweir, on_behalf_of("2001:db8:0:1::3")) == "in");
  CHECK(logs(pgweir, "2 failed logins from 2001:db8::/64 in a minute"));
}

TEST_CASE("PROXY: HBA rules are about who is behind the balancer") {
  const Scratch scratch;
  write_file(scratch.file("hba.conf"),
             "host all all 192.0.2.0/24 trust\n"
             "host all all 2001:db8::/32 trust\n"
             "host all all samehost reject\n"
             "host all all all md5\n");
  Pgweir pgweir(behind_balancer()
                    .line("auth_type = hba")
                    .line("auth_hba_file = " + scratch.file("hba.conf")));
  CHECK(entered(pgweir, on_behalf_of("192.0.2.7")) == "in");
  CHECK(entered(pgweir, on_behalf_of("::ffff:192.0.2.7")) == "in");
  CHECK(entered(pgweir, on_behalf_of("2001:db8::7")) == "in");
  CHECK(entered(pgweir, header(kLocal, kUnspecified, "")) == "28000");
  RawClient other(pgweir.port());
  other.send(on_behalf_of("203.0.113.1") +
             startup_packet({{"user", "alice"}, {"database", "shop"}}));
  const auto asked = other.read();
  REQUIRE(asked.has_value());
  CHECK(asked->body.substr(0, 4) == be32(5));
}

TEST_CASE("application_name_add_host: PostgreSQL sees where a client comes from") {
  Settings settings = behind_balancer().line("application_name_add_host = 1");
  Pgweir pgweir(settings);
  const std::string named = "SHOW application_name";
  RawClient behind(pgweir.port());
  behind.send(on_behalf_of("192.0.2.7"));
  REQUIRE(behind.login("alice", "shop", {{"application_name", "till"}}));
  CHECK(behind.value(named) == "till - 192.0.2.7:40001");
  RawClient straight(connect_to(pgweir.port(), "127.0.0.2"));
  REQUIRE(straight.login());
  CHECK(straight.value(named).starts_with("app - 127.0.0.2:"));
  Session local(by_unix(pgweir, "alice", "shop", "application_name=shell"));
  CHECK(local.value(named).starts_with("shell - unix"));
  local.run("SET application_name = 'own'");
  CHECK(local.value(named) == "own");
}
