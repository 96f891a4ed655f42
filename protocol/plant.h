// plant.h: faults that can be built in on purpose, to prove that the simulator sees them.
//
// planted() is a constant false in every build but tests/sim's sim_plant_<fault>: nothing is left
// of it in the program.
#pragma once

namespace weir {

enum class Plant : unsigned char {
  none,
  lost_wakeup,     // A worker does not tell the others that clients wait there.
  out_of_order,    // The newest request is taken for the oldest: answers change places.
  double_release,  // A server is let go while it still owes its client answers.
  missing_reset,   // A server keeps the settings of the client before.
  unread_pause,    // A client that was granted its server is not read again.
};

#ifdef WEIR_PLANT
constexpr bool planted(Plant fault) { return fault == Plant::WEIR_PLANT; }
#else
constexpr bool planted(Plant) { return false; }
#endif

}  // namespace weir
