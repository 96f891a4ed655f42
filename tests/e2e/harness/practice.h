// practice.h: the doctor, asked about settings of a test, with its answer as JSON. All that it
// prints is looked through for secrets, each time.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/harness/pgweir.h"

namespace weir::e2e {

inline const std::string kWrongPassword = "not-the-right-one";
inline const std::string kSecrets[] = {kRolePassword, kWrongPassword, "SCRAM-SHA-256$"};

inline bool has_md5_hash(std::string_view text) {
  for (auto at = text.find("md5"); at != text.npos; at = text.find("md5", at + 1)) {
    const auto end = text.find_first_not_of("0123456789abcdef", at + 3);
    if (end != text.npos && end - at - 3 >= 32) return true;
  }
  return false;
}

struct Findings {
  std::optional<Ending> ending;
  nlohmann::json whole;

  const nlohmann::json* find(const std::string& code) const {
    for (const auto& finding : whole["findings"]) {
      if (finding["code"] == code) return &finding;
    }
    return nullptr;
  }
  bool has(const std::string& code) const { return find(code) != nullptr; }
  std::string sentence(const std::string& code) const { return text(code, "sentence"); }
  std::string cure(const std::string& code) const { return text(code, "cure"); }

 private:
  std::string text(const std::string& code, const char* field) const {
    const auto* finding = find(code);
    REQUIRE_MESSAGE(finding != nullptr, code << " is not in " << whole.dump(2));
    return (*finding)[field].is_null() ? "" : (*finding)[field].get<std::string>();
  }
};

// Settings of a file, and what the doctor says of them.
struct Practice {
  Scratch scratch;
  std::vector<std::string> databases = {};
  std::vector<std::string> lines = {};
  std::string userlist = {};
  std::vector<std::string> environment = {};

  std::string write() const {
    std::string text = "[databases]\n";
    for (const std::string& line : databases) text += line + "\n";
    text +=
        "[pgweir]\nlisten_addr = 127.0.0.1\nlisten_port = 0\nunix_socket_dir =\n"
        "auth_type = scram-sha-256\n";
    if (!userlist.empty()) text += "auth_file = " + scratch.file("userlist.txt") + "\n";
    for (const std::string& line : lines) text += line + "\n";
    write_file(scratch.file("userlist.txt"), userlist);
    write_file(scratch.file("pgweir.ini"), text);
    std::filesystem::permissions(scratch.file("userlist.txt"), std::filesystem::perms{0600});
    return scratch.file("pgweir.ini");
  }
  Run run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "doctor");
    arguments.push_back(write());
    const Run run = run_program(scratch, arguments, environment);
    CAPTURE(run.output);
    for (const std::string& secret : kSecrets) {
      CHECK(run.output.find(secret) == std::string::npos);
    }
    CHECK_FALSE(has_md5_hash(run.output));
    return run;
  }
  Findings ask() const {
    const Run done = run({"--json"});
    const auto parsed = nlohmann::json::parse(done.output, nullptr, false);
    REQUIRE_MESSAGE(parsed.is_object(), done.output);
    return {done.ending, parsed};
  }
};

}  // namespace weir::e2e
