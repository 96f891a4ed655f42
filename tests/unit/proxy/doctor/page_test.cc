// page_test.cc: docs/DOCTOR.md has every code that a finding may bear, and no other.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "unit/proxy/doctor/case.h"

namespace {

std::string read(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::set<std::string> found_in(const std::string& text, const std::string& pattern) {
  std::set<std::string> all;
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    all.insert((*at)[1]);
  }
  return all;
}

}  // namespace

TEST_CASE("docs/DOCTOR.md lists the codes of all findings") {
  const auto page = read(WEIR_SOURCE_DIR "/docs/DOCTOR.md");
  const auto told = found_in(page, "\n\\| `([a-z0-9_]+)` \\|");
  CHECK(told.size() > 40);
  std::string sources;
  for (const auto& file : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/proxy/doctor")) {
    if (file.path().extension() == ".cc") sources += read(file.path());
  }
  for (const std::string& code : told) {
    CAPTURE(code);
    CHECK(sources.find("\"" + code + "\"") != std::string::npos);
  }
  // A word of its own that follows a level or a visit is a code.
  for (const std::string& code : found_in(
           sources, "(?:Level::\\w+|visit|database|\\?|:|say\\()[,\\s]+\"([a-z]+_[a-z0-9_]+)\"")) {
    CAPTURE(code);
    CHECK(told.contains(code));
  }
}
