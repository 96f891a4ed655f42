// states.h: where a client and a server connection can be, and the only ways to get elsewhere.
//
// docs/STATES.md is drawn from these tables by a test.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "protocol/machine.h"

namespace weir::pool {

enum class ServerState : unsigned char {
  dialing,     // Connecting.
  logging_in,  // Startup packet sent; not yet welcomed.
  travelling,  // Handed over from one worker to another.
  idle,        // Fit for the next client.
  linked,      // A client's, for a transaction or a session.
  resting,     // Released while a cancel request for it is under way.
  resetting,   // Runs server_reset_query.
  testing,     // Idle for long: runs server_check_query before the next client.
  leaving,     // Terminate sent; counts against the limits until the server hangs up.
  closed,
  count
};
enum class ServerEvent : unsigned char {
  connected,
  welcomed,
  lent,
  arrived,
  acquired,
  released,
  cancel_pending,
  cancel_settled,
  reset_sent,
  reset_done,
  test_sent,
  test_passed,
  dismissed,
  gone,
  count
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(ServerState::count)>
    kServerStateNames{"dialing", "logging_in", "travelling", "idle",    "linked",
                      "resting", "resetting",  "testing",    "leaving", "closed"};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(ServerEvent::count)>
    kServerEventNames{"connected", "welcomed",       "lent",           "arrived",    "acquired",
                      "released",  "cancel_pending", "cancel_settled", "reset_sent", "reset_done",
                      "test_sent", "test_passed",    "dismissed",      "gone"};

inline constexpr auto kServerMachine = [] {
  using S = ServerState;
  using E = ServerEvent;
  return Machine<S, E, 31>{{{
      {S::dialing, E::connected, S::logging_in}, {S::dialing, E::gone, S::closed},
      {S::logging_in, E::welcomed, S::idle},     {S::logging_in, E::dismissed, S::leaving},
      {S::logging_in, E::gone, S::closed},       {S::travelling, E::arrived, S::idle},
      {S::travelling, E::gone, S::closed},       {S::idle, E::lent, S::travelling},
      {S::idle, E::acquired, S::linked},         {S::idle, E::test_sent, S::testing},
      {S::idle, E::dismissed, S::leaving},       {S::idle, E::gone, S::closed},
      {S::linked, E::released, S::idle},         {S::linked, E::cancel_pending, S::resting},
      {S::linked, E::reset_sent, S::resetting},  {S::linked, E::dismissed, S::leaving},
      {S::linked, E::gone, S::closed},           {S::resting, E::cancel_settled, S::idle},
      {S::resting, E::reset_sent, S::resetting}, {S::resting, E::dismissed, S::leaving},
      {S::resting, E::gone, S::closed},          {S::resetting, E::reset_done, S::idle},
      {S::resetting, E::dismissed, S::leaving},  {S::resetting, E::gone, S::closed},
      {S::testing, E::test_passed, S::idle},     {S::testing, E::dismissed, S::leaving},
      {S::testing, E::gone, S::closed},          {S::leaving, E::dismissed, S::leaving},
      {S::leaving, E::gone, S::closed},          {S::dialing, E::dismissed, S::closed},
      {S::closed, E::gone, S::closed},
  }}};
}();
static_assert(kServerMachine.deterministic());
static_assert(
    kServerMachine.reaches_all<static_cast<std::size_t>(ServerState::count)>(ServerState::dialing));

enum class ClientState : unsigned char {
  greeting,     // Nothing but a startup packet is understood.
  proving,      // Authentication is under way.
  welcoming,    // Proved; waits until a server has told its parameters.
  ready,        // Between transactions, without a server.
  parked,       // A request waits in line for a server.
  linked,       // Has a server.
  console,      // Talks to the admin console.
  replicating,  // Has a server for itself, and the two talk as they like.
  draining,     // Its last message is on its way out.
  closed,
  count
};
enum class ClientEvent : unsigned char {
  startup,
  proved,
  parameters_known,
  admitted,
  request,
  granted,
  answered,
  transaction_over,
  replication,
  dismissed,
  gone,
  count
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(ClientState::count)>
    kClientStateNames{"greeting", "proving", "welcoming",   "ready",    "parked",
                      "linked",   "console", "replicating", "draining", "closed"};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(ClientEvent::count)>
    kClientEventNames{"startup", "proved",   "parameters_known", "admitted",    "request",
                      "granted", "answered", "transaction_over", "replication", "dismissed",
                      "gone"};

inline constexpr auto kClientMachine = [] {
  using C = ClientState;
  using V = ClientEvent;
  return Machine<C, V, 28>{{{
      {C::greeting, V::startup, C::proving},
      {C::greeting, V::dismissed, C::draining},
      {C::greeting, V::gone, C::closed},
      {C::proving, V::proved, C::welcoming},
      {C::proving, V::admitted, C::console},
      {C::proving, V::dismissed, C::draining},
      {C::proving, V::gone, C::closed},
      {C::welcoming, V::parameters_known, C::ready},
      {C::welcoming, V::dismissed, C::draining},
      {C::welcoming, V::gone, C::closed},
      {C::ready, V::request, C::parked},
      {C::ready, V::dismissed, C::draining},
      {C::ready, V::gone, C::closed},
      {C::parked, V::granted, C::linked},
      {C::parked, V::answered, C::ready},  // Cancelled in line: we answer 57014 ourselves.
      {C::parked, V::dismissed, C::draining},
      {C::parked, V::gone, C::closed},
      {C::linked, V::transaction_over, C::ready},
      {C::linked, V::dismissed, C::draining},
      {C::linked, V::gone, C::closed},
      {C::console, V::dismissed, C::draining},
      {C::console, V::gone, C::closed},
      {C::proving, V::replication, C::replicating},
      {C::replicating, V::dismissed, C::draining},
      {C::replicating, V::gone, C::closed},
      {C::draining, V::dismissed, C::draining},
      {C::draining, V::gone, C::closed},
      {C::closed, V::gone, C::closed},
  }}};
}();
static_assert(kClientMachine.deterministic());
static_assert(kClientMachine.reaches_all<static_cast<std::size_t>(ClientState::count)>(
    ClientState::greeting));

// Whatever the state, the peer may vanish.
consteval bool every_state_survives_gone() {
  for (std::size_t s = 0; s < static_cast<std::size_t>(ClientState::count); ++s) {
    if (!kClientMachine.next(static_cast<ClientState>(s), ClientEvent::gone)) return false;
  }
  for (std::size_t s = 0; s < static_cast<std::size_t>(ServerState::count); ++s) {
    if (!kServerMachine.next(static_cast<ServerState>(s), ServerEvent::gone)) return false;
  }
  return true;
}
static_assert(every_state_survives_gone());

}  // namespace weir::pool
