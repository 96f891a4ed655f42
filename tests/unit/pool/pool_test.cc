#include "pool/pool.h"

#include <doctest/doctest.h>

#include <deque>
#include <memory>

using namespace weir;
using namespace weir::pool;
using Growth = Pool::Growth;
using Match = Pool::Match;

namespace {

// A pool of `workers` shares, with all the slots that stand in them.
struct Town {
  explicit Town(std::size_t workers, std::int64_t pool_size, PoolSettings settings = {}) {
    shared.limit.set_max(pool_size);
    for (std::size_t i = 0; i < workers; ++i) {
      shares.push_back(std::make_unique<Pool>(shared, settings, i));
    }
  }
  explicit Town(std::int64_t pool_size) : Town(1, pool_size) {}
  ~Town() {
    for (auto& slot : clients) slot.pool->clients.leave(slot);
    for (auto& slot : servers) {
      if (slot.pool != nullptr) slot.pool->servers.leave(slot);
    }
  }
  Pool& operator[](std::size_t worker) { return *shares[worker]; }

  ClientSlot& client(std::size_t worker = 0, ClientState state = ClientState::ready) {
    ClientSlot& slot = clients.emplace_back();
    slot.state = state;
    slot.pool = shares[worker].get();
    slot.pool->clients.enter(slot);
    return slot;
  }
  ServerSlot& server(std::size_t worker = 0, ServerState state = ServerState::idle) {
    ServerSlot& slot = servers.emplace_back();
    slot.state = state;
    slot.pool = shares[worker].get();
    slot.pool->servers.enter(slot);
    slot.pool->publish();
    return slot;
  }
  ClientSlot& parked(Instant now, std::size_t worker = 0) {
    ClientSlot& slot = client(worker);
    slot.pool->park(slot, now);
    slot.pool->publish();
    return slot;
  }

  Limit database, user, all;
  std::size_t workers_max = 2;
  SharedPool shared{workers_max, database, user, all};
  std::vector<std::unique_ptr<Pool>> shares;
  std::deque<ClientSlot> clients;
  std::deque<ServerSlot> servers;
};

}  // namespace

TEST_CASE("an idle server goes to the client that has waited longest") {
  Town town{1};
  ClientSlot& first = town.parked(1);
  town.parked(2);
  ServerSlot& server = town.server();
  const Match match = town[0].match(3);
  CHECK(match.kind == Match::Kind::grant);
  CHECK(match.client == &first);
  CHECK(match.server == &server);
}

TEST_CASE("granting links both, and unlinking frees both") {
  Town town{1};
  ClientSlot& client = town.parked(1);
  ServerSlot& server = town.server();
  town[0].grant(client, server);
  CHECK(client.state == ClientState::linked);
  CHECK(server.state == ServerState::linked);
  CHECK(client.server == &server);
  CHECK(server.client == &client);
  CHECK(town[0].match(2).kind == Match::Kind::none);
  town[0].unlink(client, server);
  CHECK(client.server == nullptr);
  CHECK(server.client == nullptr);
}

TEST_CASE("nothing is matched without a server or without a client") {
  Town town{1};
  CHECK(town[0].match(1).kind == Match::Kind::none);
  town.parked(1);
  CHECK(town[0].match(1).kind == Match::Kind::none);
  town[0].clients.move(town.clients[0], ClientEvent::answered);
  town.server();
  CHECK(town[0].match(1).kind == Match::Kind::none);
}

TEST_CASE("a waiter elsewhere is served when nobody waits here") {
  Town town{2, 2};
  town.parked(5, 1);
  ServerSlot& server = town.server(0);
  const Match match = town[0].match(5);
  CHECK(match.kind == Match::Kind::hand_over);
  CHECK(match.worker == 1);
  CHECK(match.server == &server);
}

TEST_CASE("a waiter elsewhere comes first only when it has waited notably longer") {
  Town town{2, 2};
  const Instant start = 1 * kSecond;
  town.parked(start, 1);
  ClientSlot& local = town.parked(start + kHandoverSlack);
  town.server(0);
  CHECK(town[0].match(2 * kSecond).client == &local);
  local.parked_since = start + kHandoverSlack + 1;
  CHECK(town[0].match(2 * kSecond).kind == Match::Kind::hand_over);
}

TEST_CASE("a promised server counts as coming until it has come") {
  Town town{2, 2};
  town.parked(1, 1);
  town.shared.exchange.promise(1);
  CHECK(town[1].coming() == 1);
  town.server(0);
  CHECK(town[0].match(9).kind == Match::Kind::none);
  town[1].promise_kept();
  CHECK(town[1].coming() == 0);
}

TEST_CASE("a pool dials for those who wait, as many as wait") {
  Town town{10};
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  town.parked(1);
  CHECK(town[0].grow(1).kind == Growth::Kind::dial);
  town.server(0, ServerState::dialing);
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  CHECK(town.shared.limit.taken() == 1);
}

TEST_CASE("a pool dials a few at a time over all workers, and goes on when one of them is done") {
  Town town{2, 10};
  town.shared.dials.set_max(2);
  for (int i = 0; i < 6; ++i) town.parked(1, i % 2);
  for (const std::size_t worker : {0u, 1u}) {
    REQUIRE(town[worker].grow(1).kind == Growth::Kind::dial);
    town[worker].dial_begun(town.server(worker, ServerState::logging_in), false);
  }
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  CHECK(town.shared.limit.taken() == 2);
  ServerSlot& there = town.servers.back();
  town[1].servers.move(there, ServerEvent::welcomed);
  CHECK(town[1].dial_over(there) == 1);  // The first worker was refused, and hears of it.
  CHECK(town[1].dial_over(there) == 0);
  CHECK(town[0].grow(1).kind == Growth::Kind::dial);
  CHECK(town[0].dial_dropped() == 0);
  CHECK(town.shared.dials.taken() == 1);
  CHECK(town.shared.limit.taken() == 2);
}

TEST_CASE("no client counts on a server that is dialled beside others") {
  Town town{10};
  town.parked(1);
  REQUIRE(town[0].grow(1).kind == Growth::Kind::dial);
  ServerSlot& tried = town.server(0, ServerState::dialing);
  town[0].dial_begun(tried, true);
  CHECK(town[0].coming() == 0);
  CHECK(town[0].grow(1).kind == Growth::Kind::dial);
  town[0].dial_begun(town.server(0, ServerState::dialing), false);
  CHECK(town[0].coming() == 1);
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  town[0].servers.move(tried, ServerEvent::gone);
  town[0].dial_over(tried);
  CHECK(town[0].coming() == 1);
}

TEST_CASE("a pool does not dial before it may") {
  Town town{10};
  town.parked(1);
  CHECK(town[0].grow(1, 2).kind == Growth::Kind::none);
  CHECK(town.shared.limit.taken() == 0);
  CHECK(town[0].grow(2, 2).kind == Growth::Kind::dial);
}

TEST_CASE("a full pool does not dial, and is woken when a unit comes back") {
  Town town{1};
  town.shared.quota.take(0);
  town.parked(1);
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  CHECK(town.shared.quota.give_back() == 1);
  CHECK(town[0].grow(1).kind == Growth::Kind::dial);
}

TEST_CASE("a pool borrows an idle server before it dials") {
  Town town{2, 5};
  town.server(1);
  town.parked(1);
  const Growth growth = town[0].grow(1);
  CHECK(growth.kind == Growth::Kind::borrow);
  CHECK(growth.lender == 1);
  CHECK(town.shared.limit.taken() == 0);
  town[0].asked();
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  town[0].lend_answered();
  CHECK(town[0].grow(1).kind == Growth::Kind::borrow);
}

TEST_CASE("a pool at a limit it shares asks for another pool's idle server") {
  for (Limit Town::*const which : {&Town::database, &Town::user, &Town::all}) {
    Town town{5};
    Limit& limit = town.*which;
    limit.set_max(1);
    limit.take();
    town.parked(1);
    const Growth growth = town[0].grow(1);
    CHECK(growth.kind == Growth::Kind::evict);
    CHECK(growth.refused_by == &limit);
    CHECK(limit.starving() == 1);
    CHECK(town.shared.limit.taken() == 0);
    limit.set_max(2);
    CHECK(town[0].grow(1).kind == Growth::Kind::dial);
    CHECK(limit.starving() == 0);
  }
}

TEST_CASE("an idle server goes when another pool starves at a limit they share") {
  Town town{5};
  town.server();
  CHECK(town[0].match(1).kind == Match::Kind::none);
  for (Limit* const limit : {&town.database, &town.user, &town.all}) {
    limit->starve(+1);
    CHECK(town[0].match(1).kind == Match::Kind::dismiss);
    limit->starve(-1);
  }
  town.all.starve(+1);
  town.parked(1);
  CHECK(town[0].match(1).kind == Match::Kind::grant);
}

TEST_CASE("a server goes although a client waits, once another pool has long been without any") {
  Town town{5};
  town.server();
  town.parked(1);
  town.database.hunger(+1, 1);
  CHECK(town[0].match(kHungerMax).kind == Match::Kind::grant);
  CHECK(town[0].match(kHungerMax + 1).kind == Match::Kind::dismiss);
  town[0].gave_way(kHungerMax + 1);
  CHECK(town[0].match(2 * kHungerMax).kind == Match::Kind::grant);
  CHECK(town[0].match(2 * kHungerMax + 1).kind == Match::Kind::dismiss);
  town.database.hunger(-1, 1);
  CHECK(town[0].match(2 * kHungerMax + 1).kind == Match::Kind::grant);
}

TEST_CASE("who gives way leaves the other the time to dial") {
  Town town{5};
  town.parked(1);
  town[0].gave_way(1);
  CHECK(town[0].grow(kGiveWayPause).kind == Growth::Kind::none);
  CHECK(town[0].grow(kGiveWayPause + 1).kind == Growth::Kind::dial);
}

TEST_CASE("a pool is hungry when it starves without a server") {
  Town town{5};
  town.database.set_max(2);
  town.database.take();
  town.database.take();
  town.parked(1);
  town[0].grow(1);
  CHECK(town.database.hungry() == 1);
  town.shared.limit.take();  // One that another worker has dialled.
  town[0].grow(2);
  CHECK(town.database.starving() == 1);
  CHECK(town.database.hungry() == 0);
}

TEST_CASE("a pool that starves itself keeps its idle server") {
  Town town{5};
  town.database.set_max(1);
  town.database.take();
  ClientSlot& client = town.parked(1);
  CHECK(town[0].grow(1).kind == Growth::Kind::evict);
  town[0].clients.move(client, ClientEvent::answered);
  town.servers.emplace_back();  // Idle, and not published yet.
  town.servers.back().state = ServerState::idle;
  town.servers.back().pool = &town[0];
  town[0].servers.enter(town.servers.back());
  CHECK(town[0].match(1).kind == Match::Kind::none);
  town[0].publish();
  CHECK(town.database.starving() == 0);
}

TEST_CASE("a pool keeps its minimum, over all workers") {
  Town town{2, 5, {.min_size = 2}};
  CHECK(town[0].grow(1).kind == Growth::Kind::dial);
  CHECK(town[1].grow(1).kind == Growth::Kind::dial);
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
}

TEST_CASE("a minimum that nobody waits for evicts nobody") {
  Town town{1, 5, {.min_size = 1}};
  town.database.set_max(1);
  town.database.take();
  CHECK(town[0].grow(1).kind == Growth::Kind::none);
  CHECK(town.database.starving() == 0);
}

TEST_CASE("failed logins are retried later and later, up to the maximum") {
  Town town{1, 5, {.retry_first = 100, .retry_max = 350}};
  town.parked(0);
  const Instant waits[] = {100, 200, 350, 350};
  for (const Instant wait : waits) {
    town[0].login_failed(1000, 1.0);
    CHECK(town[0].retry_at() == 1000 + wait);
    CHECK(town[0].grow(1000 + wait - 1).kind == Growth::Kind::none);
  }
  for (int i = 0; i < 100; ++i) town[0].login_failed(1000, 0.0);
  CHECK(town[0].retry_at() == 1000 + 175);
  CHECK(town[0].grow(1350).kind == Growth::Kind::dial);
  town[0].login_failed(1000, 1.0, 250);
  CHECK(town[0].retry_at() == 1000 + 250);
  town[0].login_succeeded();
  CHECK(town[0].retry_at() == 0);
  town[0].login_failed(0, 1.0);
  CHECK(town[0].retry_at() == 100);
}

TEST_CASE("clients that wait for their welcome are worth one server, until it is known") {
  Town town{2, 5};
  for (int i = 0; i < 3; ++i) town.client(0, ClientState::welcoming).parked_since = 7;
  town[0].publish();
  CHECK(town[0].waiting() == 1);
  CHECK(town.shared.exchange.oldest_elsewhere(1)->since == 7);
  town[0].welcome_known = true;
  CHECK(town[0].waiting() == 0);
}

TEST_CASE("a server must close when it is marked or when a limit is exceeded") {
  Town town{1};
  ServerSlot& server = town.server();
  town.shared.quota.take(0);
  CHECK_FALSE(town[0].must_close(server));
  server.close_needed = true;
  CHECK(town[0].must_close(server));
  server.close_needed = false;
  town.shared.limit.take_anyway();
  CHECK(town[0].must_close(server));
}

TEST_CASE("idle servers stand warmest first, or in turn when the operator says so") {
  Town town{5};
  CHECK(town[0].idle_end() == ServerYard::End::front);
  town[0].set_settings({.round_robin = true});
  CHECK(town[0].idle_end() == ServerYard::End::back);
}

TEST_CASE("every server that will come free by itself counts as coming") {
  Town town{9};
  for (const auto state : {ServerState::dialing, ServerState::logging_in, ServerState::resetting,
                           ServerState::testing}) {
    town.server(0, state);
  }
  town.server(0, ServerState::linked);
  town.server(0, ServerState::leaving);
  town[0].asked();
  CHECK(town[0].coming() == 5);
}

TEST_CASE("clients that come over from another pool stand in line by how long they have waited") {
  Town to{1};
  Town from{1};  // Goes first: its clients stand in the other by then.
  ClientSlot& oldest = from.parked(1);
  ClientSlot& second = to.parked(2);
  ClientSlot& third = from.parked(3);
  ClientSlot& ready = from.client();
  for (ClientSlot* const client : {&oldest, &third, &ready}) to[0].come_over(*client);
  CHECK(from[0].waiting() == 0);
  CHECK(to[0].waiting() == 3);
  CHECK(to[0].parked().front() == &second);
  to[0].line_up();
  for (ClientSlot* const client : {&oldest, &second, &third}) {
    CHECK(to[0].parked().front() == client);
    to[0].grant(*client, to.server());
  }
  CHECK(ready.state == ClientState::ready);
  CHECK(ready.pool == &to[0]);
}

TEST_CASE("as many idle servers make room as pools starve, and no more") {
  Town town{2};
  town.server();
  town.server();
  CHECK(town[0].match(1).kind == Match::Kind::none);
  town.database.starve(+1);
  CHECK(town[0].match(1).kind == Match::Kind::dismiss);
  town.database.leave(+1);  // The first is on its way out.
  CHECK(town[0].match(1).kind == Match::Kind::none);
  town.database.starve(+1);
  CHECK(town[0].match(1).kind == Match::Kind::dismiss);
}
