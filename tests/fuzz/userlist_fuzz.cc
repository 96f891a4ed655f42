// userlist_fuzz.cc: the users that were read, written out again and read again, are the same, and
// so is a file that holds one user's secrets; a fault is one line that begins with file and line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/check.h"
#include "proxy/config/userlist.h"

using namespace weir::proxy::config;

namespace {

std::string in_quotes(std::string_view word) {
  std::string out = "\"";
  for (const char c : word) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

void check_fault(std::string_view text) {
  WEIR_CHECK(text.starts_with("u.txt:"));
  WEIR_CHECK(text.find('\n') == std::string::npos);
}

void check_bounds(const std::vector<std::string>& valid) {
  WEIR_CHECK(valid.size() == 1 || valid.size() == 2);
  for (const std::string& secret : valid) WEIR_CHECK(secret.size() <= kSecretMax);
  WEIR_CHECK(valid.size() == 1 || (!valid[1].empty() && valid[0] != valid[1]));
}

void check_userlist(std::string_view from) {
  const auto secrets = parse_userlist("u.txt", from);
  if (!secrets) return check_fault(secrets.error().text);
  std::string text;
  for (const auto& [user, valid] : *secrets) {
    WEIR_CHECK(!user.empty() && user.size() <= kUserNameMax);
    check_bounds(valid);
    text += in_quotes(user);
    for (const std::string& secret : valid) text += " " + in_quotes(secret);
    text += "\n";
  }
  WEIR_CHECK(parse_userlist("u.txt", text) == *secrets);
}

void check_secret_file(std::string_view from) {
  const auto secrets = parse_secret_file("u.txt", "anna", from);
  if (!secrets) return check_fault(secrets.error().text);
  const auto& valid = secrets->at("anna");
  check_bounds(valid);
  WEIR_CHECK(!valid[0].empty());
  std::string text;
  for (const std::string& secret : valid) text += secret + "\r\n";
  WEIR_CHECK(parse_secret_file("u.txt", "anna", "\xef\xbb\xbf" + text) == *secrets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_userlist(text);
  check_secret_file(text);
  return 0;
}
