// file_guard.h: a scratch directory, a loop, and a FileWatch that counts what it tells.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/io/file_watch.h"
#include "unit/proxy/io/scratch.h"
#include "unit/proxy/io/town.h"

namespace weir::proxy::io::town {

namespace fs = std::filesystem;

// Nothing is found by chance: only events lead to a look, unless a test wants otherwise.
inline constexpr FileWatchTimes kTimes{
    .settle = 5 * kMillisecond, .look_anyway = 2 * kPatience, .look_deaf = 2 * kPatience};

inline void write(const std::string& path, std::string_view text) {
  std::ofstream file{path};
  file << text;
  file.flush();
  REQUIRE(file.good());
}

// As `ln -sfn`, atomically.
inline void lead(const std::string& link, const std::string& to) {
  fs::create_symlink(to, link + ".new");
  fs::rename(link + ".new", link);
}

struct Guard {
  Scratch scratch;
  Street street{1};
  Loop& loop = street[0];
  int calls = 0;
  std::vector<std::string> sentences;
  std::unique_ptr<FileWatch> watch;

  explicit Guard(const FileWatchTimes& times = kTimes) {
    watch = std::make_unique<FileWatch>(
        loop, [this] { ++calls; },
        [this](const std::string& sentence) { sentences.push_back(sentence); }, times);
  }
  ~Guard() { watch.reset(); }

  std::string at(const std::string& name) const { return scratch.path + "/" + name; }
  // Its first look, too, which nobody's change has asked for.
  void start(const std::vector<std::string>& paths) {
    watch->watch(paths);
    REQUIRE(looked());
  }
  bool looked() {
    const std::uint64_t before = watch->looks();
    return run_until(loop, [&] { return watch->looks() > before; });
  }
  // The change is told of, once.
  template <typename Change>
  bool tells(Change change) {
    const int before = calls;
    change();
    return run_until(loop, [&] { return calls > before; }) && calls == before + 1;
  }
  // It was looked because of the change, and nothing was found of which the next look would tell.
  template <typename Change>
  bool ignores(Change change) {
    const int before = calls;
    change();
    return looked() && watch->settled() && calls == before;
  }
};

}  // namespace weir::proxy::io::town
