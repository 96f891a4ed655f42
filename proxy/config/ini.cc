// Debian's inih reads lines into 200 bytes, section names into 50, ends a value at " ;", takes ':'
// for
// '=' and a line that begins with a space for the continuation of the one before. pgbouncer.ini
// knows none of this. So inih never sees the text: it is fed the skeleton of each line, `[7]` for a
// header on line 7 and `8=8` for a pair on line 8, and says what belongs to what; the text waits in
// `lines`.
#include "proxy/config/ini.h"

#include <ini.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <system_error>
#include <utility>

#include "proxy/config/values.h"

namespace weir::proxy::config {
namespace {

struct Line {
  const std::string* file;
  int number;
  std::string_view text;  // Trimmed; lives in Source::texts.

  Place place() const { return {*file, number}; }
};

// The file and what it includes, laid out as one list of lines. The deques never move their
// strings.
struct Source {
  std::deque<std::string> files;
  std::deque<std::string> texts;
  std::size_t bytes = 0;
  std::vector<Line> lines;
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

tl::expected<void, Fault> take_file(Source& source, const std::string& path, int depth,
                                    const Place& at);

tl::expected<void, Fault> take_line(Source& source, const Line& line, int depth) {
  constexpr std::string_view kInclude = "%include";
  if (line.text.size() > kIniLineBytesMax) {
    return fail_at(line.place(), "a line is longer than 1 MiB");
  }
  if (line.text.find('\0') != std::string_view::npos) {
    return fail_at(line.place(), "a NUL byte; is this a text file?");
  }
  if (!line.text.starts_with('%')) {
    if (source.lines.size() == kIniLinesMax) return fail_at(line.place(), "too many lines");
    source.lines.push_back(line);
    return {};
  }
  const std::string_view path = trim(line.text.substr(std::min(kInclude.size(), line.text.size())));
  const bool spaced = line.text.size() > kInclude.size() &&
                      (line.text[kInclude.size()] == ' ' || line.text[kInclude.size()] == '\t');
  if (!line.text.starts_with(kInclude) || path.empty() || !spaced) {
    return fail_at(line.place(), "only `%include path` may begin with %");
  }
  if (depth >= kIncludeDepthMax) {
    return fail_at(line.place(), "files include each other more than 10 deep");
  }
  if (source.files.size() == kIniLinesMax) return fail_at(line.place(), "too many files");
  return take_file(source, std::string(path), depth + 1, line.place());
}

tl::expected<void, Fault> take_text(Source& source, const std::string& name, std::string text,
                                    int depth) {
  const std::string& file = source.files.emplace_back(name);
  const std::string& kept = source.texts.emplace_back(std::move(text));
  source.bytes += kept.size();
  if (source.bytes > kIniBytesMax) return fail_at({file, 0}, "more than 16 MiB of settings");
  std::string_view rest = kept;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  for (int number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const Line line{&file, number, trim(rest.substr(0, end))};
    if (auto taken = take_line(source, line, depth); !taken) return taken;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

tl::expected<void, Fault> take_file(Source& source, const std::string& path, int depth,
                                    const Place& at) {
  auto text = read_file(path, kIniBytesMax, at);
  if (!text) return tl::unexpected(text.error());
  return take_text(source, path, std::move(*text), depth);
}

// What goes through inih's C callbacks: `reader` hands out skeletons, `handler` gets them back.
class Feed {
 public:
  explicit Feed(const Source& source) : source_(source) {}

  Result<Ini> run() {
    const int bad_line = ini_parse_stream(&Feed::read, this, &Feed::take, this);
    if (bad_line != 0) return fail_at(complaint_at_, complaint_);
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
        return "[" + token + "]";
      case Anatomy::Kind::pair:
        return token + "=" + token;
      case Anatomy::Kind::broken:
        break;
    }
    if (complaint_.empty()) {
      complaint_ = anatomy_.complaint;
      complaint_at_ = line.place();
    }
    return token;  // No =: inih calls this line an error.
  }

  static int take(void* self, const char* section, const char* name, const char*) {
    auto& feed = *static_cast<Feed*>(self);
    const Place place = feed.source_.lines[feed.next_ - 1].place();
    if (*section == '\0') return feed.refuse(place, "a setting stands before the first [section]");
    if (std::strcmp(section, name) == 0) {
      feed.section_ = feed.anatomy_.name;
      feed.ini_.sections.push_back({place, feed.section_});
    } else {
      feed.ini_.entries.push_back(
          {place, feed.section_, feed.anatomy_.name, std::string(feed.anatomy_.value)});
    }
    return 1;
  }

  int refuse(const Place& place, const char* complaint) {
    if (complaint_.empty()) {
      complaint_ = complaint;
      complaint_at_ = place;
    }
    return 0;
  }

  const Source& source_;
  std::size_t next_ = 0;  // The line that is read next.
  bool announce_ = false;
  Anatomy anatomy_{Anatomy::Kind::blank};  // Of the line read last, which is the one being taken.
  std::string section_;
  std::string complaint_;
  Place complaint_at_;
  Ini ini_;
};

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max, const Place& at) {
  const auto refuse = [&](const char* what) {
    return fail_at(at, "cannot read " + quoted(path) + ": " + what);
  };
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "re"), close);
  if (!file) return refuse(std::strerror(errno));
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

Result<Ini> read_ini(const std::string& path) {
  Source source;
  if (auto taken = take_file(source, path, 0, {path, 0}); !taken) {
    return tl::unexpected(taken.error());
  }
  return Feed(source).run();
}

Result<Ini> parse_ini(const std::string& name, std::string_view text) {
  Source source;
  if (auto taken = take_text(source, name, std::string(text), 0); !taken) {
    return tl::unexpected(taken.error());
  }
  return Feed(source).run();
}

}  // namespace weir::proxy::config
