#include "proxy/config/include.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "proxy/config/ini.h"
#include "tests/unit/proxy/config/scratch_file.h"

using namespace weir::proxy::config;

namespace {

// A directory of its own for files that include each other.
class ScratchDirectory {
 public:
  ScratchDirectory() : name_("weir_include_XXXXXX") {
    std::string path = std::filesystem::temp_directory_path() / name_;
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string file(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }

 private:
  std::string name_;
  std::filesystem::path path_;
};

// The names of the entries, in their order; or the first complaint.
std::string names(const Ini& ini) {
  if (!ini.complaints.empty()) return ini.complaints.first.front();
  std::string out;
  for (const IniEntry& entry : ini.entries) out += entry.name + " ";
  return out;
}

}  // namespace

TEST_CASE("%include takes a file in where it stands, within the section it stands in") {
  const ScratchFile part("a = 2\n[t]\nb = 3\n");
  const ScratchFile whole("[s]\na = 1\n  %include " + part.path() + "\nc = 4\n");
  const Ini ini = read_ini(whole.path(), {});
  CHECK(ini.complaints.empty());
  REQUIRE(ini.entries.size() == 4);
  CHECK(ini.entries[1].section == "s");
  CHECK(ini.entries[1].value == "2");
  CHECK(ini.entries[1].place.file == part.path());
  CHECK(ini.entries[1].place.line == 1);
  CHECK(ini.entries[3].section == "t");
  CHECK(ini.entries[3].place.file == whole.path());
  CHECK(ini.entries[3].place.line == 4);
}

TEST_CASE("a relative %include starts beside the file that has it, also one deeper") {
  const ScratchDirectory dir;
  dir.write("main.ini", "[s]\n%include more/one.ini\n");
  dir.write("more/one.ini", "one = 1\n%include two.ini\n");
  dir.write("more/two.ini", "two = 2\n");
  CHECK(names(read_ini(dir.file("main.ini"), {})) == "one two ");
}

TEST_CASE(
    "a relative %include that is not beside its file is looked for in the working directory") {
  const ScratchDirectory dir;
  dir.write("main.ini", "[s]\n%include here.ini\n%include h*.ini\n");  // The pattern is not.
  dir.write("work/here.ini", "here = 1\n");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.file("work"));
  const Ini ini = read_ini(dir.file("main.ini"), {});
  std::filesystem::current_path(before);
  CHECK(names(ini) == "here ");
}

TEST_CASE("a pattern takes in what it names, sorted; it may name nothing, a plain path may not") {
  const ScratchDirectory dir;
  dir.write("main.ini", "[s]\n%include conf.d/*.ini\n%include conf.d/[xy].none\n");
  dir.write("conf.d/20.ini", "b = 1\n");
  dir.write("conf.d/10.ini", "a = 1\n");
  dir.write("conf.d/30.txt", "c = 1\n");
  CHECK(names(read_ini(dir.file("main.ini"), {})) == "a b ");
  dir.write("main.ini", "[s]\n%include conf.d/none.ini\n");
  CHECK(names(read_ini(dir.file("main.ini"), {})) ==
        dir.file("main.ini") + ":2: cannot read \"conf.d/none.ini\": No such file or directory");
}

TEST_CASE("a pattern whose directory is not there draws a warning, what cannot be read stops it") {
  const ScratchDirectory dir;
  dir.write("main.ini", "[s]\n%include conf.d/*.ini\n");
  const Ini missing = read_ini(dir.file("main.ini"), {});
  CHECK(names(missing) == "");
  CHECK(missing.warnings ==
        std::vector{dir.file("main.ini") + ":2: there is no directory for \"conf.d/*.ini\""});
  std::filesystem::create_symlink("conf.d", dir.file("conf.d"));  // Leads to itself.
  CHECK(names(read_ini(dir.file("main.ini"), {})) ==
        dir.file("main.ini") + ":2: cannot read a directory of \"conf.d/*.ini\"");
}

TEST_CASE("the path of an %include may hold variables") {
  const ScratchDirectory dir;
  dir.write("main.ini", "[s]\n%include ${STAGE:-dev}.ini\n");
  dir.write("dev.ini", "dev = 1\n");
  dir.write("live.ini", "live = 1\n");
  CHECK(names(read_ini(dir.file("main.ini"), {})) == "dev ");
  CHECK(names(read_ini(dir.file("main.ini"), {{"STAGE", "live"}})) == "live ");
  dir.write("main.ini", "[s]\n%include ${STAGE}.ini\n");
  CHECK(names(read_ini(dir.file("main.ini"), {})) ==
        dir.file("main.ini") +
            ":2: the environment has no variable STAGE; ${STAGE:-text} would do without it");
}

TEST_CASE("what was read is known, and where a pattern looks") {
  const ScratchDirectory dir;
  dir.write("main.ini", "[s]\n%include conf.d/*.ini\n%include one.ini\n");
  dir.write("conf.d/10.ini", "a = 1\n");
  dir.write("one.ini", "b = 1\n");
  CHECK(read_ini(dir.file("main.ini"), {}).files ==
        std::vector{dir.file("main.ini"), dir.file("conf.d/"), dir.file("conf.d/10.ini"),
                    dir.file("one.ini")});
}

TEST_CASE("a fault in an included file names that file, and a missing one the line that asked") {
  const ScratchFile part("[t]\noops\n");
  CHECK(names(parse_ini("t.ini", "[s]\n%include " + part.path() + "\n", {})) ==
        part.path() + ":2: neither [section] nor key = value");
  CHECK(names(parse_ini("t.ini", "[s]\n%include /nowhere/x.ini\n", {})) ==
        "t.ini:2: cannot read \"/nowhere/x.ini\": No such file or directory");
  CHECK(names(parse_ini("t.ini", "[s]\n%include /\n", {})) ==
        "t.ini:2: cannot read \"/\": Is a directory");
}

TEST_CASE("files that include each other come to an end") {
  const ScratchFile loop("");
  loop.write("[s]\n%include " + loop.path() + "\n%include " + loop.path() + "\n");
  const Ini ini = read_ini(loop.path(), {});
  CHECK(ini.complaints.first ==
        std::vector{loop.path() + ":2: files include each other more than 10 deep"});
}
