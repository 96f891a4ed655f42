// server_login.h: logs in to a PostgreSQL server, from StartupMessage to the first ReadyForQuery.
//
// The server is not trusted: each message has its place, its maximum and its count, a SCRAM server
// must prove that it knows the password too, and whatever else comes fails the login for good.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/channel_binding.h"
#include "protocol/decode.h"
#include "protocol/machine.h"
#include "protocol/result.h"
#include "protocol/scram.h"

namespace weir::protocol {

// The largest body of one message before the server has welcomed us. The caller's collector cuts
// here, before anything is kept; on_message() checks again.
inline constexpr std::uint32_t kLoginMessageBytesMax = 65'536;
inline constexpr std::size_t kLoginNoticesMax = 256;
inline constexpr std::size_t kLoginParametersMax = 256;
inline constexpr std::size_t kLoginParameterBytesMax = 65'536;  // Names and values in all.

class ServerLogin {
 public:
  enum class Step { more, welcomed, failed };

  struct Request {
    std::string user = {};
    std::string database = {};
    std::vector<std::pair<std::string, std::string>> parameters =
        {};  // Further startup parameters.
    // The password, or its md5 form, which answers md5 only. A SCRAM secret cannot log in.
    std::optional<std::string> secret = {};
    // Without a plain password: what a client proved by SCRAM, for a server with the same secret.
    std::optional<ScramKeys> keys = {};
    // tls-server-end-point of the connection. Empty: it has none.
    Buffer end_point = {};
    ChannelBinding channel_binding = ChannelBinding::prefer;
  };

  ServerLogin(Request request, const ScramNonce& nonce);
  ~ServerLogin();
  ServerLogin(const ServerLogin&) = delete;
  ServerLogin& operator=(const ServerLogin&) = delete;

  // StartupMessage, protocol 3.0. Once, first.
  void start(Buffer& out);

  // One whole message of the server; what must be answered is added to `out`. After `welcomed`
  // or `failed` every further message is `failed`.
  Step on_message(char tag, Bytes body, Buffer& out);

  // REQUIRES: failed. The server's own SQLSTATE and text when it sent an ErrorResponse; 08P01 for
  // a message out of place; 28P01 when we lack the password it wants, 28000 when it would log us
  // in without the channel binding that is required.
  const Fault& fault() const { return fault_; }
  // The ErrorResponse whole, with DETAIL and a SQLSTATE that is not one of PostgreSQL's own.
  const std::optional<ErrorFields>& server_error() const { return server_error_; }
  // The server itself refused, and would refuse again: pass it on to the clients that wait. Not
  // so for 57P03 (starting up), 57P01/57P02 (shutting down) and class 53 (no room): try again.
  bool certain() const;

  // Filled as they arrive; whole once welcomed. A repeated name replaces its value.
  const std::vector<std::pair<std::string, std::string>>& parameters() const { return settings_; }
  std::uint32_t pid() const { return key_.pid; }         // 0 when the server sent no key.
  const Buffer& cancel_key() const { return key_.key; }  // Then empty.

  enum class State {
    fresh,
    asked,
    answered,
    scram_first,
    scram_last,
    scram_done,
    greeting,
    welcomed,
    failed
  };
  enum class Event {
    begin,
    ok,
    cleartext,
    md5,
    sasl,
    sasl_continue,
    sasl_final,
    negotiate,
    parameter,
    key,
    ready,
    error
  };

 private:
  bool advance(Event event);
  Step refuse(Fault fault);
  Step refuse_unexpected(char tag);
  Step on_authentication(Bytes body, Buffer& out);
  Step on_cleartext(Buffer& out);
  Step on_md5(Bytes salt, Buffer& out);
  Step on_sasl(const std::vector<std::string>& mechanisms, Buffer& out);
  Step on_parameter(Bytes body);
  Step on_key(Bytes body);
  Step on_negotiate(Bytes body);
  Step on_ready(Bytes body);
  Step on_error(Bytes body);
  Step on_notice();
  Step no_password(std::string_view method);
  std::string hint_for_hash(std::string_view method) const;
  std::string why_unbound(const Authentication& authentication) const;

  Request request_;
  ScramNonce nonce_;
  State state_ = State::fresh;
  std::optional<ScramClient> scram_;
  std::size_t notices_count_ = 0;
  std::size_t settings_bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> settings_;
  BackendKeyData key_;
  Fault fault_{};
  std::optional<ErrorFields> server_error_;
};

}  // namespace weir::protocol
