#include "proxy/io/file_watch.h"

#include <uv.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "proxy/io/engine.h"
#include "proxy/io/file_trail.h"

namespace weir::proxy::io {

namespace {

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error);
  return error ? "/" + path : whole.string();
}

std::string why(int error) {
  switch (error) {
    case ENOSPC:
      return "no inotify watches are left (fs.inotify.max_user_watches)";
    case EMFILE:
      return "no inotify instances or descriptors are left (fs.inotify.max_user_instances)";
    case E2BIG:
      return "more than " + std::to_string(kFileWatchesMax) + " directories";
    default:
      return std::strerror(error);
  }
}

}  // namespace

struct FileWatch::Post {
  // What one path held when it was last told of, and when it was last looked at.
  struct File {
    Sights told;
    Sights seen;
  };
  // One directory that is listened at.
  struct Ear {
    Post& post;
    Spot spot;
    bool stale = false;
    UvPtr<uv_fs_event_t> watcher = nullptr;

    bool is_own_name(std::string_view name) const {
      return name == std::string_view{spot.path}.substr(spot.path.rfind('/') + 1);
    }
  };

  Post(Engine& of, std::function<void()> change, std::function<void(const std::string&)> trouble,
       const FileWatchTimes& given);

  void replace(const std::vector<std::string>& paths);
  void stir();
  void look();
  bool listen_at(const std::set<Spot>& spots);
  int add_ear(const Spot& spot);
  void complain(const Spot& spot, int error);
  void look_in(Instant wait);

  Engine& engine;
  std::function<void()> on_change;
  std::function<void(const std::string&)> on_trouble;
  FileWatchTimes times;
  UvPtr<uv_timer_t> timer;
  std::map<std::string, File> files;
  std::map<Spot, std::unique_ptr<Ear>> ears;
  bool soon = false;  // A look is on its way that nothing needs to be told of.
  bool deaf = false;
  bool complained = false;
  int unsettled = 0;
  std::uint64_t looks = 0;
};

FileWatch::Post::Post(Engine& of, std::function<void()> change,
                      std::function<void(const std::string&)> trouble, const FileWatchTimes& given)
    : engine(of), on_change(std::move(change)), on_trouble(std::move(trouble)), times(given) {
  timer = make_watcher<uv_timer_t>(
      [this](uv_timer_t* fresh) { return uv_timer_init(&engine.loop, fresh); });
  timer->data = this;
}

FileWatch::FileWatch(Loop& loop, std::function<void()> on_change,
                     std::function<void(const std::string& sentence)> on_trouble,
                     const FileWatchTimes& times)
    : post_(std::make_unique<Post>(loop.engine(), std::move(on_change), std::move(on_trouble),
                                   times)) {}

FileWatch::~FileWatch() = default;

void FileWatch::watch(const std::vector<std::string>& paths) { post_->replace(paths); }
std::uint64_t FileWatch::looks() const { return post_->looks; }
bool FileWatch::settled() const { return post_->unsettled == 0; }
std::size_t FileWatch::watches() const { return post_->ears.size(); }

void FileWatch::Post::replace(const std::vector<std::string>& paths) {
  auto before = std::exchange(files, {});
  std::set<Spot> spots;
  for (const std::string& given : paths) {
    if (given.empty()) continue;
    const std::string path = absolute(given);
    const Sights sights = follow(path, spots);
    const auto old = before.find(path);
    if (old == before.end()) {
      files.try_emplace(path, File{sights, sights});
    } else {
      files.try_emplace(path, std::move(old->second));
      before.erase(old);
    }
  }
  listen_at(spots);
  unsettled = 0;
  soon = false;
  uv_timer_stop(timer.get());
  // What has happened before there was an ear for it has been heard by nobody.
  if (!files.empty()) stir();
}

void FileWatch::Post::stir() {
  if (std::exchange(soon, true)) return;
  look_in(times.settle);
}

void FileWatch::Post::look_in(Instant wait) {
  const auto wait_ms = static_cast<std::uint64_t>((wait + kMillisecond - 1) / kMillisecond);
  uv_timer_start(
      timer.get(), [](uv_timer_t* fired) { static_cast<Post*>(fired->data)->look(); }, wait_ms, 0);
}

void FileWatch::Post::look() {
  ++looks;
  soon = false;
  engine.begin_turn();
  engine.turn_soon();
  bool same = true;
  bool changed = false;
  std::set<Spot> spots;
  for (auto& [path, file] : files) {
    Sights sights = follow(path, spots);
    same = same && sights == file.seen;
    changed = changed || sights != file.told;
    file.seen = std::move(sights);
  }
  const bool new_ears = listen_at(spots);
  const bool settled = same || ++unsettled >= kFileUnsettledMax;
  if (new_ears || !settled) {
    stir();
  } else {
    look_in(deaf ? times.look_deaf : times.look_anyway);
  }
  if (!settled) return;
  unsettled = 0;
  for (auto& [path, file] : files) file.told = file.seen;
  if (changed) on_change();
}

// True if there are ears that were not there before.
bool FileWatch::Post::listen_at(const std::set<Spot>& spots) {
  std::erase_if(
      ears, [&spots](const auto& ear) { return ear.second->stale || !spots.contains(ear.first); });
  const std::size_t before = ears.size();
  deaf = false;
  const Spot* lost = nullptr;
  int error = 0;
  for (const Spot& spot : spots) {
    if (ears.contains(spot)) continue;
    const int failed = add_ear(spot);
    if (failed == 0) continue;
    deaf = true;
    // One that has gone in between is no trouble: the next look goes another way.
    if (failed == ENOENT || failed == ENOTDIR) continue;
    lost = &spot;
    error = failed;
  }
  if (lost != nullptr) {
    complain(*lost, error);
  } else {
    complained = false;
  }
  return ears.size() > before;
}

// Returns 0, or an errno.
int FileWatch::Post::add_ear(const Spot& spot) {
  if (ears.size() >= kFileWatchesMax) return E2BIG;
  auto ear = std::make_unique<Ear>(Ear{*this, spot});
  ear->watcher = make_watcher<uv_fs_event_t>(
      [this](uv_fs_event_t* fresh) { return uv_fs_event_init(&engine.loop, fresh); });
  ear->watcher->data = ear.get();
  const auto on_event = [](uv_fs_event_t* told, const char* name, int events, int) {
    auto* of = static_cast<Ear*>(told->data);
    // An event of the directory itself comes under its own name: it may have been moved or removed,
    // and one that is made again in its place can have even the same inode.
    if ((events & UV_RENAME) != 0 && name != nullptr && of->is_own_name(name)) of->stale = true;
    of->post.stir();
  };
  if (const int status = uv_fs_event_start(ear->watcher.get(), on_event, spot.path.c_str(), 0)) {
    return -status;
  }
  ears.emplace(spot, std::move(ear));
  return 0;
}

void FileWatch::Post::complain(const Spot& spot, int error) {
  if (std::exchange(complained, true) || !on_trouble) return;
  on_trouble("cannot watch " + spot.path + " for changes: " + why(error) +
             "; looking there every " + std::to_string(times.look_deaf / kSecond) + " s");
}

}  // namespace weir::proxy::io
