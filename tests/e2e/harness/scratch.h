// scratch.h: a temporary directory that is gone at the end, also when the test is killed: a
// caretaker process waits on a pipe for our end and removes what is left.
#pragma once

#include <string>
#include <string_view>

namespace weir::e2e {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
  int caretaker_pipe_ = -1;
  int caretaker_pid_ = -1;
};

void write_file(const std::string& path, std::string_view text);
std::string read_file(const std::string& path);

}  // namespace weir::e2e
