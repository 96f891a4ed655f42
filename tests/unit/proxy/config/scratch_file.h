// scratch_file.h: a file in the temporary directory for as long as a test needs it.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

class ScratchFile {
 public:
  explicit ScratchFile(std::string_view text)
      : path_(std::filesystem::temp_directory_path() / "weir_config_XXXXXX") {
    ::close(::mkstemp(path_.data()));
    write(text);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { std::remove(path_.c_str()); }

  void write(std::string_view text) const {
    std::FILE* file = std::fopen(path_.c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};
