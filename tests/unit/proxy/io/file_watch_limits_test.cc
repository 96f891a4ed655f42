// file_watch_limits_test.cc: where events fail a FileWatch, or there are too many of something.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "proxy/io/file_trail.h"
#include "unit/proxy/io/file_guard.h"

namespace weir::proxy::io {

using namespace town;

TEST_CASE("a file that is written without end is told of all the same") {
  Guard guard;
  const std::string file = guard.at("file");
  write(file, "one");
  guard.start({file});
  std::uint64_t looks = 0;
  CHECK(run_until(guard.loop, [&] {
    std::ofstream{file, std::ios::app} << "more";  // After every turn, so between any two looks.
    looks = guard.watch->looks();
    return guard.calls == 1;
  }));
  CHECK(looks >= kFileUnsettledMax);
}

TEST_CASE("of a very large directory the names are watched") {
  Guard guard;
  fs::create_directories(guard.at("users"));
  for (std::size_t number = 0; number <= kEntriesMax; ++number) {
    write(guard.at("users/" + std::to_string(number)), "");
  }
  guard.start({guard.at("users")});
  CHECK(guard.tells([&] { write(guard.at("users/one more"), ""); }));
  CHECK(guard.tells([&] { fs::remove(guard.at("users/7")); }));
}

TEST_CASE("a change without an event is found by looking anyway") {
  FileWatchTimes times = kTimes;
  times.look_anyway = 10 * kMillisecond;
  Guard guard{times};
  fs::create_directories(guard.at("near"));
  fs::create_directories(guard.at("far"));
  write(guard.at("near/file"), "one");
  fs::create_hard_link(guard.at("near/file"), guard.at("far/file"));
  guard.start({guard.at("near/file")});
  CHECK(guard.tells([&] { write(guard.at("far/file"), "two"); }));
}

TEST_CASE("without watches it says so once, looks by the clock, and listens again when it can") {
  FileWatchTimes times = kTimes;
  times.look_deaf = 10 * kMillisecond;
  Guard guard{times};
  const std::string file = guard.at("file");
  write(file, "one");
  for (const char* const name : {"1", "2"}) write(guard.at(name), name);
  {
    const FewFiles few{3};
    guard.start({file});
    for (const char* const name : {"1", "2"}) {
      CHECK(guard.tells([&] { fs::rename(guard.at(name), file); }));
    }
    CHECK(guard.looked());
    CHECK(guard.watch->watches() == 0);
    REQUIRE(guard.sentences.size() == 1);
    CHECK(guard.sentences[0].starts_with("cannot watch " + guard.scratch.path +
                                         " for changes: no inotify instances or descriptors"));
  }
  CHECK(run_until(guard.loop, [&] { return guard.watch->watches() == 1; }));
  CHECK(guard.tells([&] { write(file, "two"); }));
  CHECK(guard.sentences.size() == 1);
}

TEST_CASE("there is a most of directories watched, and the rest is looked at by the clock") {
  FileWatchTimes times = kTimes;
  times.look_deaf = 10 * kMillisecond;
  Guard guard{times};
  std::vector<std::string> files;
  for (std::size_t number = 0; number < kFileWatchesMax + 2; ++number) {
    fs::create_directories(guard.at(std::to_string(number)));
    files.push_back(guard.at(std::to_string(number) + "/file"));
  }
  guard.start(files);
  CHECK(guard.watch->watches() == kFileWatchesMax);
  REQUIRE(guard.sentences.size() == 1);
  CHECK(guard.sentences[0].find("more than 256 directories") != std::string::npos);
  for (const std::string& file : files) write(file, "one");
  CHECK(run_until(guard.loop, [&] { return guard.calls > 0; }));
  CHECK(guard.tells([&] { write(files.front(), "two"); }));
  CHECK(guard.tells([&] { write(files.back(), "two"); }));
}

TEST_CASE("two loops watch the same file in two threads") {
  const Scratch scratch;
  const std::string file = scratch.path + "/file";
  write(file, "one");
  Street street{2};
  std::atomic<int> told = 0;
  std::atomic<int> ready = 0;
  std::vector<std::thread> threads;
  for (std::size_t at = 0; at < 2; ++at) {
    threads.emplace_back([&, at] {
      bool mine = false;
      FileWatch watch{street[at], [&] { mine = true, ++told; }, {}, kTimes};
      watch.watch({file});
      ++ready;
      run_until(street[at], [&] { return mine; });
    });
  }
  while (ready < 2) std::this_thread::yield();
  write(file, "two");
  for (std::thread& thread : threads) thread.join();
  CHECK(told == 2);
}

}  // namespace weir::proxy::io
