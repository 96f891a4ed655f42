// finding.h: one thing that the doctor has to say. The text is for people; `code` is for programs
// and stays what it is from version to version.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::proxy::doctor {

enum class Level : std::uint8_t { ok, warning, error };

struct Finding {
  Level level = Level::ok;
  const char* code = "";
  std::string database = {};  // Its name in [databases]; empty: it is about pgweir itself.
  std::string sentence = {};  // No secret in it, nor in the cure.
  std::string cure = {};      // What to do; lines; empty: nothing.

  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

// Level::ok where there is nothing.
Level worst(const Findings& findings);

const char* name_of(Level level);

}  // namespace weir::proxy::doctor
