#include "proxy/hosts.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir;
using namespace weir::proxy;

namespace {

const Target kOne{"one", 5432}, kTwo{"two", 5432};
const Fault kRefused{"08001", "connect failed"};

}  // namespace

TEST_CASE("a host that nobody complains of may be dialled by everybody") {
  Hosts hosts;
  CHECK(hosts.begin(kOne, 1) == Hosts::Leave::yes);
  CHECK(hosts.begin(kOne, 1) == Hosts::Leave::yes);
  CHECK(hosts.ready_at(kOne) == 0);
  CHECK_FALSE(hosts.answered(kOne));
  CHECK_FALSE(hosts.fault(kOne));
}

TEST_CASE("a host that failed is left alone for a pause, and then tried by one") {
  Hosts hosts;
  hosts.failed(kOne, 1, 2, {.jitter = 0.5}, kRefused);
  const Instant due = hosts.ready_at(kOne);
  CHECK(due == 2 + kHostPauseFirst * 3 / 4);
  CHECK(hosts.begin(kOne, due - 1) == Hosts::Leave::no);
  CHECK(hosts.begin(kOne, due) == Hosts::Leave::trial);
  CHECK(hosts.begin(kOne, due) == Hosts::Leave::no);
  CHECK(hosts.begin(kTwo, due) == Hosts::Leave::yes);
  CHECK(hosts.begin({"one", 6432}, due) == Hosts::Leave::yes);
  CHECK(hosts.answered(kOne));
  CHECK(hosts.begin(kOne, due) == Hosts::Leave::yes);
}

TEST_CASE("a trial that hangs is not waited for without end") {
  Hosts hosts;
  hosts.failed(kOne, 1, 2, {}, kRefused);
  const Instant due = hosts.ready_at(kOne);
  REQUIRE(hosts.begin(kOne, due) == Hosts::Leave::trial);
  CHECK(hosts.ready_at(kOne) == due + kTrialPatience);
  CHECK(hosts.begin(kOne, due + kTrialPatience) == Hosts::Leave::trial);
}

TEST_CASE("pauses double up to a second, or to what the operator says") {
  for (const Instant most : {kHostPauseMax, kSecond / 2}) {
    Hosts hosts;
    Instant now = 1;
    Instant pause = 0;
    for (int i = 0; i < 100; ++i) {
      hosts.failed(kOne, now, now, {.max = most, .jitter = 0}, kRefused);
      CHECK(hosts.ready_at(kOne) - now >= pause);
      pause = hosts.ready_at(kOne) - now;
      now = hosts.ready_at(kOne);
    }
    CHECK(pause == most / 2);
    hosts.answered(kOne);
    hosts.failed(kOne, now, now, {}, kRefused);
    CHECK(hosts.ready_at(kOne) == now + kHostPauseFirst / 2);
  }
}

TEST_CASE("connections that were dialled together count as one failure") {
  Hosts hosts;
  hosts.failed(kOne, 1, 5, {}, kRefused);
  const Instant due = hosts.ready_at(kOne);
  hosts.failed(kOne, 4, 6, {}, {"57P03", "the database system is starting up"});
  CHECK(hosts.ready_at(kOne) == due);
  REQUIRE(hosts.fault(kOne));
  CHECK(hosts.fault(kOne)->sqlstate == std::string{"57P03"});
}

TEST_CASE("hosts in trouble are remembered up to a maximum") {
  Hosts hosts;
  for (std::size_t i = 0; i < kHostsInTroubleMax; ++i) {
    hosts.failed({std::to_string(i), 5432}, 1, 2, {}, kRefused);
  }
  CHECK(hosts.in_trouble({"0", 5432}));
  hosts.failed({"0", 5432}, 3, 4, {}, kRefused);
  CHECK(hosts.in_trouble({"1", 5432}));
  hosts.failed(kOne, 1, 2, {}, kRefused);
  CHECK_FALSE(hosts.in_trouble({"1", 5432}));
  CHECK(hosts.in_trouble(kOne));
}
