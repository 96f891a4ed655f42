// listener_test.cc: doors that open, refuse with a sentence, and pause instead of spinning.
#include "proxy/io/listener.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "proxy/io/socket_address.h"
#include "unit/proxy/io/scratch.h"
#include "unit/proxy/io/town.h"

namespace weir::proxy::io {

using town::FewFiles;
using town::run_turns;
using town::run_until;
using town::Scratch;

namespace {

struct Guest {
  Socket descriptor;
  Address peer;
  std::optional<std::uint32_t> uid;
};

struct Inn {
  Street street{1};
  Loop& loop = street[0];
  std::vector<Guest> guests;
  std::vector<int> full;
  std::int64_t servers = 0;
  std::unique_ptr<Listener> listener;
  std::string complaint;

  explicit Inn(const ListenerOptions& options) {
    auto opened = Listener::open(
        loop, options,
        {.on_accept =
             [this](Socket descriptor, const Address& peer, std::optional<std::uint32_t> uid) {
               guests.push_back({descriptor, peer, uid});
             },
         .on_full = [this](int error) { full.push_back(error); },
         .servers = [this] { return servers; }});
    if (opened) {
      listener = std::move(*opened);
    } else {
      complaint = opened.error().text;
    }
  }
  ~Inn() {
    for (const Guest& guest : guests) street.drop(guest.descriptor);
  }
  bool wait_for(std::size_t count) {
    return run_until(loop, [this, count] { return guests.size() >= count; });
  }
};

// A client that does not wait for anybody.
struct Caller {
  int descriptor;
  explicit Caller(const SocketAddress& where)
      : descriptor(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    connected = ::connect(descriptor, where.get(), where.length) == 0;
  }
  ~Caller() { ::close(descriptor); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  bool connected = false;
};

}  // namespace

TEST_CASE("what came by TCP has the options of the street") {
  Inn inn{{.addresses = {"127.0.0.1"}, .port = 0}};
  REQUIRE(inn.listener);
  const auto where = *literal_address("127.0.0.1", inn.listener->port());
  const Caller first(where);
  REQUIRE(inn.wait_for(1));
  inn.street.set_options(
      {.keepalive = false, .user_timeout_us = 7 * kSecond, .buffer_bytes = 16384});
  const Caller second(where);
  REQUIRE(inn.wait_for(2));
  const auto option = [&](std::size_t guest, int level, int name) {
    int value = -1;
    socklen_t length = sizeof(value);
    ::getsockopt(inn.guests[guest].descriptor, level, name, &value, &length);
    return value;
  };
  for (const std::size_t guest : {std::size_t{0}, std::size_t{1}})
    CHECK(option(guest, IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(0, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(0, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
  CHECK(option(1, SOL_SOCKET, SO_KEEPALIVE) == 0);
  CHECK(option(1, IPPROTO_TCP, TCP_USER_TIMEOUT) == 7000);
  for (const int buffer : {SO_SNDBUF, SO_RCVBUF}) {  // Linux doubles what it is told.
    CHECK(option(0, SOL_SOCKET, buffer) != 2 * 16384);
    CHECK(option(1, SOL_SOCKET, buffer) == 2 * 16384);
  }
}

TEST_CASE("with defer_accept who says nothing waits outside, and those behind do not") {
  Inn inn{{.addresses = {"127.0.0.1"}, .port = 0}};
  REQUIRE(inn.listener);
  const auto where = *literal_address("127.0.0.1", inn.listener->port());
  inn.street.set_options({.defer_accept = true});
  const Caller first(where);  // Behind whom it counts.
  REQUIRE(inn.wait_for(1));
  const Caller silent(where);
  const Caller talker(where);
  REQUIRE(silent.connected);
  REQUIRE(::send(talker.descriptor, "Q", 1, MSG_NOSIGNAL) == 1);
  REQUIRE(inn.wait_for(2));
  SocketAddress said;
  said.length = sizeof(said.storage);
  ::getsockname(talker.descriptor, said.get(), &said.length);
  CHECK(inn.guests[1].peer.text() == said.for_people().text());
  CHECK(inn.guests.size() == 2);
  inn.street.set_options({.defer_accept = false});
  const Caller other(where);
  ::send(other.descriptor, "Q", 1, MSG_NOSIGNAL);
  REQUIRE(inn.wait_for(3));
  const Caller last(where);
  CHECK(inn.wait_for(4));
}

TEST_CASE("a port is shared by listeners that all say so, and by no other") {
  Inn first{{.addresses = {"127.0.0.1"}, .port = 0, .shared_port = true}};
  REQUIRE_MESSAGE(first.listener, first.complaint);
  const std::uint16_t port = first.listener->port();
  Inn second{{.addresses = {"127.0.0.1"}, .port = port, .shared_port = true}};
  REQUIRE_MESSAGE(second.listener, second.complaint);
  CHECK(second.listener->port() == port);
  const Inn alone{{.addresses = {"127.0.0.1"}, .port = port}};
  CHECK_FALSE(alone.listener);
  CHECK(alone.complaint.find("already in use") != std::string::npos);
  first.listener->stop_tcp();
  const Caller caller{*literal_address("127.0.0.1", port)};
  CHECK(second.wait_for(1));
}

TEST_CASE("a free port on several addresses, and who came") {
  Inn inn{{.addresses = {"127.0.0.1", "127.0.0.2"}, .port = 0}};
  REQUIRE(inn.listener);
  const std::uint16_t port = inn.listener->port();
  CHECK(port != 0);
  const Caller one{*literal_address("127.0.0.1", port)};
  const Caller two{*literal_address("127.0.0.2", port)};
  CHECK(inn.wait_for(2));
  CHECK(inn.guests[0].peer.text().starts_with("127.0.0."));
  CHECK(!inn.guests[0].uid.has_value());
  CHECK(inn.street.connections() == 2);
  inn.listener->stop_tcp();
  CHECK(!Caller{*literal_address("127.0.0.1", port)}.connected);
}

TEST_CASE("* is all of IPv4, and of IPv6 where there is one") {
  Inn inn{{.addresses = {"*"}, .port = 0}};
  REQUIRE_MESSAGE(inn.listener, inn.complaint);
  const Caller four{*literal_address("127.0.0.1", inn.listener->port())};
  CHECK(inn.wait_for(1));
  CHECK(inn.guests[0].peer.family == Address::Family::ip4);
  const Caller six{*literal_address("::1", inn.listener->port())};
  if (!six.connected) return;
  CHECK(inn.wait_for(2));
  CHECK(inn.guests[1].peer.family == Address::Family::ip6);
}

TEST_CASE("what cannot be bound is said in a sentence") {
  Inn first{{.addresses = {"127.0.0.1"}, .port = 0}};
  const std::uint16_t port = first.listener->port();
  Inn taken{{.addresses = {"127.0.0.1"}, .port = port}};
  CHECK(taken.complaint ==
        "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
  Inn foreign{{.addresses = {"192.0.2.1"}, .port = 0}};
  CHECK(foreign.complaint == "cannot listen on 192.0.2.1:0: Cannot assign requested address");
  Inn nonsense{{.addresses = {"not an address"}, .port = 7}};
  CHECK(nonsense.complaint.starts_with("cannot listen on not an address port 7: "));
}

TEST_CASE("a unix socket: mode, owner, and gone at the end") {
  const Scratch scratch;
  const std::string path = scratch.path + "/.s.PGSQL.6432";
  {
    Inn inn{{.unix_dir = scratch.path, .unix_mode = 0750}};
    REQUIRE_MESSAGE(inn.listener, inn.complaint);
    CHECK(inn.listener->unix_path() == path);
    struct stat file {};
    REQUIRE(::stat(path.c_str(), &file) == 0);
    CHECK((file.st_mode & 0777) == 0750);
    const Caller caller{*unix_address(path)};
    CHECK(inn.wait_for(1));
    CHECK(inn.guests[0].uid == ::geteuid());
    CHECK(inn.guests[0].peer.text() == "unix");
    Inn second{{.unix_dir = scratch.path}};
    CHECK(second.complaint ==
          "cannot listen on unix socket " + path + ": a running program is listening there");
    inn.listener->stop_unix();
    CHECK(!std::filesystem::exists(path));
  }
}

TEST_CASE("a stale socket is replaced, any other file is not") {
  const Scratch scratch;
  const std::string path = scratch.path + "/.s.PGSQL.6432";
  const auto address = unix_address(path);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(dead, address->get(), address->length) == 0);
  ::close(dead);
  {
    Inn inn{{.unix_dir = scratch.path}};
    REQUIRE_MESSAGE(inn.listener, inn.complaint);
    const Caller caller{*address};
    CHECK(inn.wait_for(1));
    // Somebody else has taken the place: what is there now is not ours to remove.
    std::filesystem::remove(path);
    std::ofstream{path} << "notes";
  }
  CHECK(std::filesystem::exists(path));
  Inn refused{{.unix_dir = scratch.path}};
  CHECK(refused.complaint.ends_with("a file that is not a socket is in its place"));
  Inn nowhere{{.unix_dir = scratch.path + "/none"}};
  CHECK(nowhere.complaint.ends_with("No such file or directory"));
  Inn groupless{{.port = 1, .unix_dir = scratch.path, .unix_group = "no-such-group"}};
  CHECK(groupless.complaint.ends_with("there is no group no-such-group"));
  CHECK(!std::filesystem::exists(scratch.path + "/.s.PGSQL.1"));
}

TEST_CASE("an abstract socket") {
  Inn inn{{.unix_dir = "@weir-io-" + std::to_string(::getpid())}};
  REQUIRE_MESSAGE(inn.listener, inn.complaint);
  const Caller caller{*unix_address(inn.listener->unix_path())};
  CHECK(inn.wait_for(1));
}

TEST_CASE(
    "without descriptors accepting pauses, says so once, and goes on by itself or when told") {
  for (const bool told : {false, true}) {
    CAPTURE(told);
    Inn inn{{.addresses = {"127.0.0.1"}, .port = 0}};
    const Caller caller{*literal_address("127.0.0.1", inn.listener->port())};
    {
      const FewFiles few{3};
      CHECK(run_until(inn.loop, [&] { return inn.full.size() == 1; }));
      CHECK(inn.listener->paused());
      inn.listener->resume();  // Too soon: it pauses again, and does not repeat itself.
      CHECK(run_until(inn.loop, [&] { return inn.listener->paused(); }));
      run_turns(inn.loop, 0, 20);
    }
    CHECK(inn.full == std::vector<int>{EMFILE});
    if (told) inn.listener->resume();
    CHECK(inn.wait_for(1));
    CHECK(!inn.listener->paused());
  }
}

TEST_CASE("some descriptors are kept for servers") {
  Inn inn{{.addresses = {"127.0.0.1"},
           .port = 0,
           .descriptors_max = kOwnDescriptors + 10 + 1,
           .reserve = 10}};
  const auto address = literal_address("127.0.0.1", inn.listener->port());
  const Caller one{*address};
  const Caller two{*address};
  CHECK(run_until(inn.loop, [&] { return inn.listener->paused(); }));
  CHECK(inn.guests.size() == 1);
  CHECK(inn.full == std::vector<int>{EMFILE});
  inn.street.drop(inn.guests[0].descriptor);
  inn.guests.clear();
  inn.listener->resume();
  CHECK(inn.wait_for(1));
}

TEST_CASE("the unix door has places left when TCP has none, and no more than its own") {
  for (const std::int64_t servers : {0, 4, 10}) {  // That have come after the clients.
    CAPTURE(servers);
    const Scratch scratch;
    Inn inn{{.addresses = {"127.0.0.1"},
             .port = 0,
             .unix_dir = scratch.path,
             .descriptors_max = kOwnDescriptors + 10 + kUnixReserve + 1,
             .reserve = 10}};
    REQUIRE_MESSAGE(inn.listener, inn.complaint);
    const auto address = literal_address("127.0.0.1", inn.listener->port());
    const Caller one{*address};
    const Caller two{*address};
    CHECK(run_until(inn.loop, [&] { return inn.listener->paused(); }));
    CHECK(inn.guests.size() == 1);
    inn.servers = servers;
    inn.street.count_connection(servers);
    const auto unix_place = unix_address(inn.listener->unix_path());
    std::vector<std::unique_ptr<Caller>> operators;
    for (std::int64_t i = 0; i <= kUnixReserve; ++i) {
      operators.push_back(std::make_unique<Caller>(*unix_place));
    }
    CHECK(inn.wait_for(1 + kUnixReserve));
    CHECK(run_until(inn.loop, [&] { return inn.full.size() == 2; }));
    CHECK(inn.guests.size() == 1 + kUnixReserve);
    CHECK(inn.guests.back().peer.text() == "unix");
    inn.street.drop(inn.guests.back().descriptor);
    inn.guests.pop_back();
    inn.listener->resume();
    CHECK(inn.wait_for(1 + kUnixReserve));  // The last of them, for TCP is still full.
    CHECK(inn.guests.back().peer.text() == "unix");
    inn.street.count_connection(-servers);
  }
}

TEST_CASE("clients who come one by one are taken in with few looks at an empty queue") {
  Inn inn{{.addresses = {"127.0.0.1"}, .port = 0, .backlog = 256}};
  REQUIRE_MESSAGE(inn.listener, inn.complaint);
  const auto address = literal_address("127.0.0.1", inn.listener->port());
  std::vector<std::unique_ptr<Caller>> callers;
  for (std::size_t came = 1; came <= 40; ++came) {
    callers.push_back(std::make_unique<Caller>(*address));
    REQUIRE(inn.wait_for(came));
  }
  CHECK(inn.loop.counts().accepts == 50);  // Three alone, then one and a look: ten times.
}

TEST_CASE("a long queue is taken in more at a time, turn by turn") {
  Inn inn{{.addresses = {"127.0.0.1"}, .port = 0, .backlog = 256}};
  REQUIRE_MESSAGE(inn.listener, inn.complaint);
  const auto address = literal_address("127.0.0.1", inn.listener->port());
  std::vector<std::unique_ptr<Caller>> callers;
  while (callers.size() < 129) callers.push_back(std::make_unique<Caller>(*address));
  run_turns(inn.loop, 0, 20);  // 3 alone, then 2, 4, 8 and so on to 64: ten turns.
  CHECK(inn.guests.size() == 129);
  CHECK(inn.loop.counts().accepts == 129);
}

TEST_CASE("the callback may stop the listener") {
  Street street{1};
  std::unique_ptr<Listener> listener;
  int came = 0;
  listener = std::move(*Listener::open(street[0], {.addresses = {"127.0.0.1"}, .port = 0},
                                       {.on_accept =
                                            [&](Socket descriptor, const Address&, auto) {
                                              street.drop(descriptor);
                                              listener->stop();
                                              ++came;
                                            },
                                        .on_full = {}}));
  const auto address = literal_address("127.0.0.1", listener->port());
  const Caller one{*address};
  const Caller two{*address};
  CHECK(run_until(street[0], [&] { return came == 1; }));
  run_turns(street[0], 0, 3);
  CHECK(came == 1);
}

}  // namespace weir::proxy::io
