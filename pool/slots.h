// slots.h: what the pool knows of a client and of a server connection, and the yards they stand in.
//
// A state is a place: each yard has one list a state, and move() is the only way between them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "pool/deadlines.h"
#include "pool/list.h"
#include "pool/states.h"

namespace weir::pool {

class Pool;
struct ServerSlot;

struct ClientSlot : Link, Deadline {
  using State = ClientState;
  ClientSlot() : Deadline(Kind::client) {}
  ClientState state = ClientState::greeting;
  Pool* pool = nullptr;          // From `welcoming` on, console excepted.
  ServerSlot* server = nullptr;  // While linked.
  Instant parked_since = 0;
};

struct ServerSlot : Link, Deadline {
  using State = ServerState;
  ServerSlot() : Deadline(Kind::server) {}
  ServerState state = ServerState::dialing;
  bool close_needed = false;  // Close it at the next release.
  bool dial_counted = false;  // Against the pool's logins in flight.
  bool beside = false;        // Its host may not answer: no client counts on it while it logs in.
  Pool* pool = nullptr;
  ClientSlot* client = nullptr;  // While linked.
  Instant born_at = 0;           // Welcomed.
  Instant idle_since = 0;
};

template <typename Slot, typename Event, auto& machine>
class Yard {
 public:
  using State = typename Slot::State;
  static constexpr std::size_t kStates = static_cast<std::size_t>(State::count);
  enum class End { front, back };

  List<Slot>& at(State state) { return lists_[static_cast<std::size_t>(state)]; }
  const List<Slot>& at(State state) const { return lists_[static_cast<std::size_t>(state)]; }

  bool empty() const {
    return std::all_of(lists_.begin(), lists_.end(), [](const auto& list) { return list.empty(); });
  }
  void enter(Slot& slot) { at(slot.state).push_back(slot); }
  void leave(Slot& slot) { at(slot.state).remove(slot); }
  // REQUIRES: the machine has the edge, and the slot stands in this yard.
  void move(Slot& slot, Event on, End end = End::back) {
    const auto to = static_cast<State>(
        kTable[static_cast<std::size_t>(slot.state)][static_cast<std::size_t>(on)]);
    WEIR_CHECK(to != State::count);
    at(slot.state).remove(slot);
    slot.state = to;
    end == End::back ? at(to).push_back(slot) : at(to).push_front(slot);
  }

 private:
  static constexpr auto kTable =
      machine.template dense<kStates, static_cast<std::size_t>(Event::count)>();
  std::array<List<Slot>, kStates> lists_;
};

using ClientYard = Yard<ClientSlot, ClientEvent, kClientMachine>;
using ServerYard = Yard<ServerSlot, ServerEvent, kServerMachine>;

}  // namespace weir::pool
