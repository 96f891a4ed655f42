#include "pool/states.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace weir::pool;

namespace {

template <typename Names>
bool all_named_once(const Names& names) {
  const std::set<std::string_view> once(names.begin(), names.end());
  return once.size() == names.size() && !once.contains("");
}

template <typename Event, typename Machine>
bool every_event_is_used(const Machine& machine) {
  for (std::size_t event = 0; event < static_cast<std::size_t>(Event::count); ++event) {
    if (std::none_of(machine.edges.begin(), machine.edges.end(),
                     [&](const auto& edge) { return edge.on == static_cast<Event>(event); })) {
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("every state and every event has a name of its own") {
  CHECK(all_named_once(kServerStateNames));
  CHECK(all_named_once(kServerEventNames));
  CHECK(all_named_once(kClientStateNames));
  CHECK(all_named_once(kClientEventNames));
}

TEST_CASE("every event leads somewhere") {
  CHECK(every_event_is_used<ServerEvent>(kServerMachine));
  CHECK(every_event_is_used<ClientEvent>(kClientMachine));
}

TEST_CASE("only an idle server gets a client or travels") {
  for (const auto& edge : kServerMachine.edges) {
    if (edge.to == ServerState::linked || edge.to == ServerState::travelling) {
      CHECK(edge.from == ServerState::idle);
    }
  }
}

TEST_CASE("a closed or leaving server never comes back") {
  for (const auto& edge : kServerMachine.edges) {
    if (edge.from == ServerState::closed) CHECK(edge.to == ServerState::closed);
    if (edge.from == ServerState::leaving) CHECK(edge.to >= ServerState::leaving);
  }
}

TEST_CASE("a client gets a server from the line only") {
  for (const auto& edge : kClientMachine.edges) {
    if (edge.to == ClientState::linked) CHECK(edge.from == ClientState::parked);
  }
}
