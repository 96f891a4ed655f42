// userlist_fuzz.cc: the users that were read, written out again and read again, are the same; a
// fault is one line that begins with file and line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/check.h"
#include "proxy/config/userlist.h"

using namespace weir::proxy::config;

namespace {

std::string in_quotes(std::string_view word) {
  std::string out = "\"";
  for (const char c : word) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto secrets =
      parse_userlist("u.txt", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!secrets) {
    WEIR_CHECK(secrets.error().text.starts_with("u.txt:"));
    WEIR_CHECK(secrets.error().text.find('\n') == std::string::npos);
    return 0;
  }
  std::string text;
  for (const auto& [user, secret] : *secrets) {
    WEIR_CHECK(!user.empty() && user.size() <= kUserNameMax && secret.size() <= kSecretMax);
    text += in_quotes(user) + " " + in_quotes(secret) + "\n";
  }
  WEIR_CHECK(parse_userlist("u.txt", text) == *secrets);
  return 0;
}
