// file_watch_test.cc: real files in a scratch directory, changed in all the ways that editors,
// scripts and Kubernetes have. What must not be told is proved by looks that found nothing.
#include "proxy/io/file_watch.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "unit/proxy/io/file_guard.h"

namespace weir::proxy::io {

using namespace town;

namespace {

// What Kubernetes mounts: each file leads through ..data into a directory of one version.
struct Mount {
  std::string root;
  int version = 0;

  explicit Mount(std::string at) : root(std::move(at)) {
    fs::create_directories(root);
    publish();
    for (const char* const name : {"tls.crt", "tls.key"}) {
      fs::create_symlink(std::string{"..data/"} + name, root + "/" + name);
    }
  }
  std::string directory(int of) const { return root + "/..2026_" + std::to_string(of); }
  void publish() {
    ++version;
    fs::create_directory(directory(version));
    for (const char* const name : {"tls.crt", "tls.key"}) {
      write(directory(version) + "/" + name, "version " + std::to_string(version));
    }
    lead(root + "/..data", "..2026_" + std::to_string(version));
    fs::remove_all(directory(version - 1));
  }
};

}  // namespace

TEST_CASE("a watched file that is written in place is told of") {
  Guard guard;
  const std::string file = guard.at("file");
  write(file, "one");
  guard.start({file});
  CHECK(guard.tells([&] { write(file, "two"); }));
  CHECK(guard.tells([&] { std::ofstream{file, std::ios::app} << "more"; }));
  CHECK(guard.tells([&] { fs::permissions(file, fs::perms::owner_read); }));
}

TEST_CASE("a watched file that is renamed over is told of, and its successor is watched") {
  Guard guard;
  const std::string file = guard.at("file");
  write(file, "one");
  guard.start({file});
  for (int time = 0; time < 3; ++time) {
    CHECK(guard.tells([&] {
      write(guard.at("new"), "another");
      fs::rename(guard.at("new"), file);
    }));
    CHECK(guard.tells([&] { write(file, "in place"); }));
  }
}

TEST_CASE("a watched file that is deleted and made again is told of both times") {
  Guard guard;
  const std::string file = guard.at("file");
  write(file, "one");
  guard.start({file});
  CHECK(guard.tells([&] { fs::remove(file); }));
  CHECK(guard.tells([&] { write(file, "one"); }));
}

TEST_CASE("what happens beside watched files calls nobody") {
  Guard guard;
  const std::string file = guard.at("file");
  write(file, "one");
  guard.start({file, guard.at("absent")});
  CHECK(guard.ignores([&] { write(guard.at("other"), "noise"); }));
  CHECK(guard.ignores([&] { write(guard.at("other"), "more"); }));
  CHECK(guard.ignores([&] { fs::rename(guard.at("other"), guard.at("another")); }));
  CHECK(guard.ignores([&] { fs::remove(guard.at("another")); }));
  CHECK(guard.ignores([&] { fs::create_directory(guard.at("directory")); }));
  CHECK(guard.ignores([&] { lead(guard.at("link"), "file"); }));
  CHECK(guard.tells([&] { write(file, "two"); }));
}

TEST_CASE("many changes at a time are told of once") {
  Guard guard;
  std::vector<std::string> files;
  for (int number = 0; number < 50; ++number) files.push_back(guard.at(std::to_string(number)));
  for (const std::string& file : files) write(file, "one");
  guard.start(files);
  CHECK(guard.watch->watches() == 1);
  CHECK(guard.tells([&] {
    for (int time = 0; time < 3; ++time) {
      for (const std::string& file : files) write(file, "more");
    }
  }));
  CHECK(guard.ignores([&] { write(guard.at("other"), "noise"); }));
}

TEST_CASE("a symbolic link that is swapped is told of, and then its new end is watched") {
  Guard guard;
  fs::create_directories(guard.at("a"));
  fs::create_directories(guard.at("b"));
  write(guard.at("a/file"), "one");
  write(guard.at("b/file"), "two");
  lead(guard.at("link"), "a/file");
  guard.start({guard.at("link")});
  CHECK(guard.tells([&] { write(guard.at("a/file"), "one and more"); }));
  CHECK(guard.tells([&] { lead(guard.at("link"), guard.at("b/file")); }));
  CHECK(guard.tells([&] { write(guard.at("b/file"), "two and more"); }));
  CHECK(guard.tells([&] { lead(guard.at("link"), "./b/../a//file"); }));
  CHECK(guard.tells([&] { write(guard.at("a/file"), "at the end"); }));
  CHECK(guard.watch->watches() == 2);
}

TEST_CASE("files that Kubernetes mounts are told of with every version, both at once") {
  Guard guard;
  Mount mount{guard.at("certs")};
  guard.start({guard.at("certs/tls.crt"), guard.at("certs/tls.key")});
  for (int time = 0; time < 5; ++time) {
    CHECK(guard.tells([&] { mount.publish(); }));
    CHECK(guard.ignores([&] { write(guard.at("certs/other"), "noise"); }));
  }
  CHECK(guard.watch->watches() == 2);
}

TEST_CASE("a directory is told of when entries come, go or change, but not those with a dot") {
  Guard guard;
  fs::create_directories(guard.at("users"));
  write(guard.at("users/alice"), "one");
  guard.start({guard.at("users")});
  CHECK(guard.tells([&] { write(guard.at("users/bob"), "two"); }));
  CHECK(guard.tells([&] { write(guard.at("users/alice"), "three"); }));
  CHECK(guard.tells([&] { fs::remove(guard.at("users/alice")); }));
  CHECK(guard.ignores([&] { write(guard.at("users/.bob.swp"), "two"); }));
  CHECK(guard.tells([&] { fs::remove_all(guard.at("users")); }));
  CHECK(guard.tells([&] { fs::create_directories(guard.at("users")); }));
  CHECK(guard.tells([&] { write(guard.at("users/bob"), "two"); }));
}

TEST_CASE("a directory that Kubernetes mounts is told of with every version") {
  Guard guard;
  Mount mount{guard.at("certs")};
  guard.start({guard.at("certs")});
  for (int time = 0; time < 3; ++time) CHECK(guard.tells([&] { mount.publish(); }));
  CHECK(guard.tells([&] { write(mount.directory(mount.version) + "/tls.crt", "in place"); }));
}

TEST_CASE("what does not exist yet is told of when it does, whichever directories were missing") {
  Guard guard;
  const std::string file = guard.at("a/b/file");
  guard.start({file});
  for (int time = 0; time < 2; ++time) {
    CHECK(guard.ignores([&] {
      fs::create_directories(guard.at("a"));
      write(guard.at("a/noise"), "noise");
    }));
    CHECK(guard.tells([&] {
      fs::create_directories(guard.at("a/b"));
      write(file, "one");
    }));
    CHECK(guard.tells([&] { write(file, "two"); }));
    CHECK(guard.tells([&] { fs::remove_all(guard.at("a")); }));
  }
}

TEST_CASE("after it has begun to listen at a directory it looks once more") {
  Guard guard;
  guard.start({guard.at("a/b/file")});
  CHECK(guard.ignores([&] { fs::create_directories(guard.at("a")); }));
  CHECK(guard.watch->watches() == 1);
  CHECK(guard.looked());  // What came into it before it was listened at has made no sound.
}

TEST_CASE("a directory that is put in the place of another is told of and watched") {
  Guard guard;
  const std::string file = guard.at("conf/file");
  fs::create_directories(guard.at("conf"));
  write(file, "one");
  guard.start({file});
  for (int time = 0; time < 3; ++time) {
    CHECK(guard.tells([&] {
      fs::create_directories(guard.at("next"));
      write(guard.at("next/file"), "two");
      fs::rename(guard.at("conf"), guard.at("old" + std::to_string(time)));
      fs::rename(guard.at("next"), guard.at("conf"));
    }));
    CHECK(guard.tells([&] { write(file, "three"); }));
  }
}

TEST_CASE("a directory that is deleted and made again between two looks is watched again") {
  Guard guard;
  const std::string file = guard.at("conf/file");
  fs::create_directories(guard.at("conf"));
  write(file, "one");
  guard.start({file});
  for (int time = 0; time < 5; ++time) {
    CHECK(guard.tells([&] {
      fs::remove_all(guard.at("conf"));
      fs::create_directories(guard.at("conf"));  // With the same inode, on some file systems.
      write(file, "two");
    }));
    CHECK(guard.tells([&] { write(file, "three"); }));
  }
}

TEST_CASE("links that lead in a circle and files on the way are no way, until they are mended") {
  Guard guard;
  fs::create_symlink("ring2", guard.at("ring1"));
  fs::create_symlink("ring1", guard.at("ring2"));
  write(guard.at("plain"), "");
  guard.start({guard.at("ring1"), guard.at("plain/file"), guard.at("plain/../..")});
  CHECK(guard.tells([&] { lead(guard.at("ring2"), "end"); }));
  CHECK(guard.tells([&] { write(guard.at("end"), "at last"); }));
  CHECK(guard.tells([&] {
    fs::remove(guard.at("plain"));
    fs::create_directories(guard.at("plain"));
    write(guard.at("plain/file"), "one");
  }));
}

TEST_CASE("relative paths and those with dots lead where the system says") {
  Guard guard;
  fs::create_directories(guard.at("a"));
  write(guard.at("a/file"), "one");
  guard.start({fs::relative(guard.at("a/file")).string(), guard.at("a/./../a//file"), ""});
  CHECK(guard.tells([&] { write(guard.at("a/file"), "two"); }));
}

TEST_CASE("watch() replaces what was watched, and may be called by the callback") {
  Guard guard;
  write(guard.at("first"), "one");
  write(guard.at("second"), "one");
  guard.watch.reset();
  guard.watch = std::make_unique<FileWatch>(
      guard.loop,
      [&guard] {
        ++guard.calls;
        guard.watch->watch({guard.at("second")});
      },
      nullptr, kTimes);
  guard.start({guard.at("first")});
  CHECK(guard.tells([&] { write(guard.at("first"), "two"); }));
  CHECK(guard.ignores([&] { write(guard.at("first"), "three"); }));
  CHECK(guard.tells([&] { write(guard.at("second"), "two"); }));
  guard.watch->watch({});
  CHECK(guard.watch->watches() == 0);
}

TEST_CASE("a change just before watch() is not lost on a path that was watched already") {
  Guard guard;
  const std::string file = guard.at("file");
  write(file, "one");
  guard.start({file});
  CHECK(guard.tells([&] {
    write(file, "two");
    guard.watch->watch({guard.at("other"), file});
  }));
  guard.watch->watch({guard.at("other")});
  CHECK(guard.tells([&] { write(guard.at("other"), "one"); }));
}

}  // namespace weir::proxy::io
