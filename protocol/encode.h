// encode.h: writes whole messages at the end of a Buffer (manual: 54.7 Message Formats).
//
// A string field ends at its first NUL, so that no value can become two fields. A message of ours
// never reaches 2 GiB: that is checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/bytes.h"
#include "protocol/decode.h"
#include "protocol/result.h"

namespace weir::protocol {

inline constexpr std::uint32_t kProtocol3_0 = 3u << 16;

// --- To a client.

enum class Severity { fatal, error, warning, notice };

// ErrorResponse with the fields S V C M, and H when there is a hint.
void put_error(Buffer& out, Severity severity, const Fault& fault);
// The same, passing on all that a server said (fields S V C M D H); `fields.severity` is not used.
void put_server_error(Buffer& out, Severity severity, const ErrorFields& fields);
// NoticeResponse, same fields. `sqlstate` is mostly "00000".
void put_notice(Buffer& out, Severity severity, const Fault& notice);
void put_notice(Buffer& out, Severity severity, const ErrorFields& fields);

void put_authentication_ok(Buffer& out);
void put_authentication_cleartext(Buffer& out);
void put_authentication_md5(Buffer& out, std::span<const std::uint8_t, 4> salt);
void put_authentication_sasl(Buffer& out, std::span<const std::string_view> mechanisms);
void put_authentication_sasl_continue(Buffer& out, std::string_view data);
void put_authentication_sasl_final(Buffer& out, std::string_view data);

void put_parameter_status(Buffer& out, std::string_view name, std::string_view value);
// `key` is 4 bytes for protocol 3.0, 4 to 256 for 3.2.
void put_backend_key_data(Buffer& out, std::uint32_t pid, Bytes key);
void put_ready_for_query(Buffer& out, char status);  // 'I', 'T' or 'E'.
// Says protocol 3.`minor_newest` and which _pq_. options are not known here.
void put_negotiate_protocol_version(Buffer& out, std::uint32_t minor_newest,
                                    std::span<const std::string> unknown_options);

enum class ColumnType : std::uint32_t { int8 = 20, int4 = 23, text = 25, numeric = 1700 };  // OIDs.
struct Column {
  std::string_view name;
  ColumnType type = ColumnType::text;
};
void put_row_description(Buffer& out, std::span<const Column> columns);  // All in text format.
void put_data_row(Buffer& out, std::span<const std::optional<std::string_view>> values);
void put_command_complete(Buffer& out, std::string_view tag);  // "SHOW", "SELECT 3".
void put_empty_query_response(Buffer& out);

// --- To a server.

void put_startup(Buffer& out, std::uint32_t version,
                 std::span<const std::pair<std::string, std::string>> parameters);
void put_password(Buffer& out, std::string_view password);
void put_sasl_initial_response(Buffer& out, std::string_view mechanism, std::string_view data);
void put_sasl_response(Buffer& out, std::string_view data);
void put_query(Buffer& out, std::string_view sql);
void put_copy_fail(Buffer& out, std::string_view why);
// Parameter types are left to the server.
void put_parse(Buffer& out, std::string_view statement, std::string_view sql);
// Parameters and results in text format.
void put_bind(Buffer& out, std::string_view portal, std::string_view statement,
              std::span<const std::optional<std::string_view>> parameters);
void put_execute(Buffer& out, std::string_view portal, std::uint32_t rows_max = 0);
void put_sync(Buffer& out);
void put_terminate(Buffer& out);
void put_cancel_request(Buffer& out, std::uint32_t pid, Bytes key);
void put_ssl_request(Buffer& out);

}  // namespace weir::protocol
