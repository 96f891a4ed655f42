// page_test.cc: docs/DOCTOR.md has every code that a finding may bear, and no other.
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "unit/proxy/doctor/case.h"

namespace {

std::string read(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The first column of the table of codes.
std::set<std::string> codes_of_page() {
  std::set<std::string> all;
  std::stringstream page(read(WEIR_SOURCE_DIR "/docs/DOCTOR.md"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) all.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return all;
}

// Texts that are one lower-case word with an underscore.
std::set<std::string> words_of(const std::string& source) {
  std::set<std::string> all;
  for (auto from = source.find('"'); from != source.npos; from = source.find('"', from)) {
    const auto until = source.find('"', from + 1);
    const std::string text = source.substr(from + 1, until - from - 1);
    const bool word = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == text.npos;
    if (word && text.find('_') != text.npos) all.insert(text);
    from = until == source.npos ? until : until + 1;
  }
  return all;
}

bool judges(const std::string& file) { return file.starts_with("judge") || file == "plan.cc"; }

}  // namespace

TEST_CASE("docs/DOCTOR.md lists the codes of all findings") {
  const auto told = codes_of_page();
  CHECK(told.size() > 40);
  std::string sources;
  std::set<std::string> words;
  for (const auto& file : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/proxy/doctor")) {
    if (file.path().extension() != ".cc") continue;
    const std::string source = read(file.path());
    sources += source;
    if (judges(file.path().filename())) words.merge(words_of(source));
  }
  for (const std::string& code : told) {
    CAPTURE(code);
    CHECK(sources.find("\"" + code + "\"") != std::string::npos);
  }
  for (const char* other :
       {"pg_authid", "pg_shadow", "auth_file", "password_command", "password_file"}) {
    words.erase(other);
  }
  for (const std::string& code : words) {
    CAPTURE(code);
    CHECK(told.contains(code));
  }
}
