// Property: every reader of a body is total, and what it accepts comes back the same when it is
// written as a message and read again.
#include <string>

#include "protocol/crypto.h"
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/saslprep.h"
#include "protocol/scram.h"
#include "protocol/secret.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

constexpr std::size_t kHeader = 5;

void errors(Bytes body) {
  const ErrorFields fields = parse_error(body);
  WEIR_CHECK(fields.sqlstate.size() == 5 && !fields.message.empty() && !fields.severity.empty());
  WEIR_CHECK(std::string_view{known_sqlstate(fields.sqlstate)}.size() == 5);
  Buffer out;
  put_server_error(out, Severity::fatal, fields);
  const ErrorFields again = parse_error(Bytes{out}.subspan(kHeader));
  WEIR_CHECK(again.severity == "FATAL" && again.sqlstate == fields.sqlstate);
  const auto visible = [](const std::string& text) { return text.substr(0, text.find('\0')); };
  WEIR_CHECK(again.message == visible(fields.message));
  WEIR_CHECK(again.detail == visible(fields.detail) && again.hint == visible(fields.hint));
}

void welcome(Bytes body) {
  Buffer out;
  if (const auto status = parse_parameter_status(body)) {
    put_parameter_status(out, status->name, status->value);
    WEIR_CHECK(std::equal(body.begin(), body.end(), out.begin() + kHeader, out.end()));
  }
  out.clear();
  if (const auto key = parse_backend_key_data(body)) {
    put_backend_key_data(out, key->pid, key->key);
    WEIR_CHECK(std::equal(body.begin(), body.end(), out.begin() + kHeader, out.end()));
  }
  if (const auto negotiate = parse_negotiate_protocol_version(body)) {
    WEIR_CHECK(negotiate->unknown_options.size() <= body.size());
  }
}

void authentication(Bytes body) {
  using Kind = Authentication::Kind;
  const auto parsed = parse_authentication(body);
  if (parsed) {
    WEIR_CHECK((parsed->kind == Kind::sasl) == !parsed->mechanisms.empty());
    WEIR_CHECK(parsed->data.size() <= body.size());
  }
  if (const auto password = parse_password(body)) WEIR_CHECK(password->size() + 1 == body.size());
  if (const auto response = parse_sasl_initial_response(body); response && response->data) {
    Buffer out;
    put_sasl_initial_response(out, response->mechanism, *response->data);
    WEIR_CHECK(std::equal(body.begin(), body.end(), out.begin() + kHeader, out.end()));
  }
}

void secrets(Bytes body) {
  const std::string_view text = as_text(body);
  if (const auto bytes = base64_decode(text)) WEIR_CHECK(base64_encode(*bytes) == text);
  WEIR_CHECK(base64_decode(base64_encode(body)) == Buffer(body.begin(), body.end()));
  if (const auto secret = ScramSecret::parse(text)) {
    WEIR_CHECK(secret_kind(text) == SecretKind::scram);
    WEIR_CHECK(ScramSecret::parse(secret->text())->stored_key == secret->stored_key);
  }
  WEIR_CHECK(text.empty() == saslprep(text).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes body{data, size};
  errors(body);
  welcome(body);
  authentication(body);
  secrets(body);
  return 0;
}
