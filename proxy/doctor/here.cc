#include "proxy/doctor/here.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/io/socket_address.h"

namespace weir::proxy::doctor {

namespace {

// Binds and lets go. 0, or an errno.
int try_door(const io::SocketAddress& address) {
  const int descriptor = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const int yes = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const int error = ::bind(descriptor, address.get(), address.length) == 0 ? 0 : errno;
  ::close(descriptor);
  return error;
}

std::vector<DoorFacts> look_at_doors(const config::Settings& settings) {
  std::vector<DoorFacts> doors;
  for (const std::string& named : settings.listen_addr) {
    const auto port = static_cast<std::uint16_t>(settings.listen_port);
    const auto address = io::literal_address(named == "*" ? "0.0.0.0" : named, port);
    if (address) doors.push_back({named, port == 0 ? 0 : try_door(*address)});
  }
  return doors;
}

void look_at(std::string key, const std::string& path, std::vector<CertificateFacts>& found) {
  if (path.empty()) return;
  if (const auto validity = tls::validity_of_file(path)) {
    found.push_back({std::move(key), path, *validity});
  }
}

}  // namespace

HereFacts look_around(const config::Config& config, tls::Contexts& contexts) {
  HereFacts here;
  here.now_s = std::time(nullptr);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    here.open_files_max = static_cast<std::int64_t>(limit.rlim_max);
  }
  const auto& settings = config.settings;
  here.doors = look_at_doors(settings);
  const auto servers = config.all_server_tls();
  here.tls_complaints = contexts.load(settings.client_tls, servers);
  if (settings.client_tls.mode != config::SslMode::disable) {
    look_at("client_tls_cert_file", settings.client_tls.cert_file, here.certificates);
  }
  std::set<std::string> files;
  for (const auto& tls : servers) files.insert(tls.cert_file);
  for (const std::string& path : files) look_at("server_tls_cert_file", path, here.certificates);
  return here;
}

}  // namespace weir::proxy::doctor
