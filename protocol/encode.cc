#include "protocol/encode.h"

#include "protocol/check.h"

namespace weir::protocol {

namespace {

void put_u16(Buffer& out, std::size_t value) {
  WEIR_CHECK(value <= 0xffff);
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_u32(Buffer& out, std::uint32_t value) {
  out.resize(out.size() + 4);
  store_u32(out.data() + out.size() - 4, value);
}

void put_bytes(Buffer& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put_text(Buffer& out, std::string_view text) { put_bytes(out, as_bytes(text)); }

void put_cstring(Buffer& out, std::string_view text) {
  put_text(out, text.substr(0, text.find('\0')));
  out.push_back(0);
}

void put_value(Buffer& out, std::optional<std::string_view> value) {
  if (!value) return put_u32(out, 0xffffffff);
  WEIR_CHECK(value->size() <= 0x7fffffff);
  put_u32(out, static_cast<std::uint32_t>(value->size()));
  put_text(out, *value);
}

void put_field(Buffer& out, char code, std::string_view value) {
  out.push_back(static_cast<std::uint8_t>(code));
  put_cstring(out, value);
}

// A message from here to the end of the scope: writes its length when it is closed.
class Message {
 public:
  Message(Buffer& out, char tag) : out_(out) {
    out_.push_back(static_cast<std::uint8_t>(tag));
    open();
  }
  explicit Message(Buffer& out) : out_(out) { open(); }  // A startup packet: no tag.
  ~Message() {
    const std::size_t bytes = out_.size() - length_at_;
    WEIR_CHECK(bytes <= 0x7fffffff);
    store_u32(out_.data() + length_at_, static_cast<std::uint32_t>(bytes));
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

 private:
  void open() {
    length_at_ = out_.size();
    put_u32(out_, 0);
  }

  Buffer& out_;
  std::size_t length_at_ = 0;
};

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::fatal:
      return "FATAL";
    case Severity::error:
      return "ERROR";
    case Severity::warning:
      return "WARNING";
    case Severity::notice:
      return "NOTICE";
  }
  return "ERROR";
}

struct Fields {
  std::string_view sqlstate, message, detail, hint;
};

void put_fields(Buffer& out, char tag, Severity severity, const Fields& fields) {
  Message message(out, tag);
  put_field(out, 'S', name_of(severity));
  put_field(out, 'V', name_of(severity));
  put_field(out, 'C', fields.sqlstate);
  put_field(out, 'M', fields.message);
  if (!fields.detail.empty()) put_field(out, 'D', fields.detail);
  if (!fields.hint.empty()) put_field(out, 'H', fields.hint);
  out.push_back(0);
}

void put_authentication(Buffer& out, std::uint32_t method, Bytes body = {}) {
  Message message(out, 'R');
  put_u32(out, method);
  put_bytes(out, body);
}

int type_bytes(ColumnType type) {
  switch (type) {
    case ColumnType::int4:
      return 4;
    case ColumnType::int8:
      return 8;
    case ColumnType::text:
    case ColumnType::numeric:
      return -1;
  }
  return -1;
}

constexpr std::uint32_t kCancelRequestCode = 1234u << 16 | 5678;
constexpr std::uint32_t kSslRequestCode = 1234u << 16 | 5679;

}  // namespace

void put_error(Buffer& out, Severity severity, const Fault& fault) {
  put_fields(out, 'E', severity, {fault.sqlstate, fault.text, {}, fault.hint});
}

void put_server_error(Buffer& out, Severity severity, const ErrorFields& fields) {
  put_fields(out, 'E', severity, {fields.sqlstate, fields.message, fields.detail, fields.hint});
}

void put_notice(Buffer& out, Severity severity, const Fault& notice) {
  put_fields(out, 'N', severity, {notice.sqlstate, notice.text, {}, notice.hint});
}

void put_notice(Buffer& out, Severity severity, const ErrorFields& fields) {
  put_fields(out, 'N', severity, {fields.sqlstate, fields.message, fields.detail, fields.hint});
}

void put_authentication_ok(Buffer& out) { put_authentication(out, 0); }
void put_authentication_cleartext(Buffer& out) { put_authentication(out, 3); }
void put_authentication_md5(Buffer& out, std::span<const std::uint8_t, 4> salt) {
  put_authentication(out, 5, salt);
}

void put_authentication_sasl(Buffer& out, std::span<const std::string_view> mechanisms) {
  Message message(out, 'R');
  put_u32(out, 10);
  for (const std::string_view mechanism : mechanisms) put_cstring(out, mechanism);
  out.push_back(0);
}

void put_authentication_sasl_continue(Buffer& out, std::string_view data) {
  put_authentication(out, 11, as_bytes(data));
}
void put_authentication_sasl_final(Buffer& out, std::string_view data) {
  put_authentication(out, 12, as_bytes(data));
}

void put_parameter_status(Buffer& out, std::string_view name, std::string_view value) {
  Message message(out, 'S');
  put_cstring(out, name);
  put_cstring(out, value);
}

void put_backend_key_data(Buffer& out, std::uint32_t pid, Bytes key) {
  Message message(out, 'K');
  put_u32(out, pid);
  put_bytes(out, key);
}

void put_ready_for_query(Buffer& out, char status) {
  Message message(out, 'Z');
  out.push_back(static_cast<std::uint8_t>(status));
}

void put_negotiate_protocol_version(Buffer& out, std::uint32_t minor_newest,
                                    std::span<const std::string> unknown_options) {
  Message message(out, 'v');
  put_u32(out, kProtocol3_0 | minor_newest);  // The manual of 18: the whole version, not a minor.
  put_u32(out, static_cast<std::uint32_t>(unknown_options.size()));
  for (const std::string& option : unknown_options) put_cstring(out, option);
}

void put_row_description(Buffer& out, std::span<const Column> columns) {
  Message message(out, 'T');
  put_u16(out, columns.size());
  for (const Column& column : columns) {
    put_cstring(out, column.name);
    put_u32(out, 0);  // Of no table,
    put_u16(out, 0);  // hence no attribute number.
    put_u32(out, static_cast<std::uint32_t>(column.type));
    put_u16(out, static_cast<std::uint16_t>(type_bytes(column.type)));
    put_u32(out, 0xffffffff);  // No type modifier.
    put_u16(out, 0);           // Text format.
  }
}

void put_data_row(Buffer& out, std::span<const std::optional<std::string_view>> values) {
  Message message(out, 'D');
  put_u16(out, values.size());
  for (const auto& value : values) put_value(out, value);
}

void put_command_complete(Buffer& out, std::string_view tag) {
  Message message(out, 'C');
  put_cstring(out, tag);
}

void put_empty_query_response(Buffer& out) { Message message(out, 'I'); }

void put_startup(Buffer& out, std::uint32_t version,
                 std::span<const std::pair<std::string, std::string>> parameters) {
  Message message(out);
  put_u32(out, version);
  for (const auto& [name, value] : parameters) {
    put_cstring(out, name);
    put_cstring(out, value);
  }
  out.push_back(0);
}

void put_password(Buffer& out, std::string_view password) {
  Message message(out, 'p');
  put_cstring(out, password);
}

void put_sasl_initial_response(Buffer& out, std::string_view mechanism, std::string_view data) {
  Message message(out, 'p');
  put_cstring(out, mechanism);
  put_value(out, data);
}

void put_sasl_response(Buffer& out, std::string_view data) {
  Message message(out, 'p');
  put_text(out, data);
}

void put_query(Buffer& out, std::string_view sql) {
  Message message(out, 'Q');
  put_cstring(out, sql);
}

void put_copy_fail(Buffer& out, std::string_view why) {
  Message message(out, 'f');
  put_cstring(out, why);
}

void put_parse(Buffer& out, std::string_view statement, std::string_view sql) {
  Message message(out, 'P');
  put_cstring(out, statement);
  put_cstring(out, sql);
  put_u16(out, 0);
}

void put_bind(Buffer& out, std::string_view portal, std::string_view statement,
              std::span<const std::optional<std::string_view>> parameters) {
  Message message(out, 'B');
  put_cstring(out, portal);
  put_cstring(out, statement);
  put_u16(out, 0);  // Every parameter in text format.
  put_u16(out, parameters.size());
  for (const auto& parameter : parameters) put_value(out, parameter);
  put_u16(out, 0);  // Every result column in text format.
}

void put_execute(Buffer& out, std::string_view portal, std::uint32_t rows_max) {
  Message message(out, 'E');
  put_cstring(out, portal);
  put_u32(out, rows_max);
}

void put_sync(Buffer& out) { Message message(out, 'S'); }
void put_terminate(Buffer& out) { Message message(out, 'X'); }

void put_cancel_request(Buffer& out, std::uint32_t pid, Bytes key) {
  Message message(out);
  put_u32(out, kCancelRequestCode);
  put_u32(out, pid);
  put_bytes(out, key);
}

void put_ssl_request(Buffer& out) {
  Message message(out);
  put_u32(out, kSslRequestCode);
}

}  // namespace weir::protocol
