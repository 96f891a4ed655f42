#include "proxy/config/auth_lines.h"

#include <doctest/doctest.h>

#include "tests/unit/proxy/config/scratch_directory.h"

using namespace weir::proxy::config;

namespace {

// Fields between spaces, words between commas, quoted ones in ''; the place in front.
std::string shown(const AuthLine& line) {
  std::string out = std::to_string(line.place.line) + ":";
  for (const AuthField& field : line.fields) {
    out += field.empty() ? " ()" : " ";
    for (const AuthWord& word : field) {
      if (&word != &field.front()) out += ",";
      out += word.quoted ? "'" + word.text + "'" : word.text;
    }
  }
  return out;
}

std::string read(const std::string& name, std::string_view text) {
  Complaints complaints;
  std::string out;
  for (const AuthLine& line : auth_lines(name, text, complaints)) {
    out += (out.empty() ? "" : "|") + shown(line);
  }
  return complaints.empty() ? out : complaints.fault().value().text;
}

std::string read(std::string_view text) { return read("a.conf", text); }

}  // namespace

TEST_CASE("fields, lists, quotes and comments are cut as PostgreSQL cuts them") {
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"", ""},
           Row{"# nothing\n \t \r\n", ""},
           Row{"a b c", "1: a b c"},
           Row{"\xef\xbb\xbf"
               "a b",
               "1: a b"},
           Row{"a\tb\r\n\nc", "1: a b|3: c"},
           Row{"a # b", "1: a"},
           Row{"a#b", "1: a"},
           Row{"a,b c", "1: a,b c"},
           Row{"a, b c", "1: a,b c"},
           Row{"a,,b c", "1: a,b c"},
           Row{",a b,", "1: a b"},
           Row{"\"a b\" \"c,d\" \"e#f\"", "1: 'a b' 'c,d' 'e#f'"},
           Row{"\"a\"\"b\"", "1: 'a\"b'"},
           Row{"\"\" x", "1: '' x"},
           Row{"\"\"\"\" x", "1: '\"' x"},
           Row{"a\"b c\" d", "1: ab c d"},
           Row{"\"all\"x,all", "1: 'allx',all"},
           Row{"a \\\n b\nc", "1: a b|3: c"},
           Row{"a \\\r\n b\nc", "1: a b|3: c"},
           Row{"# a \\\n b\nc", "3: c"},
           Row{"\"a \\\nb\" c", "1: 'a b' c"},
           Row{"a\\\\\n\nb", "1: a\\|3: b"},
           Row{"a \\", "1: a"},
           Row{"a\\b \\ c", "1: a\\b \\ c"},
           Row{"@ \"@x\"", "1: @ '@x'"},
       }) {
    CAPTURE(row.text);
    CHECK(read(row.text) == row.expected);
  }
}

TEST_CASE("a list may have spaces before its commas, as in PgBouncer") {
  CHECK(read("user1,user2 , user3\t16.0.0.0/8") == "1: user1,user2,user3 16.0.0.0/8");
}

TEST_CASE("a broken line is named, and so are all the others") {
  CHECK(read("a \"b\nc\nd\n\"") ==
        "a.conf:1: a double quote is not closed\na.conf:4: a double quote is not closed");
  CHECK(read(std::string_view("a \0 b", 5)) == "a.conf:1: a NUL byte; is this a text file?");
}

TEST_CASE("beyond a hundred complaints the rest are counted") {
  std::string text;
  for (std::size_t i = 0; i < kComplaintsMax + 5; ++i) text += "\"\n";
  const std::string said = read(text);
  CHECK(said.find("a.conf:100:") != std::string::npos);
  CHECK(said.find("a.conf:101:") == std::string::npos);
  CHECK(said.ends_with("\nand 5 more"));
}

TEST_CASE("@file stands for all words of the file beside the one that names it") {
  const ScratchDirectory directory;
  directory.write("lists/users", "anna, bert # old\n\"carl c\"\n@more\n");
  directory.write("lists/more", "dora\nall");
  directory.write("none", "# nobody\n");
  const std::string name = directory.path() + "/a.conf";
  CHECK(read(name, "x,@lists/users,y z") == "1: x,anna,bert,'carl c',dora,all,y z");
  CHECK(read(name, "@none z") == "1: () z");
  CHECK(read(name, "@" + directory.path() + "/lists/more z") == "1: dora,all z");
  CHECK(read(name, "a\n@missing z") ==
        name + ":2: cannot read \"" + directory.path().substr(0, 60) +
            (directory.path().size() + 8 > 60 ? "" : "/missing") + "\": No such file or directory");
}

TEST_CASE("a mistake in an @file is named there") {
  const ScratchDirectory directory;
  const std::string list = directory.write("list", "a\n\"b\n");
  CHECK(read(directory.path() + "/a.conf", "@list z") == list + ":2: a double quote is not closed");
}

TEST_CASE("include takes in the lines of another file where it stands") {
  const ScratchDirectory directory;
  directory.write("b.conf", "b 1\ninclude sub/c.conf\nb 2\n");
  directory.write("sub/c.conf", "c 1\ninclude d.conf\n");
  directory.write("sub/d.conf", "d 1\n");
  const std::string name = directory.path() + "/a.conf";
  CHECK(read(name, "a 1\ninclude \"b.conf\"\na 2") == "1: a 1|1: b 1|1: c 1|1: d 1|3: b 2|3: a 2");
  CHECK(read(name, "include_if_exists b2.conf\ninclude_if_exists sub/d.conf") == "1: d 1");
  CHECK(read(name, "include b2.conf").ends_with("No such file or directory"));
  CHECK(read(name, "include b c") ==
        name + ":1: include takes one path: quote it if there are spaces or commas in it");
  CHECK(read(name, "include") ==
        name + ":1: include takes one path: quote it if there are spaces or commas in it");
  CHECK(read(name, "\"include\" b.conf") == "1: 'include' b.conf");
}

TEST_CASE("include_dir takes *.conf in the order of their bytes, and no hidden ones") {
  const ScratchDirectory directory;
  directory.write("d/10.conf", "ten\n");
  directory.write("d/2.conf", "two\n");
  directory.write("d/.hidden.conf", "hidden\n");
  directory.write("d/readme", "readme\n");
  directory.write("d/sub.conf/x", "x\n");
  const std::string name = directory.path() + "/a.conf";
  CHECK(read(name, "include_dir d") == "1: ten|1: two");
  CHECK(read(name, "include_dir nowhere").find("cannot read directory") != std::string::npos);
}

TEST_CASE("files that name themselves come to an end") {
  const ScratchDirectory directory;
  const std::string loop = directory.write("loop", "include loop\n");
  const std::string list = directory.write("list", "x,@list\n");
  const std::string name = directory.path() + "/a.conf";
  CHECK(read(name, "include loop") == loop + ":1: files include each other more than 10 deep");
  CHECK(read(name, "@list") == list + ":1: files include each other more than 10 deep");
  directory.write("many", "include many\ninclude many\ninclude many\n");
  CHECK(read(name, "include many") ==
        directory.path() + "/many:1: files include each other more than 10 deep");
}

TEST_CASE("files without end are refused") {
  const ScratchDirectory directory;
  directory.write("one", "");
  std::string text;
  for (std::size_t i = 0; i <= kAuthFilesMax; ++i) text += "include one\n";
  CHECK(read(directory.path() + "/a.conf", text) ==
        directory.path() +
            "/a.conf:10001: more than 10000 files, or 16 MiB of them: do they "
            "repeat?");
}
