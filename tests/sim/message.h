// message.h: one whole message of the protocol, as the models pass them around.
#pragma once

#include <optional>
#include <string>

#include "protocol/bytes.h"

namespace weir::sim {

struct Message {
  char tag = 0;
  std::string body;
  bool operator==(const Message&) const = default;
};

// "Q[echo c1.2]", for traces.
std::string text_of(const Message& message);
// Takes one whole message off the front of `bytes`; nothing while it is not all there.
std::optional<Message> take_message(std::string& bytes);
void put_message(Buffer& out, const Message& message);

}  // namespace weir::sim
