// dial_test.cc: every way to reach a server, and every way not to.
#include "proxy/io/resolver.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "proxy/io/engine.h"
#include "proxy/io/loop.h"
#include "proxy/io/poll.h"
#include "proxy/io/socket_address.h"
#include "proxy/io/unix_door.h"
#include "unit/proxy/io/town.h"

namespace weir::proxy::io {

using town::Ear;
using town::run_turns;
using town::run_until;

namespace {

struct Dialled {
  Street street{1};
  Loop& loop = street[0];
  Ear ear;

  // Nothing is told within dial(); then what becomes of it.
  bool dial(const Target& target) {
    ear.transport = loop.dial(target, ear);
    CHECK(ear.opened == 0);
    CHECK(!ear.gone.has_value());
    const bool settled = run_until(loop, [&] { return ear.opened > 0 || ear.gone.has_value(); });
    CHECK(settled);
    return ear.opened == 1;
  }
};

}  // namespace

TEST_CASE("a literal address opens, with the options of the street") {
  const town::Harbour harbour = town::open_harbour(4);
  Dialled dialled;
  dialled.street.set_options({.keepidle_us = 7 * kSecond});
  REQUIRE(dialled.dial({"127.0.0.1", harbour.port}));
  CHECK(dialled.ear.peer == Target{"127.0.0.1", harbour.port});
  const int far = ::accept(harbour.descriptor, nullptr, nullptr);
  dialled.ear.say("hello");
  CHECK(town::read_from(far, 5) == "hello");
  const int descriptor = dialled.ear.transport->detach();
  dialled.ear.transport.reset();
  int value = 0;
  socklen_t length = sizeof(value);
  ::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, &length);
  CHECK(value == 1);
  ::getsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &value, &length);
  CHECK(value == 7);
  dialled.street.drop(descriptor);
  CHECK(dialled.street.connections() == 0);
  ::close(far);
  ::close(harbour.descriptor);
}

TEST_CASE("a refused address is told, and later than dial()") {
  const town::RefusedPort nobody;
  Dialled dialled;
  CHECK(!dialled.dial({"127.0.0.1", nobody.number()}));
  CHECK(dialled.ear.gone == ECONNREFUSED);
  CHECK(dialled.street.connections() == 0);
}

TEST_CASE("localhost: ::1 is refused if it is there, 127.0.0.1 answers and is told") {
  const town::Harbour harbour = town::open_harbour(4);
  Dialled dialled;
  CHECK(dialled.dial({"localhost", harbour.port}));
  CHECK(dialled.ear.peer == Target{"127.0.0.1", harbour.port});
  const town::RefusedPort nobody;
  Dialled refused;
  CHECK(!refused.dial({"localhost", nobody.number()}));
  CHECK(refused.ear.gone != kNameUnknown);
  ::close(harbour.descriptor);
}

TEST_CASE("a name that does not exist; asked twice at once") {
  Dialled dialled;
  Ear second;
  second.transport = dialled.loop.dial({"no-such-name.invalid", 5432}, second);
  CHECK(!dialled.dial({"no-such-name.invalid", 5432}));
  CHECK(dialled.ear.gone == kNameUnknown);
  CHECK(run_until(dialled.loop, [&] { return second.gone == kNameUnknown; }));
  Ear third;  // From the answer that is kept: still never within dial().
  third.transport = dialled.loop.dial({"no-such-name.invalid", 5432}, third);
  CHECK(!third.gone.has_value());
  CHECK(run_until(dialled.loop, [&] { return third.gone == kNameUnknown; }));
  Ear nameless;
  nameless.transport = dialled.loop.dial({"", 5432}, nameless);
  CHECK(run_until(dialled.loop, [&] { return nameless.gone == kNameUnknown; }));
}

TEST_CASE("addresses are kept for as long as the street says, and looked up anew behind that") {
  struct Asker final : Resolver::Asker {
    int answers = 0;
    void on_addresses(std::span<const SocketAddress> addresses) override {
      answers += addresses.empty() ? 0 : 1;
    }
  };
  for (const Instant kept : {Instant{0}, 3600 * kSecond}) {
    CAPTURE(kept);
    Street street{1};
    street.keep_names_for(kept);
    Resolver& resolver = street[0].engine().resolver;
    Asker first;
    resolver.ask("localhost", first);
    CHECK(first.answers == 0);
    REQUIRE(run_until(street[0], [&] { return first.answers == 1; }));
    Asker second;
    resolver.ask("localhost", second);
    CHECK(second.answers == (kept > 0 ? 1 : 0));  // At once only from what is kept.
    REQUIRE(run_until(street[0], [&] { return second.answers == 1; }));
  }
}

TEST_CASE("where a name leads: anywhere until it is known, then to its addresses alone") {
  Street street{1};
  Resolver& resolver = street[0].engine().resolver;
  CHECK(resolver.leads_to("localhost", "192.0.2.1"));
  REQUIRE(run_until(street[0], [&] { return !resolver.leads_to("localhost", "192.0.2.1"); }));
  CHECK(resolver.leads_to("localhost", "127.0.0.1"));
  CHECK(resolver.leads_to("no-such-name.invalid", "192.0.2.1"));
  run_turns(street[0], 0, 3);
  CHECK(resolver.leads_to("no-such-name.invalid", "192.0.2.1"));
}

TEST_CASE("a name is looked up anew when nothing at its addresses could be reached") {
  struct Asker final : Resolver::Asker {
    bool answered = false;
    void on_addresses(std::span<const SocketAddress>) override { answered = true; }
  };
  const town::RefusedPort nobody;
  Dialled dialled;
  dialled.street.keep_names_for(3600 * kSecond);
  CHECK(!dialled.dial({"localhost", nobody.number()}));
  Resolver& resolver = dialled.loop.engine().resolver;
  Asker next, kept;
  resolver.ask("localhost", next);
  CHECK_FALSE(next.answered);
  REQUIRE(run_until(dialled.loop, [&] { return next.answered; }));
  resolver.ask("localhost", kept);
  CHECK(kept.answered);
}

TEST_CASE("closed while its name is looked up, with and without others who wait for it") {
  const town::Harbour harbour = town::open_harbour(4);
  Dialled dialled;
  Ear closed;
  closed.transport = dialled.loop.dial({"localhost", harbour.port}, closed);
  closed.transport.reset();
  CHECK(dialled.dial({"localhost", harbour.port}));
  CHECK(closed.opened + closed.gone_count == 0);
  Street brief{1};  // And the street may end while the question is in a thread.
  Ear alone;
  alone.transport = brief[0].dial({"localhost", harbour.port}, alone);
  alone.transport.reset();
  ::close(harbour.descriptor);
}

TEST_CASE("unix sockets: in a directory, abstract, missing, too long") {
  char scratch[] = "/tmp/weir-io-XXXXXX";
  REQUIRE(::mkdtemp(scratch) != nullptr);
  const std::string abstract = std::string{"@"} + (scratch + 5);
  for (const std::string& host : {std::string{scratch}, abstract}) {
    CAPTURE(host);
    const auto door = open_unix_door({.path = unix_socket_path(host, 5432)});
    REQUIRE(door.has_value());
    Dialled dialled;
    CHECK(dialled.dial({host, 5432}));
    CHECK(dialled.ear.peer == Target{host, 5432});
    ::close(door->descriptor);
  }
  std::filesystem::remove_all(scratch);
  Dialled missing;
  CHECK(!missing.dial({scratch, 5432}));
  CHECK(missing.ear.gone == ENOENT);
  Dialled endless;
  CHECK(!endless.dial({"/" + std::string(200, 'd'), 5432}));
  CHECK(endless.ear.gone == ENAMETOOLONG);
}

TEST_CASE("a unix socket with a full queue is asked again until there is room") {
  const std::string host = "@weir-io-full-" + std::to_string(::getpid());
  const auto door = open_unix_door({.path = unix_socket_path(host, 1), .backlog = 0});
  REQUIRE(door.has_value());
  Dialled first;
  CHECK(first.dial({host, 1}));
  Ear second;
  second.transport = first.loop.dial({host, 1}, second);
  run_turns(first.loop, 0, 3);
  CHECK(second.opened == 0);
  CHECK(!second.gone.has_value());
  ::close(::accept(door->descriptor, nullptr, nullptr));
  CHECK(run_until(first.loop, [&] { return second.opened == 1; }));
  ::close(door->descriptor);
}

TEST_CASE("no descriptor left: EMFILE") {
  Dialled dialled;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  ::setrlimit(RLIMIT_NOFILE, &none);
  CHECK(!dialled.dial({"127.0.0.1", 5432}));
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(dialled.ear.gone == EMFILE);
}

TEST_CASE("addresses as people and the kernel see them") {
  CHECK(literal_address("127.0.0.1", 5000)->for_people().text() == "127.0.0.1:5000");
  CHECK(literal_address("::1", 5000)->for_people().text() == "[::1]:5000");
  for (const char* const host : {"127.0.0.1", "::1", "2001:db8::7", "fe80::1%lo"}) {
    CHECK(literal_address(host, 5000)->host() == host);
  }
  CHECK(!literal_address("localhost", 5000).has_value());
  CHECK(unix_address("/tmp/x")->for_people().text() == "unix");
  CHECK(unix_socket_path("@pg", 6432) == "@pg/.s.PGSQL.6432");
  const auto abstract = unix_address("@pg");
  CHECK(abstract->length == offsetof(sockaddr_un, sun_path) + 3);
}

}  // namespace weir::proxy::io
