// expand_fuzz.cc: any text whose `${` are written `$${` comes out as it was; a value that is put in
// comes out whole, whatever it holds; no sentence has a value; and a URI with one in it has no
// character of it that could end a part.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/check.h"
#include "proxy/config/expand.h"

using namespace weir::proxy::config;

namespace {

constexpr std::string_view kSecret = "hunter2";

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "${") out += '$';
    out += text[i];
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  WEIR_CHECK(expand(escaped(text), {}) == text);
  if (!has_variable(text)) WEIR_CHECK(expand(text, {}) == text);

  const Environment some{{"X", text}, {"S", std::string(kSecret)}};
  WEIR_CHECK(expand("<${X}>", some) == "<" + text + ">");
  const auto encoded = expand("${X}", some, &percent_encoded);
  WEIR_CHECK(encoded.has_value());
  WEIR_CHECK(encoded->find_first_of("/@:?#&=' \t\n") == std::string::npos);

  const auto whole = expand(text, some);
  if (!whole && text.find(kSecret) == std::string::npos) {
    WEIR_CHECK(whole.error().find(kSecret) == std::string::npos);
  }
  return 0;
}
