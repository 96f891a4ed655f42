// Every order of small events over two workers' shares of one pool, up to a length; states that
// were met before are not walked again. After each, all mail is delivered and the end judged.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "tests/unit/pool/crew.h"

using namespace weir::pool::testing;

namespace {

constexpr const char* kNames[] = {"request",      "release", "leave", "crash",   "login_ok",
                                  "login_failed", "mail",    "time",  "hang_up", "reload"};

struct Search {
  Plan plan;
  std::size_t length_max;
  std::size_t states = 0;
  std::string counterexample;

  using Path = std::vector<Event>;

  void run() {
    std::unordered_set<std::string> met;
    std::vector<Path> front{{}};
    for (std::size_t length = 0; length <= length_max && counterexample.empty(); ++length) {
      std::vector<Path> next;
      for (const Path& path : front) {
        Crew crew{plan};
        for (const Event& event : path) crew.run(event);
        if (!met.insert(crew.fingerprint()).second) continue;
        ++states;
        if (length < length_max) {
          for (const Event& event : crew.possible()) {
            next.push_back(path);
            next.back().push_back(event);
          }
        }
        judge(crew, path);
        if (!counterexample.empty()) return;
      }
      front = std::move(next);
    }
  }

  void judge(Crew& crew, const Path& path) {
    if (crew.complaint.empty()) crew.settle();
    if (crew.complaint.empty()) crew.judge_settled();
    if (crew.complaint.empty()) crew.judge_served();
    if (crew.complaint.empty()) return;
    counterexample = crew.complaint + " after";
    for (const Event& event : path) {
      counterexample += std::string{" "} + kNames[static_cast<int>(event.kind)] + "(" +
                        std::to_string(event.of) + ")";
    }
  }
};

Search search(const Plan& plan, std::size_t length) {
  Search search{.plan = plan, .length_max = length, .counterexample = {}};
  search.run();
  MESSAGE("pool_size ", plan.pool_size, ", clients ", plan.clients[0], "+", plan.clients[1], ": ",
          search.states, " states");
  return search;
}

}  // namespace

TEST_CASE("nobody waits beside a server, whatever the order of events") {
  CHECK(search({{2, 2}, 1, 0}, 10).counterexample == "");
  CHECK(search({{2, 2}, 2, 0}, 8).counterexample == "");
  CHECK(search({{1, 3}, 2, 0}, 8).counterexample == "");
}

TEST_CASE("nobody waits beside a server where the limit is the one over all pools") {
  CHECK(search({{2, 2}, 1, 0, Fault::none, true}, 7).counterexample == "");
  CHECK(search({{1, 2}, 2, 1, Fault::none, true}, 7).counterexample == "");
}

TEST_CASE("nobody waits beside a server where few may log in at the same time") {
  CHECK(search({.clients = {2, 2}, .pool_size = 3, .reloads = 0, .dials = 1}, 8).counterexample ==
        "");
}

TEST_CASE("nobody waits beside a server while the maximum is changed under way") {
  CHECK(search({{2, 1}, 1, 2}, 8).counterexample == "");
  CHECK(search({{2, 2}, 2, 2}, 7).counterexample == "");
}

TEST_CASE("every planted fault is found") {
  for (const Fault fault : {Fault::lend_unanswered, Fault::nobody_woken, Fault::park_unpublished,
                            Fault::promise_forgotten, Fault::arrival_not_followed}) {
    CAPTURE(static_cast<int>(fault));
    CHECK(search({{2, 2}, 2, 0, fault}, 8).counterexample != "");
  }
  const Fault unheard = Fault::dial_over_unheard;
  CHECK(search({.clients = {2, 2}, .pool_size = 3, .reloads = 0, .fault = unheard, .dials = 1}, 8)
            .counterexample != "");
}
