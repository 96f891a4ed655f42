#include "protocol/decode.h"

#include <algorithm>
#include <utility>

namespace weir::protocol {

namespace {

// Manual: 54.7, the first Int32 of the Authentication... messages.
constexpr std::uint32_t kAuthenticationOk = 0;
constexpr std::uint32_t kAuthenticationCleartextPassword = 3;
constexpr std::uint32_t kAuthenticationMd5Password = 5;
constexpr std::uint32_t kAuthenticationSasl = 10;
constexpr std::uint32_t kAuthenticationSaslContinue = 11;
constexpr std::uint32_t kAuthenticationSaslFinal = 12;

constexpr std::size_t kCancelKeyBytesMin = 4;
constexpr std::size_t kCancelKeyBytesMax = 256;

bool is_sqlstate(std::string_view code) {
  return code.size() == 5 && std::all_of(code.begin(), code.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

void set_once(std::string& field, std::string_view value) {
  if (field.empty()) field = value;
}

tl::unexpected<Fault> broken(const char* message) {
  return fail("08P01", std::string{"invalid "} + message + " message from server");
}

}  // namespace

std::optional<std::uint8_t> Reader::u8() {
  if (left_.empty()) return std::nullopt;
  const std::uint8_t value = left_[0];
  left_ = left_.subspan(1);
  return value;
}

std::optional<std::uint16_t> Reader::u16() {
  const auto bytes = take(2);
  if (!bytes) return std::nullopt;
  return load_u16(bytes->data());
}

std::optional<std::uint32_t> Reader::u32() {
  const auto bytes = take(4);
  if (!bytes) return std::nullopt;
  return load_u32(bytes->data());
}

std::optional<Bytes> Reader::take(std::size_t count) {
  if (count > left_.size()) return std::nullopt;
  const Bytes taken = left_.first(count);
  left_ = left_.subspan(count);
  return taken;
}

std::optional<std::string_view> Reader::cstring() {
  const auto text = as_text(left_);
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  left_ = left_.subspan(end + 1);
  return text.substr(0, end);
}

Bytes Reader::rest() { return std::exchange(left_, {}); }

ErrorFields parse_error(Bytes body) {
  ErrorFields fields;
  std::string untranslated;
  Reader reader(body);
  while (const auto code = reader.u8()) {
    if (*code == 0) break;
    const auto whole = reader.cstring();
    const std::string_view value = whole ? *whole : as_text(reader.rest());
    switch (static_cast<char>(*code)) {
      case 'S':
        set_once(fields.severity, value);
        break;
      case 'V':
        set_once(untranslated, value);
        break;
      case 'C':
        set_once(fields.sqlstate, value);
        break;
      case 'M':
        set_once(fields.message, value);
        break;
      case 'D':
        set_once(fields.detail, value);
        break;
      case 'H':
        set_once(fields.hint, value);
        break;
      default:
        break;
    }
  }
  if (!untranslated.empty()) fields.severity = std::move(untranslated);
  if (fields.severity.empty()) fields.severity = "ERROR";
  fields.has_sqlstate = is_sqlstate(fields.sqlstate);
  if (!fields.has_sqlstate) fields.sqlstate = "XX000";
  if (fields.message.empty()) fields.message = "server sent no error message";
  return fields;
}

Result<ParameterStatus> parse_parameter_status(Bytes body) {
  Reader reader(body);
  const auto name = reader.cstring();
  const auto value = reader.cstring();
  if (!name || name->empty() || !value || !reader.empty()) return broken("ParameterStatus");
  return ParameterStatus{std::string{*name}, std::string{*value}};
}

Result<BackendKeyData> parse_backend_key_data(Bytes body) {
  Reader reader(body);
  const auto pid = reader.u32();
  const Bytes key = reader.rest();
  if (!pid || key.size() < kCancelKeyBytesMin || key.size() > kCancelKeyBytesMax) {
    return broken("BackendKeyData");
  }
  return BackendKeyData{*pid, Buffer(key.begin(), key.end())};
}

Result<Authentication> parse_authentication(Bytes body) {
  using Kind = Authentication::Kind;
  Authentication parsed;
  Reader reader(body);
  const auto method = reader.u32();
  if (!method) return broken("Authentication");
  switch (*method) {
    case kAuthenticationOk:
      parsed.kind = Kind::ok;
      break;
    case kAuthenticationCleartextPassword:
      parsed.kind = Kind::cleartext;
      break;
    case kAuthenticationMd5Password: {
      parsed.kind = Kind::md5;
      const auto salt = reader.take(parsed.salt.size());
      if (!salt) return broken("AuthenticationMD5Password");
      std::copy(salt->begin(), salt->end(), parsed.salt.begin());
      break;
    }
    case kAuthenticationSasl: {
      parsed.kind = Kind::sasl;
      auto name = reader.cstring();
      for (; name && !name->empty(); name = reader.cstring()) parsed.mechanisms.emplace_back(*name);
      if (!name || parsed.mechanisms.empty()) return broken("AuthenticationSASL");
      break;
    }
    case kAuthenticationSaslContinue:
    case kAuthenticationSaslFinal:
      parsed.kind = *method == kAuthenticationSaslFinal ? Kind::sasl_final : Kind::sasl_continue;
      parsed.data = as_text(reader.rest());
      break;
    default:
      return fail("0A000", "server asks for authentication method " + std::to_string(*method) +
                               ", which is not supported");
  }
  if (!reader.empty()) return broken("Authentication");
  return parsed;
}

Result<NegotiateProtocolVersion> parse_negotiate_protocol_version(Bytes body) {
  NegotiateProtocolVersion parsed;
  Reader reader(body);
  const auto version = reader.u32();
  const auto count = reader.u32();
  if (!version || !count) return broken("NegotiateProtocolVersion");
  parsed.version = *version;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto name = reader.cstring();
    if (!name) return broken("NegotiateProtocolVersion");
    parsed.unknown_options.emplace_back(*name);
  }
  if (!reader.empty()) return broken("NegotiateProtocolVersion");
  return parsed;
}

std::optional<std::string_view> parse_password(Bytes body) {
  Reader reader(body);
  const auto password = reader.cstring();
  return reader.empty() ? password : std::nullopt;
}

std::optional<SaslInitialResponse> parse_sasl_initial_response(Bytes body) {
  Reader reader(body);
  const auto mechanism = reader.cstring();
  const auto announced = reader.u32();
  if (!mechanism || !announced) return std::nullopt;
  SaslInitialResponse response{*mechanism, std::nullopt};
  if (*announced != 0xffffffff) {
    const auto data = reader.take(*announced);
    if (!data) return std::nullopt;
    response.data = as_text(*data);
  }
  if (!reader.empty()) return std::nullopt;
  return response;
}

}  // namespace weir::protocol
