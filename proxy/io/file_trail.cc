#include "proxy/io/file_trail.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <memory>
#include <string_view>

namespace weir::proxy::io {

namespace {

using Words = std::deque<std::string>;

// Puts the parts of `path` in front of what is left of the way.
void put_in_front(std::string_view path, Words& left) {
  while (!path.empty()) {
    const auto slash = path.rfind('/');
    const std::string_view word = path.substr(slash + 1);  // All of it if there is no slash.
    if (!word.empty() && word != ".") left.emplace_front(word);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
  }
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Sight nothing(int error) { return {.error = error}; }

Sight whole(const struct stat& found) {
  return {.directory = S_ISDIR(found.st_mode),
          .device = found.st_dev,
          .inode = found.st_ino,
          .bytes = found.st_size,
          .modified_ns = nanoseconds(found.st_mtim),
          .changed_ns = nanoseconds(found.st_ctim)};
}

// What a directory holds is in its entries, and which one it is makes no difference.
Sight sight_of(const struct stat& found) {
  return S_ISDIR(found.st_mode) ? Sight{.directory = true} : whole(found);
}

void note(const std::string& directory, std::set<Spot>& spots) {
  const std::string path = directory.empty() ? "/" : directory;
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) spots.insert({path, found.st_dev, found.st_ino});
}

std::string link_text(const std::string& path) {
  std::array<char, PATH_MAX> text{};
  const ssize_t bytes = ::readlink(path.c_str(), text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(bytes, 0))};
}

// Walks from the directory `at` ("" is the root), which has no links in it and moves along.
Sight walk(std::string& at, Words left, std::set<Spot>& spots) {
  int links = 0;
  while (!left.empty()) {
    const std::string word = left.front();
    left.pop_front();
    if (word == "..") {
      at.resize(at.empty() ? 0 : at.rfind('/'));
      continue;
    }
    std::string next = at;
    next.append("/").append(word);
    struct stat found {};
    const int error = ::lstat(next.c_str(), &found) == 0 ? 0 : errno;
    if (error == 0 && S_ISDIR(found.st_mode)) {
      at = std::move(next);
      continue;
    }
    note(at, spots);
    if (error != 0) return nothing(error);
    if (!S_ISLNK(found.st_mode)) return left.empty() ? sight_of(found) : nothing(ENOTDIR);
    if (++links > kLinksMax) return nothing(ELOOP);
    const std::string text = link_text(next);
    if (text.empty()) return nothing(ENOENT);  // Gone since.
    if (text.front() == '/') at.clear();
    put_in_front(text, left);
  }
  return {.directory = true};
}

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<std::string> names_in(const std::string& path, int& error) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, DirectoryCloser> open{::opendir(path.c_str())};
  error = open ? 0 : errno;
  if (!open) return names;
  while (const dirent* entry = ::readdir(open.get())) {  // Its stream is this thread's own.
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void look_into(const std::string& directory, std::set<Spot>& spots, Sights& sights) {
  note(directory, spots);
  const std::string path = directory.empty() ? "/" : directory;
  int error = 0;
  const auto names = names_in(path, error);
  if (error != 0) {
    sights.front().second = nothing(error);
  } else if (names.size() > kEntriesMax) {
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0) sights.front().second = whole(found);
  } else {
    for (const std::string& name : names) {
      std::string at = directory;
      sights.emplace_back(name, walk(at, {name}, spots));
    }
  }
}

}  // namespace

Sights follow(const std::string& path, std::set<Spot>& spots) {
  Words way;
  put_in_front(path, way);
  std::string at;
  Sights sights{{std::string{}, walk(at, std::move(way), spots)}};
  if (sights.front().second.directory) look_into(at, spots, sights);
  return sights;
}

}  // namespace weir::proxy::io
