// connstring_fuzz.cc: words that were read, quoted and read again, are the same; and whatever
// follows a password, in words or in a URI, and wherever a variable puts one, no sentence and no
// warning shows that password.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/check.h"
#include "proxy/config/connstring.h"
#include "proxy/config/entries.h"
#include "proxy/config/libpq.h"

using namespace weir::proxy::config;

namespace {

constexpr std::string_view kPassword = "hunter2";

void check_words(std::string_view text) {
  const auto words = split_words(text);
  if (!words) return;
  std::string quoted_words;
  for (const Word& word : *words) {
    if (word.key.empty()) {
      quoted_words += word.value + " ";
      continue;
    }
    quoted_words += word.key + "='";
    for (const char c : word.value) quoted_words.append(c == '\'' ? 2 : 1, c);
    quoted_words += "' ";
  }
  WEIR_CHECK(split_words(quoted_words) == *words);
}

void check_secrecy(const std::string& line) {
  static const Environment kSecret{{"S", std::string(kPassword)}};
  Remarks remarks;
  const auto words = read_words(line, kSecret);
  const auto database =
      words ? read_database("d", *words, remarks) : Said<Database>(tl::unexpected(words.error()));
  if (!database) WEIR_CHECK(database.error().find(kPassword) == std::string::npos);
  for (const std::string& warning : remarks.warnings) {
    WEIR_CHECK(warning.find(kPassword) == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Libpq held;  // Else each input loads it anew.
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find('\0') != text.npos) return 0;  // ini.cc lets none through.
  check_words(text);
  if (text.find(kPassword.substr(1)) != text.npos) return 0;
  const std::string password(kPassword);
  check_secrecy(text);
  check_secrecy("password=" + password + text);
  check_secrecy("password='" + password + "'" + text);
  check_secrecy("postgresql://user:" + password + text + "@host/database");
  check_secrecy("postgresql://user:" + password + "@" + text);
  return 0;
}
