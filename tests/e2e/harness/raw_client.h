// raw_client.h: a client that says exactly the bytes a test wants, logged in by trust or not.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/harness/wire.h"

namespace weir::e2e {

// How a connection came to its end, seen from the client.
struct Farewell {
  bool closed = false;   // By the other side, before the deadline.
  std::string severity;  // Of the last ErrorResponse; empty: there was none.
  std::string sqlstate;
  std::string text;
  std::string hint;
};

class RawClient : public Wire {
 public:
  explicit RawClient(int port) : Wire(connect_to(port)) {}
  explicit RawClient(const std::string& unix_path) : Wire(connect_to(unix_path)) {}
  explicit RawClient(Wire wire) : Wire(std::move(wire)) {}

  // An SSLRequest and its answer: 'S' or 'N'; 'E' begins an error message; 0: none came.
  char ask_for_tls();
  // The same, and the handshake.
  bool start_tls(const SealTerms& terms = {});
  // Startup up to ReadyForQuery; false when anything else came.
  bool login(const std::string& user = "alice", const std::string& database = "shop",
             const Parameters& more = {}, std::uint32_t version = kProtocol30);
  // A Query and everything up to its ReadyForQuery.
  std::optional<std::vector<Message>> ask(std::string_view sql);
  // The first column of the first row of a Query; "<nothing>" without one.
  std::string value(std::string_view sql);
  Farewell farewell(Deadline deadline = Deadline::generous());

  const std::string& key() const { return key_; }  // Of BackendKeyData: process id and secret.
  const Parameters& parameters() const { return parameters_; }

 private:
  std::string key_;
  Parameters parameters_;
};

// A CancelRequest on a connection of its own; returns when the other side has closed it.
void cancel(int port, std::string_view key);
// SQLSTATE of the ErrorResponse among these; empty without one.
std::string sqlstate_in(const std::vector<Message>& messages);
// The tags in order, as in "1 2 C Z" but without blanks.
std::string tags_of(const std::vector<Message>& messages);

}  // namespace weir::e2e
