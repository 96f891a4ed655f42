#include "proxy/io/unix_door.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/io/descriptor.h"
#include "proxy/io/socket_address.h"

namespace weir::proxy::io {

namespace {

tl::unexpected<Fault> refuse(const std::string& path, const std::string& why) {
  return fail("58000", "cannot listen on unix socket " + path + ": " + why);
}

int new_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// Only a refused connection proves that the owner is dead: a living one has at least a queue.
Result<void> make_room(const std::string& path, const SocketAddress& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return refuse(path, std::strerror(errno));
  }
  if (!S_ISSOCK(found.st_mode)) return refuse(path, "a file that is not a socket is in its place");
  const Descriptor visitor{new_socket()};
  if (visitor.get() < 0) return refuse(path, std::strerror(errno));
  if (::connect(visitor.get(), address.get(), address.length) == 0 || errno == EAGAIN) {
    return refuse(path, "a running program is listening there");
  }
  if (errno != ECONNREFUSED) return refuse(path, std::strerror(errno));
  if (::unlink(path.c_str()) != 0) return refuse(path, std::strerror(errno));
  return {};
}

Result<void> set_rights(const UnixPlace& place) {
  if (!place.group.empty()) {
    const group* found = getgrnam(place.group.c_str());  // At start, in one thread.
    if (found == nullptr) return refuse(place.path, "there is no group " + place.group);
    if (::chown(place.path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
      return refuse(place.path,
                    "cannot give it to group " + place.group + ": " + std::strerror(errno));
    }
  }
  if (::chmod(place.path.c_str(), static_cast<mode_t>(place.mode)) != 0) {
    return refuse(place.path, std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<UnixDoor> open_unix_door(const UnixPlace& place) {
  const auto address = unix_address(place.path);
  if (!address) return refuse(place.path, "the name is longer than the system allows");
  const bool abstract = place.path.front() == '@';
  if (!abstract) {
    if (auto room = make_room(place.path, *address); !room) {
      return tl::unexpected(std::move(room.error()));
    }
  }
  Descriptor made{new_socket()};
  if (made.get() < 0) return refuse(place.path, std::strerror(errno));
  // The file is born closed to others, so nobody slips in before it has its group and mode.
  if (!abstract) ::fchmod(made.get(), S_IRUSR | S_IWUSR);
  if (::bind(made.get(), address->get(), address->length) != 0) {
    return refuse(place.path, errno == EADDRINUSE ? "a running program is listening there"
                                                  : std::strerror(errno));
  }
  struct stat file {};
  if (!abstract) {
    ::lstat(place.path.c_str(), &file);
    if (auto rights = set_rights(place); !rights) {
      remove_unix_door(place.path, file.st_ino);
      return tl::unexpected(std::move(rights.error()));
    }
  }
  if (::listen(made.get(), place.backlog) != 0) {
    const int error = errno;
    remove_unix_door(place.path, file.st_ino);
    return refuse(place.path, std::strerror(error));
  }
  return UnixDoor{.descriptor = made.release(), .inode = file.st_ino};
}

void remove_unix_door(const std::string& path, std::uint64_t inode) {
  struct stat found {};
  if (inode == 0 || ::lstat(path.c_str(), &found) != 0 || found.st_ino != inode) return;
  ::unlink(path.c_str());
}

}  // namespace weir::proxy::io
