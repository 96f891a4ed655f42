#include "proxy/config/userlist.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

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

// What PostgreSQL wrote behind a secret while it kept its users in a file, pg_auth.
bool is_valid_until(std::string_view word) {
  if (word == "infinity" || word == "-infinity") return true;
  constexpr std::string_view kDate = "dddd-dd-dd";
  if (word.size() < kDate.size()) return false;
  for (std::size_t i = 0; i < kDate.size(); ++i) {
    const bool digit = word[i] >= '0' && word[i] <= '9';
    if (kDate[i] == 'd' ? !digit : word[i] != kDate[i]) return false;
  }
  return word.size() == kDate.size() || word[kDate.size()] == ' ';
}

std::vector<std::string> valid(std::string first, std::string second) {
  std::vector<std::string> out;
  const bool two = !second.empty() && second != first;
  out.push_back(std::move(first));
  if (two) out.push_back(std::move(second));
  return out;
}

const char* take_second(std::string_view line, std::string& second) {
  line = trim(line);
  if (!line.starts_with('"')) return nullptr;
  if (!take_word(line, second)) return "the second secret's closing quote is missing";
  if (second.size() > kSecretMax) return "the second secret is longer than 65536 bytes";
  if (is_valid_until(second)) second.clear();
  return nullptr;
}

const char* take_line(std::string_view line, Secrets& secrets) {
  std::string user;
  std::string secret;
  std::string second;
  if (line.find('\0') != std::string_view::npos) return "a NUL byte; is this a text file?";
  if (!take_word(line, user)) return "a line is not \"user\" \"secret\": the user is broken";
  if (line.empty() || (line[0] != ' ' && line[0] != '\t')) return "no space after the user";
  if (!take_word(line, secret)) return "a line is not \"user\" \"secret\": the secret is broken";
  if (user.empty()) return "the user's name is empty";
  if (user.size() > kUserNameMax) return "the user's name is longer than 127 bytes";
  if (secret.size() > kSecretMax) return "the secret is longer than 65536 bytes";
  if (const char* complaint = take_second(line, second)) return complaint;
  secrets.insert_or_assign(std::move(user), valid(std::move(secret), std::move(second)));
  return nullptr;
}

// Moves a line off the front, without its end.
std::string_view cut_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view without_mark(std::string_view text) {
  return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
}

bool is_userlist(std::string_view text) {
  const std::string_view counts = trim(without_mark(text));
  return !counts.empty() && (counts[0] == '"' || counts[0] == ';' || counts[0] == '#');
}

// The paths of its files, in the order of their bytes.
Result<std::vector<std::string>> files_in(const std::string& directory, const Place& said_at) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    if (entry->path().filename().string()[0] == '.') continue;
    std::error_code unknown;
    if (!entry->exists(unknown)) return fail_at({path, 0}, "a link that leads nowhere");
    if (entry->is_regular_file(unknown)) paths.push_back(path);
    if (paths.size() > kUserFilesMax) {
      return fail_at(said_at, config::quoted(directory) + " holds more than 10000 files");
    }
  }
  if (error) {
    return fail_at(said_at, "cannot read " + config::quoted(directory) + ": " + error.message());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<Secrets> parse_either(const std::string& path, std::string_view text) {
  if (!is_userlist(text)) {
    return parse_secret_file(path, std::filesystem::path(path).filename().string(), text);
  }
  auto secrets = parse_userlist(path, text);
  if (secrets && secrets->empty()) {
    return fail_at({path, 0},
                   "no user in it; a secret that begins with ; or # must stand in a line "
                   "\"user\" \"secret\"");
  }
  return secrets;
}

Result<Secrets> read_directory(const std::string& directory, const Place& said_at) {
  const auto paths = files_in(directory, said_at);
  if (!paths) return tl::unexpected(paths.error());
  Secrets all;
  std::size_t bytes_left = kUserlistBytesMax;
  for (const std::string& path : *paths) {
    const auto text = read_file(path, bytes_left, said_at);
    if (!text) return tl::unexpected(text.error());
    bytes_left -= text->size();
    auto secrets = parse_either(path, *text);
    if (!secrets) return secrets;
    for (auto& [user, valid] : *secrets) {
      if (all.emplace(user, std::move(valid)).second) continue;
      return fail_at({path, 0}, "user " + config::quoted(user) + " is in another file, too");
    }
  }
  return all;
}

bool is_directory(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

std::string open_file(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  const bool read = (found.st_mode & S_IROTH) != 0;
  const bool changed = (found.st_mode & S_IWOTH) != 0;
  if (!read && !changed) return {};
  const char* const what = !changed ? "read" : read ? "read and changed" : "changed";
  return "auth_file " + path + " can be " + what + " by everybody: chmod 600 " + path;
}

// One sentence for all files: a mounted directory often has a hundred of one mode.
std::string open_directory(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || (found.st_mode & S_IXOTH) == 0) return {};
  const auto files = files_in(path, {path, 0});
  std::string first;
  std::size_t others = 0;
  for (const std::string& file : files.value_or(std::vector<std::string>{})) {
    const std::string sentence = open_file(file);
    if (!sentence.empty() && !first.empty()) ++others;
    if (first.empty()) first = sentence;
  }
  if (others > 0) first += "; and so can " + std::to_string(others) + " more beside it";
  return first;
}

}  // namespace

Result<Secrets> parse_userlist(const std::string& name, std::string_view text) {
  Secrets secrets;
  text = without_mark(text);
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = trim(cut_line(text));
    if (line.empty() || line[0] == ';' || line[0] == '#') continue;
    if (const char* complaint = take_line(line, secrets)) return fail_at({name, number}, complaint);
  }
  return secrets;
}

Result<Secrets> parse_secret_file(const std::string& name, const std::string& user,
                                  std::string_view text) {
  const auto refuse = [&](int line, const char* what) { return fail_at({name, line}, what); };
  if (user.size() > kUserNameMax) return refuse(0, "the user's name is longer than 127 bytes");
  if (text.find('\0') != std::string_view::npos) {
    return refuse(0, "a NUL byte; is this a text file?");
  }
  text = without_mark(text);
  const std::string_view first = cut_line(text);
  const std::string_view second = cut_line(text);
  if (first.empty()) return refuse(1, "the secret is missing");
  if (first.size() > kSecretMax) return refuse(1, "the secret is longer than 65536 bytes");
  if (second.size() > kSecretMax) return refuse(2, "the secret is longer than 65536 bytes");
  if (!trim(text).empty()) return refuse(3, "there are two secrets at the most, a line for each");
  return Secrets{{user, valid(std::string(first), std::string(second))}};
}

std::string too_open(const std::string& path) {
  return is_directory(path) ? open_directory(path) : open_file(path);
}

Result<Secrets> read_userlist(const std::string& path, const Place& said_at,
                              const std::string& written) {
  if (is_directory(path)) return read_directory(path, said_at);
  const std::string called = config::quoted(written.empty() ? path : written);
  const auto text = read_file(path, kUserlistBytesMax, said_at, called);
  if (!text) return tl::unexpected(text.error());
  return parse_userlist(path, *text);
}

}  // namespace weir::proxy::config
