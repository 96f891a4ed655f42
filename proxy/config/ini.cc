// Debian's inih reads lines into 200 bytes, section names into 50, ends a value at " ;", takes ':'
// for '=' and a line that begins with a space for the continuation of the one before. pgbouncer.ini
// knows none of this. So inih never sees the text: it is fed the skeleton of each line, `[7]` for a
// header on line 7 and `8=8` for a pair on line 8, and says what belongs to what; the text waits in
// `lines`.
#include "proxy/config/ini.h"

#include <fcntl.h>
#include <ini.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <system_error>
#include <utility>

#include "proxy/config/include.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {
namespace {

struct Line {
  const std::string* file;
  int number;
  std::string_view text;  // Trimmed; lives in Source::texts.

  Place place() const { return {*file, number}; }
};

// What a line is, and its parts.
struct Anatomy {
  enum class Kind { blank, header, pair, broken } kind;
  std::string name = {};
  std::string_view value = {};
  const char* complaint = "neither [section] nor key = value";
};

Anatomy broken(const char* complaint) { return {Anatomy::Kind::broken, {}, {}, complaint}; }

// Moves a quoted name off the front of `text`; false if its quote never closes.
bool take_quoted(std::string_view& text, std::string& name) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"') {
      name += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '"') {
      name += text[i++];
    } else {
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

Anatomy dissect_header(std::string_view text) {
  const auto close = text.find(']');
  if (close == std::string_view::npos) return broken("the ] of a section is missing");
  const std::string_view rest = trim(text.substr(close + 1));
  if (!rest.empty() && rest[0] != ';' && rest[0] != '#') return broken("text after the ]");
  return {Anatomy::Kind::header, std::string(trim(text.substr(1, close - 1)))};
}

Anatomy dissect_pair(std::string_view text) {
  Anatomy pair{Anatomy::Kind::pair};
  if (text[0] == '"') {
    if (!take_quoted(text, pair.name)) return broken("the name's closing quote is missing");
    text = trim(text);
    if (!text.starts_with('=')) return broken("no = after the quoted name");
    pair.value = trim(text.substr(1));
    return pair;
  }
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return broken("neither [section] nor key = value");
  const std::string_view name = trim(text.substr(0, equals));
  if (name.empty()) return broken("no name before the =");
  if (name.find_first_of(" \t\"'") != std::string_view::npos) {
    return broken("a name with spaces or quotes in it must stand in double quotes");
  }
  pair.name = name;
  pair.value = trim(text.substr(equals + 1));
  return pair;
}

Anatomy dissect(std::string_view text) {
  if (text.empty() || text[0] == ';' || text[0] == '#') return {Anatomy::Kind::blank};
  return text[0] == '[' ? dissect_header(text) : dissect_pair(text);
}

// The file and what it includes, laid out as one list of lines. The deques never move their
// strings.
class Source {
 public:
  explicit Source(const Environment& environment) : environment_(environment) {}

  // `at`: who asked for it; `called`: what sentences say to it until it has been read.
  void take_file(const std::string& path, int depth, const Place& at, const std::string& called) {
    named.push_back(path);
    auto text = read_file(path, kIniBytesMax, at, called);
    if (!text) return complaints.add(text.error().text);
    take_text(path, std::move(*text), depth);
  }
  void take_text(const std::string& name, std::string text, int depth);

  std::vector<Line> lines;
  Complaints complaints;
  std::vector<std::string> warnings;
  std::vector<std::string> named;

 private:
  void take_line(const Line& line, int depth);
  void take_include(const Line& line, int depth);
  void complain(const Place& place, std::string_view sentence) {
    complaints.add(placed(place, sentence));
  }
  // Nothing more is taken.
  void stop(const Place& place, std::string_view sentence) {
    complain(place, sentence);
    full_ = true;
  }

  const Environment& environment_;
  std::deque<std::string> files_;
  std::deque<std::string> texts_;
  std::size_t bytes_ = 0;
  bool full_ = false;
};

void Source::take_line(const Line& line, int depth) {
  if (line.text.size() > kIniLineBytesMax) {
    return complain(line.place(), "a line is longer than 1 MiB");
  }
  if (line.text.find('\0') != std::string_view::npos) {
    return complain(line.place(), "a NUL byte; is this a text file?");
  }
  if (line.text.starts_with('%')) return take_include(line, depth);
  if (lines.size() == kIniLinesMax) return stop(line.place(), "too many lines");
  lines.push_back(line);
}

void Source::take_include(const Line& line, int depth) {
  constexpr std::string_view kInclude = "%include";
  const std::string_view path = trim(line.text.substr(std::min(kInclude.size(), line.text.size())));
  const bool spaced = line.text.size() > kInclude.size() &&
                      (line.text[kInclude.size()] == ' ' || line.text[kInclude.size()] == '\t');
  if (!line.text.starts_with(kInclude) || path.empty() || !spaced) {
    return complain(line.place(), "only `%include path` may begin with %");
  }
  const auto expanded = expand(path, environment_);
  if (!expanded) return complain(line.place(), expanded.error());
  if (depth >= kIncludeDepthMax) {
    return stop(line.place(), "files include each other more than 10 deep");
  }
  const Included included = included_files(*expanded, *line.file);
  const std::string written = quoted(path);
  if (included.unreadable) return complain(line.place(), "cannot read a directory of " + written);
  if (included.missing) {
    warnings.push_back(placed(line.place(), "there is no directory for " + written));
  }
  if (!included.directory.empty()) named.push_back(included.directory);
  for (const std::string& file : included.files) {
    if (full_) return;
    if (files_.size() == kIniLinesMax) return stop(line.place(), "too many files");
    take_file(file, depth + 1, line.place(), has_variable(path) ? written : quoted(file));
  }
}

void Source::take_text(const std::string& name, std::string text, int depth) {
  const std::string& file = files_.emplace_back(name);
  const std::string& kept = texts_.emplace_back(std::move(text));
  bytes_ += kept.size();
  if (bytes_ > kIniBytesMax) return stop({file, 0}, "more than 16 MiB of settings");
  std::string_view rest = kept;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  for (int number = 1; !rest.empty() && !full_; ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    take_line({&file, number, trim(rest.substr(0, end))}, depth);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// What goes through inih's C callbacks: `reader` hands out skeletons, `handler` gets them back.
class Feed {
 public:
  explicit Feed(const Source& source) : source_(source) {}

  Ini run() {
    ini_.complaints = source_.complaints;
    ini_.warnings = source_.warnings;
    ini_.files = source_.named;
    ini_parse_stream(&Feed::read, this, &Feed::take, this);
    return std::move(ini_);
  }

 private:
  // fgets over skeletons. A header is followed by a pair that bears its own number, by which the
  // handler learns of a section that has no keys.
  static char* read(char* to, int room, void* self) {
    auto& feed = *static_cast<Feed*>(self);
    if (feed.next_ == feed.source_.lines.size() && !feed.announce_) return nullptr;
    std::snprintf(to, static_cast<std::size_t>(room), "%s\n", feed.skeleton().c_str());
    return to;
  }

  std::string skeleton() {
    if (announce_) {
      announce_ = false;
      return std::to_string(next_ - 1) + "=";
    }
    std::string token = std::to_string(next_);
    const Line& line = source_.lines[next_++];
    anatomy_ = dissect(line.text);
    switch (anatomy_.kind) {
      case Anatomy::Kind::blank:
        return {};
      case Anatomy::Kind::header:
        announce_ = true;
        lost_ = false;
        return "[" + token + "]";
      case Anatomy::Kind::pair:
        return token + "=" + token;
      case Anatomy::Kind::broken:
        break;
    }
    lost_ |= line.text.starts_with('[');
    complain(line.place(), anatomy_.complaint);
    return token;  // No =: inih calls this line an error.
  }

  static int take(void* self, const char* section, const char* name, const char*) {
    auto& feed = *static_cast<Feed*>(self);
    const Place place = feed.source_.lines[feed.next_ - 1].place();
    if (feed.lost_) return 1;
    if (*section == '\0') {
      feed.complain(place, "a setting stands before the first [section]");
    } else if (std::strcmp(section, name) == 0) {
      feed.section_ = feed.anatomy_.name;
      feed.ini_.sections.push_back({place, feed.section_});
    } else {
      feed.ini_.entries.push_back(
          {place, feed.section_, feed.anatomy_.name, std::string(feed.anatomy_.value)});
    }
    return 1;
  }

  void complain(const Place& place, std::string_view sentence) {
    ini_.complaints.add(placed(place, sentence));
  }

  const Source& source_;
  std::size_t next_ = 0;  // The line that is read next.
  bool announce_ = false;
  Anatomy anatomy_{Anatomy::Kind::blank};  // Of the line read last, which is the one being taken.
  bool lost_ = false;  // Behind a header that is broken: nobody knows where the lines belong.
  std::string section_;
  Ini ini_;
};

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max, const Place& at,
                              const std::string& called) {
  const auto refuse = [&](const char* what) {
    return fail_at(at, "cannot read " + called + ": " + what);
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return refuse(std::strerror(errno));
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(::fdopen(fd, "r"), close);
  if (!file) {
    ::close(fd);
    return refuse("it cannot be opened");
  }
  struct stat found {};
  if (::fstat(fd, &found) != 0) return refuse(std::strerror(errno));
  if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) return refuse("it is no regular file");
  std::string text;
  char block[16384];
  errno = 0;
  while (const std::size_t got = std::fread(block, 1, sizeof block, file.get())) {
    text.append(block, got);
    if (text.size() > bytes_max) return refuse("it is larger than any such file should be");
  }
  if (std::ferror(file.get()) != 0) return refuse(std::strerror(errno));
  return text;
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max, const Place& at) {
  return read_file(path, bytes_max, at, quoted(path));
}

Ini read_ini(const std::string& path, const Environment& environment) {
  Source source(environment);
  source.take_file(path, 0, {path, 0}, quoted(path));
  return Feed(source).run();
}

Ini parse_ini(const std::string& name, std::string_view text, const Environment& environment) {
  Source source(environment);
  source.take_text(name, std::string(text), 0);
  return Feed(source).run();
}

}  // namespace weir::proxy::config
