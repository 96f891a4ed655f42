#include "proxy/config/auth_lines.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "proxy/config/ini.h"

namespace weir::proxy::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Cuts words off the front of one line.
class Words {
 public:
  explicit Words(std::string_view line) : line_(line) {}

  // False at the end of the line.
  bool next(AuthWord& word) {
    while (at_ < line_.size() && (is_blank(line_[at_]) || line_[at_] == ',')) ++at_;
    if (at_ == line_.size() || line_[at_] == '#') return false;
    word = {};
    for (; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (!open_ && (is_blank(c) || c == ',' || c == '#')) break;
      if (c == '"') {
        take_quote(word);
      } else {
        word.text += c;
      }
    }
    // PgBouncer's lists may have spaces before a comma, too.
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
    return true;
  }

  // The word that was cut last is followed by another of the same field.
  bool list_goes_on() const { return at_ < line_.size() && line_[at_] == ','; }
  bool quote_open() const { return open_; }

 private:
  void take_quote(AuthWord& word) {
    if (open_ && at_ + 1 < line_.size() && line_[at_ + 1] == '"') {
      word.text += line_[++at_];
      return;
    }
    word.quoted |= word.text.empty();
    open_ = !open_;
  }

  std::string_view line_;
  std::size_t at_ = 0;
  bool open_ = false;
};

// Calls visit(number of its first line, line) for each line, with those joined that a backslash
// joins.
template <typename Visit>
void each_line(std::string_view text, Visit visit) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::string line;
  std::size_t joined = 0;  // A backslash before here has done its work.
  int first = 1;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.size() > joined && line.back() == '\r') line.pop_back();
    if (line.size() > joined && line.back() == '\\') {
      line.pop_back();
      joined = line.size();
      if (!text.empty()) continue;
    }
    visit(first, line);
    line.clear();
    joined = 0;
    first = number + 1;
  }
}

std::string beside(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).string();
}

class Reader {
 public:
  Reader(Complaints& complaints, std::vector<std::string>* files)
      : complaints_(complaints), named_(files) {}

  void take(const std::string& name, std::string_view text, int depth) {
    each_line(text, [&](int number, const std::string& line) {
      AuthLine taken{{name, number}, {}};
      if (cut(taken, line, depth) && !taken.fields.empty()) take_line(std::move(taken), depth);
    });
  }

  std::vector<AuthLine> finish() { return std::move(lines_); }

 private:
  bool refuse(const Place& place, std::string_view sentence) {
    complaints_.add(place, sentence);
    return false;
  }

  // Fills the fields; false: it has been complained of.
  bool cut(AuthLine& to, const std::string& line, int depth) {
    if (line.find('\0') != std::string::npos) {
      return refuse(to.place, "a NUL byte; is this a text file?");
    }
    Words words(line);
    bool same_field = false;
    bool right = true;
    for (AuthWord word; words.next(word);) {
      if (!same_field) to.fields.emplace_back();
      same_field = words.list_goes_on();
      const bool file = !word.quoted && word.text.size() > 1 && word.text[0] == '@';
      if (file) {
        right &= take_words(to.fields.back(), word.text.substr(1), to.place, depth);
      } else {
        to.fields.back().push_back(std::move(word));
      }
    }
    if (words.quote_open()) return refuse(to.place, "a double quote is not closed");
    return right;
  }

  // All words of the file, whatever its lines.
  bool take_words(AuthField& field, const std::string& path, const Place& at, int depth) {
    std::string text;
    const std::string file = beside(at.file, path);
    if (!open(file, at, depth, text)) return false;
    bool right = true;
    each_line(text, [&](int number, const std::string& line) {
      AuthLine inner{{file, number}, {}};
      right &= cut(inner, line, depth + 1);
      for (AuthField& words : inner.fields) {
        field.insert(field.end(), words.begin(), words.end());
      }
    });
    return right;
  }

  void take_line(AuthLine line, int depth) {
    const AuthField& first = line.fields[0];
    const bool one_word = first.size() == 1 && !first[0].quoted;
    const std::string word = one_word ? first[0].text : "";
    if (word != "include" && word != "include_if_exists" && word != "include_dir") {
      lines_.push_back(std::move(line));
      return;
    }
    if (line.fields.size() != 2 || line.fields[1].size() != 1) {
      refuse(line.place, word + " takes one path: quote it if there are spaces or commas in it");
      return;
    }
    const std::string path = beside(line.place.file, line.fields[1][0].text);
    record(path);
    if (word == "include_dir") {
      take_directory(path, line.place, depth);
    } else if (word == "include" || exists(path)) {
      take_file(path, line.place, depth);
    }
  }

  void record(const std::string& path) {
    if (named_ != nullptr) named_->push_back(path);
  }

  static bool exists(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 || errno != ENOENT;
  }

  void take_file(const std::string& path, const Place& at, int depth) {
    std::string text;
    if (open(path, at, depth, text)) take(path, text, depth + 1);
  }

  // As PostgreSQL: files named *.conf, hidden ones left out, in the order of their bytes.
  void take_directory(const std::string& path, const Place& at, int depth) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      std::error_code unknown;
      if (name[0] == '.' || !name.ends_with(".conf")) continue;
      if (!entry->is_directory(unknown)) names.push_back(entry->path().string());
      if (names.size() > kAuthFilesMax) break;
    }
    if (error) {
      refuse(at, "cannot read directory " + config::quoted(path) + ": " + error.message());
      return;
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) take_file(name, at, depth);
  }

  bool open(const std::string& path, const Place& at, int depth, std::string& text) {
    if (full_) return false;
    full_ = depth >= kAuthDepthMax;
    if (full_) return refuse(at, "files include each other more than 10 deep");
    record(path);
    auto whole = read_file(path, kAuthBytesMax, at);
    if (!whole) return refuse(at, unplaced(whole.error().text, at));
    bytes_ += whole->size();
    full_ = bytes_ > kAuthBytesMax || ++files_ > kAuthFilesMax;
    if (full_) return refuse(at, "more than 10000 files, or 16 MiB of them: do they repeat?");
    text = std::move(*whole);
    return true;
  }

  static std::string_view unplaced(std::string_view text, const Place& at) {
    return text.substr(placed(at, "").size());
  }

  Complaints& complaints_;
  std::vector<std::string>* const named_;
  std::vector<AuthLine> lines_;
  std::size_t bytes_ = 0;
  std::size_t files_ = 0;
  bool full_ = false;  // No file is opened any more.
};

}  // namespace

std::vector<AuthLine> auth_lines(const std::string& name, std::string_view text,
                                 Complaints& complaints, std::vector<std::string>* files) {
  Reader reader(complaints, files);
  reader.take(name, text, 0);
  return reader.finish();
}

}  // namespace weir::proxy::config
