// message.h: what each message means to a relay, one table a direction (manual: Message Formats).
//
// What stands in no table is no message: the stream that carries it is lost.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "protocol/ledger.h"

namespace weir::protocol {

// What happens to a client's message while the client has no server.
enum class Unlinked : std::uint8_t {
  waits,      // It needs a server.
  read_past,  // Nothing is there that it could change.
  leaves,     // The client goes.
};

// The longest bodies that PostgreSQL takes of a client (PQ_LARGE_MESSAGE_LIMIT and
// PQ_SMALL_MESSAGE_LIMIT, which count the length word).
inline constexpr std::uint32_t kLongBodyMax = 0x3fff'fffe - 4;
inline constexpr std::uint32_t kShortBodyMax = 10'000 - 4;

struct ClientMessage {
  char tag;
  std::string_view name;
  std::uint32_t body_max;       // A longer body is a lie: the client goes.
  std::optional<Request> owes;  // What it notes in the ledger.
  Unlinked unlinked;
  // Fails by itself; others fail together with all up to the next Sync.
  bool stands_alone = false;
};

inline constexpr std::array kClientMessages{
    ClientMessage{'Q', "Query", kLongBodyMax, Request::query, Unlinked::waits, true},
    ClientMessage{'P', "Parse", kLongBodyMax, Request::parse, Unlinked::waits},
    ClientMessage{'B', "Bind", kLongBodyMax, Request::bind, Unlinked::waits},
    ClientMessage{'D', "Describe", kShortBodyMax, Request::describe, Unlinked::waits},
    ClientMessage{'E', "Execute", kShortBodyMax, Request::execute, Unlinked::waits},
    ClientMessage{'C', "Close", kShortBodyMax, Request::close, Unlinked::waits},
    ClientMessage{'F', "FunctionCall", kLongBodyMax, Request::function_call, Unlinked::waits, true},
    // Closes nothing when no server is held: ReadyForQuery is ours to say.
    ClientMessage{'S', "Sync", kShortBodyMax, Request::sync, Unlinked::read_past},
    ClientMessage{'H', "Flush", kShortBodyMax, std::nullopt, Unlinked::read_past},
    // Without a server these are the end of a COPY that has failed already.
    ClientMessage{'d', "CopyData", kLongBodyMax, std::nullopt, Unlinked::read_past},
    ClientMessage{'c', "CopyDone", kShortBodyMax, Request::copy_end, Unlinked::read_past},
    ClientMessage{'f', "CopyFail", kShortBodyMax, Request::copy_end, Unlinked::read_past},
    ClientMessage{'X', "Terminate", kShortBodyMax, std::nullopt, Unlinked::leaves},
};

inline constexpr std::uint32_t kPasses = 0;  // Never collected: the body streams by.
// PostgreSQL builds a body in one allocation: MaxAllocSize.
inline constexpr std::uint32_t kAnyLength = 0x3fff'ffff;
inline constexpr std::uint32_t kColumnsMax = 65'535;  // A count of columns is 16 bits wide.

struct ServerMessage {
  char tag;
  std::string_view name;
  // A longer body is a lie: the server is in doubt.
  std::uint32_t body_max;
  // Understood up to this many body bytes; what comes behind them passes unread.
  std::uint32_t collected_max = kPasses;
};

inline constexpr std::array kServerMessages{
    ServerMessage{'D', "DataRow", kAnyLength},
    ServerMessage{'C', "CommandComplete", 8 * 1024},
    ServerMessage{'Z', "ReadyForQuery", 1, 1},
    ServerMessage{'T', "RowDescription", 64 * 1024 * 1024},
    ServerMessage{'1', "ParseComplete", 0},
    ServerMessage{'2', "BindComplete", 0},
    ServerMessage{'3', "CloseComplete", 0},
    ServerMessage{'n', "NoData", 0},
    ServerMessage{'t', "ParameterDescription", 2 + 4 * kColumnsMax},
    ServerMessage{'s', "PortalSuspended", 0},
    ServerMessage{'I', "EmptyQueryResponse", 0},
    ServerMessage{'E', "ErrorResponse", kAnyLength, 16 * 1024},
    ServerMessage{'N', "NoticeResponse", kAnyLength},
    ServerMessage{'S', "ParameterStatus", 16 * 1024, 16 * 1024},
    ServerMessage{'A', "NotificationResponse", 64 * 1024},
    ServerMessage{'G', "CopyInResponse", 3 + 2 * kColumnsMax},
    ServerMessage{'H', "CopyOutResponse", 3 + 2 * kColumnsMax},
    ServerMessage{'d', "CopyData", kAnyLength},
    ServerMessage{'c', "CopyDone", 0},
    ServerMessage{'V', "FunctionCallResponse", kAnyLength},
};

namespace message_detail {

inline constexpr std::uint8_t kNone = std::numeric_limits<std::uint8_t>::max();

template <typename Table>
consteval std::array<std::uint8_t, 256> index_by_tag(const Table& table) {
  std::array<std::uint8_t, 256> index{};
  index.fill(kNone);
  for (std::size_t i = 0; i < table.size(); ++i) {
    auto& slot = index[static_cast<unsigned char>(table[i].tag)];
    if (slot != kNone) throw "a tag stands twice";
    slot = static_cast<std::uint8_t>(i);
  }
  return index;
}

inline constexpr auto kClientIndex = index_by_tag(kClientMessages);
inline constexpr auto kServerIndex = index_by_tag(kServerMessages);

}  // namespace message_detail

// nullptr: forbidden, or unknown.
constexpr const ClientMessage* client_message(char tag) {
  const auto at = message_detail::kClientIndex[static_cast<unsigned char>(tag)];
  return at == message_detail::kNone ? nullptr : &kClientMessages[at];
}
constexpr const ServerMessage* server_message(char tag) {
  const auto at = message_detail::kServerIndex[static_cast<unsigned char>(tag)];
  return at == message_detail::kNone ? nullptr : &kServerMessages[at];
}

}  // namespace weir::protocol
