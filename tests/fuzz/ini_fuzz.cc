// ini_fuzz.cc: what was read, written out again and read again, is the same; every complaint is one
// line that begins with the file's name; and a load of the same bytes ends in a Config or in such a
// line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/check.h"
#include "proxy/config/ini.h"
#include "proxy/config/libpq.h"
#include "proxy/config/load.h"

using namespace weir::proxy::config;

namespace {

std::string in_quotes(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

// Every section stands where it stood, so that one without keys is not lost.
std::string written(const Ini& ini) {
  std::string out;
  std::size_t entry = 0;
  for (std::size_t i = 0; i < ini.sections.size(); ++i) {
    out += "[" + ini.sections[i].name + "]\n";
    const bool last = i + 1 == ini.sections.size();
    const int end = last ? INT32_MAX : ini.sections[i + 1].place.line;
    for (; entry < ini.entries.size() && ini.entries[entry].place.line < end; ++entry) {
      out += in_quotes(ini.entries[entry].name) + " = " + ini.entries[entry].value + "\n";
    }
  }
  return out;
}

void check_same(const Ini& a, const Ini& b) {
  WEIR_CHECK(a.sections.size() == b.sections.size());
  WEIR_CHECK(a.entries.size() == b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    WEIR_CHECK(a.entries[i].section == b.entries[i].section);
    WEIR_CHECK(a.entries[i].name == b.entries[i].name);
    WEIR_CHECK(a.entries[i].value == b.entries[i].value);
  }
}

void check_sentence(const std::string& sentence) {
  WEIR_CHECK(sentence.starts_with("fuzz.ini:"));
  WEIR_CHECK(sentence.find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Libpq held;  // Else each input loads it anew.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Other files are not the fuzzer's to open.
  for (const char* names_one : {"%include", "auth_file", "password_file"}) {
    if (text.find(names_one) != text.npos) return 0;
  }
  const Ini ini = parse_ini("fuzz.ini", text, {});
  for (const std::string& sentence : ini.complaints.first) check_sentence(sentence);
  WEIR_CHECK(ini.complaints.first.size() <= kComplaintsMax);
  if (ini.complaints.empty()) {
    const Ini again = parse_ini("fuzz.ini", written(ini), {});
    WEIR_CHECK(again.complaints.empty());
    check_same(ini, again);
  }
  const auto config = load_text("fuzz.ini", text);
  if (!config) check_sentence(config.error().text);
  return 0;
}
