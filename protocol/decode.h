// decode.h: bounded readers for the bodies of the messages that pgweir must understand.
//
// They borrow the body during the call and return owned values. No length or count in a body is
// trusted: a Reader never looks beyond the bytes it was given.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace weir::protocol {

// Takes fields off the front of a body. A field that is not wholly there is `nullopt` and takes
// nothing.
class Reader {
 public:
  explicit Reader(Bytes body) : left_(body) {}

  std::optional<std::uint8_t> u8();
  std::optional<std::uint16_t> u16();
  std::optional<std::uint32_t> u32();
  std::optional<Bytes> take(std::size_t count);
  std::optional<std::string_view> cstring();  // Without its terminator.
  Bytes rest();                               // All that is left.

  bool empty() const { return left_.empty(); }
  std::size_t left_bytes() const { return left_.size(); }

 private:
  Bytes left_;
};

// ErrorResponse and NoticeResponse (manual: 54.8 Error and Notice Message Fields).
struct ErrorFields {
  std::string severity;       // V where sent (never translated), else S, else "ERROR".
  std::string sqlstate;       // C; "XX000" when missing or not five of [0-9A-Z].
  std::string message;        // M; "server sent no error message" when missing.
  std::string detail;         // D, may be empty.
  std::string hint;           // H, may be empty.
  bool has_sqlstate = false;  // C was there, as it must be.
};
// Total: missing fields, a missing terminator, a field without end (taken to the end of the body)
// are tolerated, unknown fields skipped; of a repeated field the first counts.
ErrorFields parse_error(Bytes body);

struct ParameterStatus {
  std::string name;
  std::string value;
};
Result<ParameterStatus> parse_parameter_status(Bytes body);

struct BackendKeyData {
  std::uint32_t pid = 0;
  Buffer key;  // 4 to 256 bytes.
};
Result<BackendKeyData> parse_backend_key_data(Bytes body);

struct Authentication {
  enum class Kind { ok, cleartext, md5, sasl, sasl_continue, sasl_final };
  Kind kind = Kind::ok;
  std::array<std::uint8_t, 4> salt{};   // md5.
  std::vector<std::string> mechanisms;  // sasl: at least one.
  std::string data;                     // sasl_continue, sasl_final.
};
// Kerberos, GSSAPI, SSPI and unknown methods are 0A000; a body that lies is 08P01.
Result<Authentication> parse_authentication(Bytes body);

struct NegotiateProtocolVersion {
  std::uint32_t version = 0;  // As sent: major in the upper half, or a bare minor.
  std::vector<std::string> unknown_options;
};
Result<NegotiateProtocolVersion> parse_negotiate_protocol_version(Bytes body);

// The 'p' message of a client: the meaning depends on what it was asked for.
// PasswordMessage: one string that ends with the body; not a second one hidden behind it.
std::optional<std::string_view> parse_password(Bytes body);
struct SaslInitialResponse {
  std::string_view mechanism;            // Borrowed from the body.
  std::optional<std::string_view> data;  // Nothing: the client waits for an empty challenge.
};
std::optional<SaslInitialResponse> parse_sasl_initial_response(Bytes body);

// A copy of `code` with static storage, as Fault wants it, when it is one of PostgreSQL's own
// (manual: Appendix A); else "XX000".
const char* known_sqlstate(std::string_view code);

}  // namespace weir::protocol
