#include "proxy/config/secret_file.h"

#include <sys/stat.h>

#include "proxy/config/ini.h"
#include "proxy/config/userlist.h"

namespace weir::proxy::config {
namespace {

std::string openness(const std::string& path, const std::string& called) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || (found.st_mode & (S_IROTH | S_IWOTH)) == 0) return {};
  const bool changed = (found.st_mode & S_IWOTH) != 0;
  return called + " can be " + (changed ? "changed" : "read") +
         " by everybody: chmod 600 is what it needs";
}

}  // namespace

Result<SecretFile> read_secret_file(const std::string& path, const Place& at, bool hidden) {
  const std::string called = hidden ? "the password_file" : "password_file " + quoted(path);
  auto text = read_file(path, kSecretMax + 2, at, called);
  if (!text) return tl::unexpected(text.error());
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  const auto refuse = [&](const char* what) { return fail_at(at, called + " " + what); };
  if (text->empty()) return refuse("is empty");
  if (text->size() > kSecretMax) return refuse("is longer than 65536 bytes");
  if (text->find('\0') != std::string::npos) return refuse("has a NUL byte; is it a text file?");
  return SecretFile{std::move(*text), openness(path, called)};
}

}  // namespace weir::proxy::config
