// Nothing on the path of a query allocates once it is warm. A program of its own: it counts.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "pool/pool.h"
#include "protocol/ledger.h"
#include "protocol/statement.h"

using namespace weir;

namespace {

long allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  void* const at = std::malloc(bytes > 0 ? bytes : 1);
  if (at == nullptr) std::abort();
  return at;
}

// How many allocations `act` makes in `rounds` of it.
template <typename Act>
long allocations_in(int rounds, Act act) {
  const long before = allocations;
  for (int i = 0; i < rounds; ++i) act(i);
  return allocations - before;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }

TEST_CASE("the count counts") {
  CHECK(allocations_in(3, [](int) { std::make_unique<int>(); }) == 3);
}

TEST_CASE("a warm ledger does not allocate") {
  using namespace weir::protocol;
  Ledger ledger;
  const auto turn = [&](int) {
    for (const Request request : {Request::parse, Request::bind, Request::execute}) {
      for (int i = 0; i < 8; ++i) ledger.note(request, Action::forward);
    }
    ledger.note(Request::sync, Action::drop);
    ledger.note(Request::close, Action::ours);
    for (const char tag : {'1', '2', 'C'}) {
      for (int i = 0; i < 8; ++i) ledger.on_answer(tag);
    }
    ledger.on_answer('Z');
    ledger.take_ours();
  };
  turn(0);
  CHECK(allocations_in(1000, turn) == 0);
  ledger.clear();
  CHECK(allocations_in(1000, turn) == 0);
}

TEST_CASE("parking, matching, granting and releasing do not allocate") {
  using namespace weir::pool;
  Limit database, user, all;
  SharedPool shared{2, database, user, all};
  shared.limit.set_max(1);
  Pool here{shared, {}, 0};
  ClientSlot client;
  ServerSlot server;
  client.state = ClientState::ready;
  server.state = ServerState::idle;
  here.clients.enter(client);
  here.servers.enter(server);
  shared.quota.take(0);
  Deadlines deadlines;
  const auto turn = [&](int i) {
    const Instant now = i * kMillisecond;
    here.park(client, now);
    deadlines.arm_no_later(client, now + kSecond);
    here.publish();
    here.grow(now);
    const auto match = here.match(now);
    here.grant(*match.client, *match.server);
    here.publish();
    here.unlink(client, server);
    here.clients.move(client, ClientEvent::transaction_over);
    here.servers.move(server, ServerEvent::released, here.idle_end());
    here.publish();
    deadlines.disarm(client);
  };
  turn(0);
  CHECK(allocations_in(1000, turn) == 0);
  here.clients.leave(client);
  here.servers.leave(server);
}

TEST_CASE("scanning a statement does not allocate") {
  using namespace weir::protocol;
  std::size_t statements = 0;
  const auto each = [&](const Statement& one) { statements += one.name.size(); };
  const auto turn = [&](int) {
    StatementScanner scanner;
    scanner.feed(std::string_view("PREPARE \"a\"\"b\" AS SELECT 'c', $d$e$d$ FROM "), each);
    scanner.feed(std::string_view("t; SET LOCAL search_path TO public, \"x\""), each);
    scanner.finish(each);
  };
  CHECK(allocations_in(1000, turn) == 0);
  CHECK(statements == 1000 * 14);
}
