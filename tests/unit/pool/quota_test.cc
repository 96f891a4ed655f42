#include "pool/quota.h"

#include <doctest/doctest.h>

using namespace weir::pool;

TEST_CASE("a limit of zero has no maximum") {
  Limit limit;
  for (int i = 0; i < 1000; ++i) CHECK(limit.take());
  CHECK(limit.taken() == 1000);
  CHECK_FALSE(limit.exceeded());
}

TEST_CASE("a limit gives as many units as its maximum, and again what came back") {
  Limit limit{2};
  CHECK(limit.take());
  CHECK(limit.take());
  CHECK_FALSE(limit.take());
  limit.give_back();
  CHECK(limit.take());
  CHECK_FALSE(limit.take());
}

TEST_CASE("a maximum lowered below what is taken is exceeded until units come back") {
  Limit limit{2};
  limit.take();
  limit.take();
  limit.set_max(1);
  CHECK(limit.exceeded());
  CHECK_FALSE(limit.take());
  limit.give_back();
  CHECK_FALSE(limit.exceeded());
  CHECK_FALSE(limit.take());
  limit.set_max(2);
  CHECK(limit.take());
}

TEST_CASE("the reserve is for those who may use it, and what it gives is no excess") {
  Limit limit{1};
  limit.set_reserve(1);
  CHECK(limit.take());
  CHECK_FALSE(limit.take());
  CHECK(limit.take(true));
  CHECK_FALSE(limit.take(true));
  CHECK_FALSE(limit.exceeded());
  limit.set_reserve(0);
  CHECK(limit.exceeded());
}

TEST_CASE("a connection that lives already is counted above the maximum") {
  Limit limit{1};
  limit.take();
  limit.take_anyway();
  CHECK(limit.exceeded());
}

TEST_CASE("who was refused is told by the next unit that comes back, once") {
  Limit limit{1};
  limit.take();
  limit.want(3);
  limit.want(63);
  CHECK(limit.give_back() == (WorkerMask{1} << 3 | WorkerMask{1} << 63));
  limit.take();
  CHECK(limit.give_back() == 0);
}

TEST_CASE("a quota takes one unit of each limit or of none") {
  Limit pool{5}, database{2}, user{1}, all;
  Quota quota{pool, database, user, all};
  CHECK(quota.take(0).refused_by == nullptr);
  CHECK(quota.take(0).refused_by == &user);
  CHECK(pool.taken() == 1);
  CHECK(database.taken() == 1);
  CHECK(user.taken() == 1);
  quota.give_back();
  CHECK(pool.taken() + database.taken() + user.taken() == 0);
}

TEST_CASE("a quota names the first limit that refuses") {
  Limit pool{1}, database{1}, user{1}, all{1};
  Quota quota{pool, database, user, all};
  quota.take(0);
  CHECK(quota.take(0).refused_by == &pool);
  pool.set_max(2);
  CHECK(quota.take(0).refused_by == &database);
  database.set_max(0);
  CHECK(quota.take(0).refused_by == &user);
  user.set_max(0);
  CHECK(quota.take(0).refused_by == &all);
  all.set_max(2);
  CHECK(quota.take(0).refused_by == nullptr);
}

TEST_CASE("a refused worker is woken by the limit that refused it, also by another pool") {
  Limit first{5}, second{5}, database{1}, user, all;
  Quota mine{first, database, user, all}, theirs{second, database, user, all};
  theirs.take(0);
  CHECK(mine.take(4).refused_by == &database);
  CHECK(theirs.give_back() == WorkerMask{1} << 4);
}

TEST_CASE("units that go back on the way to a refusal wake who wanted them") {
  Limit pool{1}, database{1}, user, all;
  Quota quota{pool, database, user, all};
  database.take();
  pool.want(7);
  const auto taken = quota.take(2);
  CHECK(taken.refused_by == &database);
  CHECK(taken.wake == WorkerMask{1} << 7);
}

TEST_CASE("a quota is exceeded when one of its limits is") {
  Limit pool{2}, database, user{2}, all{2};
  Quota quota{pool, database, user, all};
  quota.take(0);
  quota.take(0);
  CHECK_FALSE(quota.exceeded());
  user.set_max(1);
  CHECK(quota.exceeded());
  user.set_max(2);
  all.set_max(1);
  CHECK(quota.exceeded());
}
