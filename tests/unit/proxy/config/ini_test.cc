#include "proxy/config/ini.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/proxy/config/scratch_directory.h"

using namespace weir::proxy::config;

namespace {

std::string first_of(const Ini& ini) {
  return ini.complaints.empty() ? "accepted" : ini.complaints.first.front();
}

Ini parsed(std::string_view text) {
  Ini ini = parse_ini("t.ini", text, {});
  CHECK_MESSAGE(ini.complaints.empty(), first_of(ini));
  return ini;
}

std::string complaint(std::string_view text) { return first_of(parse_ini("t.ini", text, {})); }

std::string value_of(std::string_view line) {
  const Ini ini = parsed("[s]\n" + std::string(line) + "\n");
  return ini.entries.size() == 1 ? ini.entries[0].value : "not one entry";
}

}  // namespace

TEST_CASE("sections, names, values and lines come out in the order of the file") {
  const Ini ini = parsed("; head\n[one]\na = 1\n\n  # note\n[two]\n  b=2\n[one]\na = 3\n");
  REQUIRE(ini.sections.size() == 3);
  CHECK(ini.sections[2].name == "one");
  CHECK(ini.sections[2].place.line == 8);
  REQUIRE(ini.entries.size() == 3);
  CHECK(ini.entries[0].section == "one");
  CHECK(ini.entries[1].name == "b");
  CHECK(ini.entries[1].place.line == 7);
  CHECK(ini.entries[2].value == "3");
  CHECK(ini.entries[2].place.file == "t.ini");
}

TEST_CASE("what inih would cut, split or take for a comment stays whole") {
  CHECK(value_of("q = select 1 ; select 2 # three") == "select 1 ; select 2 # three");
  CHECK(value_of("q = a:b=c") == "a:b=c");
  CHECK(value_of("q = ;") == ";");
  CHECK(value_of("q =") == "");
  CHECK(value_of("q=") == "");
  CHECK(value_of("q = \"kept\"") == "\"kept\"");
  std::string query = "SELECT ";
  while (query.size() < 5000) query += "a ; 'b' ;; ";
  query += "END";
  CHECK(value_of("auth_query = " + query) == query);
  const std::string name(120, 'n');
  const Ini ini = parsed("[" + name + "]\n" + name + " = 1\n");
  REQUIRE(ini.entries.size() == 1);
  CHECK(ini.entries[0].section == name);
  CHECK(ini.entries[0].name == name);
}

TEST_CASE("an indented line is a line of its own, not the rest of the one before") {
  const Ini ini = parsed("[s]\na = 1\n   b = 2\n\t[t]\n  c = 3\n");
  REQUIRE(ini.entries.size() == 3);
  CHECK(ini.entries[0].value == "1");
  CHECK(ini.entries[1].name == "b");
  CHECK(ini.entries[2].section == "t");
}

TEST_CASE("Windows line ends, a byte order mark and a missing last newline do no harm") {
  const Ini ini = parsed("\xef\xbb\xbf[s]\r\na = 1\r\nb = 2");
  REQUIRE(ini.entries.size() == 2);
  CHECK(ini.entries[0].value == "1");
  CHECK(ini.entries[1].value == "2");
}

TEST_CASE("names in double quotes may hold anything") {
  const Ini ini = parsed("[databases]\n\"my db\" = host=x\n\"a\"\"b=c;d\"=1\n\"[x]\" = 2\n");
  REQUIRE(ini.entries.size() == 3);
  CHECK(ini.entries[0].name == "my db");
  CHECK(ini.entries[0].value == "host=x");
  CHECK(ini.entries[1].name == "a\"b=c;d");
  CHECK(ini.entries[1].value == "1");
  CHECK(ini.entries[2].name == "[x]");
}

TEST_CASE("a section without keys is seen, and a comment may follow its header") {
  const Ini ini = parsed("[pgbouncer] ; the main one\n[databases]");
  REQUIRE(ini.sections.size() == 2);
  CHECK(ini.sections[0].name == "pgbouncer");
  CHECK(ini.entries.empty());
}

TEST_CASE("each broken line is named by file and line") {
  CHECK(complaint("[s]\nfoo\n") == "t.ini:2: neither [section] nor key = value");
  CHECK(complaint("[s]\na=1\nb: 2\n") == "t.ini:3: neither [section] nor key = value");
  CHECK(complaint("\n[s\na=1\n") == "t.ini:2: the ] of a section is missing");
  CHECK(complaint("[s] x\n") == "t.ini:1: text after the ]");
  CHECK(complaint("[s]\n= 1\n") == "t.ini:2: no name before the =");
  CHECK(complaint("a = 1\n[s]\n") == "t.ini:1: a setting stands before the first [section]");
  CHECK(complaint("[s]\nmy db = 1\n") ==
        "t.ini:2: a name with spaces or quotes in it must stand in double quotes");
  CHECK(complaint("[s]\n\"my db = 1\n") == "t.ini:2: the name's closing quote is missing");
  CHECK(complaint("[s]\n\"my db\" 1\n") == "t.ini:2: no = after the quoted name");
  CHECK(complaint("[s]\n%inclood x\n") == "t.ini:2: only `%include path` may begin with %");
  CHECK(complaint("[s]\nx\ny\n") == "t.ini:2: neither [section] nor key = value");
}

TEST_CASE("NUL bytes and sizes beyond the bounds are refused") {
  CHECK(complaint(std::string_view("[s]\na = \0b\n", 11)) ==
        "t.ini:2: a NUL byte; is this a text file?");
  const std::string mebibyte(kIniLineBytesMax, 'x');
  CHECK(complaint("[s]\na = " + mebibyte + "\n") == "t.ini:2: a line is longer than 1 MiB");
  CHECK(value_of("a = " + mebibyte.substr(4)).size() == kIniLineBytesMax - 4);
  CHECK(complaint(std::string(kIniBytesMax + 1, '\n')) == "t.ini: more than 16 MiB of settings");
  CHECK(complaint(std::string(kIniLinesMax + 1, '\n')) ==
        "t.ini:" + std::to_string(kIniLinesMax + 1) + ": too many lines");
}

TEST_CASE("a file of nothing but broken lines draws all its complaints, a hundred at most") {
  const Ini two = parse_ini("t.ini", "[s]\nx\na = 1\n%y\nz\n", {});
  CHECK(two.complaints.first ==
        std::vector<std::string>{"t.ini:4: only `%include path` may begin with %",
                                 "t.ini:2: neither [section] nor key = value",
                                 "t.ini:5: neither [section] nor key = value"});
  REQUIRE(two.entries.size() == 1);
  CHECK(two.entries[0].value == "1");
  std::string many = "[s]\n";
  for (int i = 0; i < 250; ++i) many += "x\n";
  const Ini all = parse_ini("t.ini", many, {});
  CHECK(all.complaints.first.size() == kComplaintsMax);
  CHECK(all.complaints.more == 150);
}

TEST_CASE("what stands behind a broken header belongs nowhere, and is not complained of") {
  const Ini ini = parse_ini("t.ini", "[s]\na = 1\n[t\nb = 2\n[u]\nc = 3\n", {});
  CHECK(ini.complaints.first == std::vector<std::string>{"t.ini:3: the ] of a section is missing"});
  REQUIRE(ini.entries.size() == 2);
  CHECK(ini.entries[1].name == "c");
  CHECK(complaint("[t\nb = 2\n") == "t.ini:1: the ] of a section is missing");
}

TEST_CASE("a pipe or a device is refused, and not waited for") {
  const ScratchDirectory dir;
  const std::string pipe = dir.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (const std::string& path : {pipe, std::string("/dev/null")}) {
    CHECK(read_ini(path, {}).complaints.first ==
          std::vector{path + ": cannot read \"" + path + "\": it is no regular file"});
  }
}

TEST_CASE("an unreadable file says why") {
  const Ini ini = read_ini("/nowhere/pgweir.ini", {});
  CHECK(first_of(ini) ==
        "/nowhere/pgweir.ini: cannot read \"/nowhere/pgweir.ini\": No such file or directory");
}
