#include "proxy/config/userlist.h"

#include <sys/stat.h>

#include <utility>

#include "proxy/config/ini.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {
namespace {

// Moves `"word"` off the front of the line; false if it does not stand there whole.
bool take_word(std::string_view& line, std::string& word) {
  line = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
  if (!line.starts_with('"')) return false;
  for (std::size_t at = 1;;) {
    const auto quote = line.find('"', at);
    if (quote == std::string_view::npos) return false;
    word.append(line, at, quote - at);
    at = quote + 1;
    if (at >= line.size() || line[at] != '"') {
      line.remove_prefix(at);
      return true;
    }
    word += '"';
    ++at;
  }
}

const char* take_line(std::string_view line, Secrets& secrets) {
  std::string user;
  std::string secret;
  if (line.find('\0') != std::string_view::npos) return "a NUL byte; is this a text file?";
  if (!take_word(line, user)) return "a line is not \"user\" \"secret\": the user is broken";
  if (line.empty() || (line[0] != ' ' && line[0] != '\t')) return "no space after the user";
  if (!take_word(line, secret)) return "a line is not \"user\" \"secret\": the secret is broken";
  if (user.empty()) return "the user's name is empty";
  if (user.size() > kUserNameMax) return "the user's name is longer than 127 bytes";
  if (secret.size() > kSecretMax) return "the secret is longer than 65536 bytes";
  secrets.insert_or_assign(std::move(user), std::move(secret));
  return nullptr;
}

}  // namespace

Result<Secrets> parse_userlist(const std::string& name, std::string_view text) {
  Secrets secrets;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == ';' || line[0] == '#') continue;
    if (const char* complaint = take_line(line, secrets)) return fail_at({name, number}, complaint);
  }
  return secrets;
}

std::string too_open(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  const bool read = (found.st_mode & S_IROTH) != 0;
  const bool changed = (found.st_mode & S_IWOTH) != 0;
  if (!read && !changed) return {};
  const char* const what = !changed ? "read" : read ? "read and changed" : "changed";
  return "auth_file " + path + " can be " + what + " by everybody: chmod 600 " + path;
}

Result<Secrets> read_userlist(const std::string& path, const Place& said_at) {
  const auto text = read_file(path, kUserlistBytesMax, said_at);
  if (!text) return tl::unexpected(text.error());
  return parse_userlist(path, *text);
}

}  // namespace weir::proxy::config
