// complaints_test.cc: all that is wrong is found in one go, and each mistake draws one sentence.
#include "proxy/config/complaints.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/config/keys.h"
#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"
#include "tests/unit/proxy/config/scratch_file.h"

using namespace weir::proxy::config;

namespace {

using Sentences = std::vector<std::string>;

Report report_on(const ScratchFile& file, const std::string& text) {
  file.write(text);
  return check({.file = file.path(), .environment = {}});
}

}  // namespace

TEST_CASE("one look finds what is wrong in every section, in the file and in what it names") {
  const ScratchFile file("");
  const Report report = report_on(file,
                                  "[pgweir]\nlisten_prot = 1\npool_mode = fast\n"
                                  "auth_file = /nowhere/u\nbroken\n[databases]\n"
                                  "a = pool_size=x\nb = host=h password_file=/nowhere/p\n"
                                  "[users]\nu = pool_mode=fast\n[peers]\nx = host=h\n");
  const std::string at = file.path() + ":";
  CHECK(report.complaints.more == 0);
  REQUIRE(report.complaints.first.size() == 8);
  const char* const parts[] = {
      "5: neither [section]",  "2: unknown setting",           "3: \"fast\" is no",
      "7: \"x\" is no number", "10: \"fast\" is no choice",    "12: \"x\" is no number",
      "8: cannot read",        "4: cannot read \"/nowhere/u\""};
  for (std::size_t i = 0; i < 8; ++i) CHECK(has(report.complaints.first[i], at + parts[i]));
}

TEST_CASE("a start and a RELOAD hear the first complaint, and how many more there are") {
  CHECK(setting_complaint("listen_port = x\npool_mode = y\nlog_stats = z") ==
        "t.ini:2: \"x\" is no number for listen_port: write a whole number without a unit (and 2 "
        "more: pgweir --check t.ini)");
  const auto none = from_environment({{"DATABASE_URL", "mysql://"}, {"PGWEIR_LISTEN_PORT", "x"}});
  REQUIRE_FALSE(none);
  CHECK(has(none.error().text, "(and 1 more: pgweir --check)"));
}

TEST_CASE("one mistake draws one sentence") {
  const std::string more = "more: pgweir";
  CHECK_FALSE(has(setting_complaint("client_tls_sslmode = require\nclient_tls_cert_file = ${NONE}\n"
                                    "client_tls_key_file = k"),
                  more));
  CHECK_FALSE(
      has(complaint("[pgweir]\nauth_user = u\nauth_dbname = a\n[databases]\na = port=x\n"), more));
  CHECK_FALSE(has(complaint("[pgweir]\nunix_socket_dir =\nlisten_addr = *\n[databases]\n"
                            "a = port=x\n"),
                  more));
  CHECK_FALSE(has(complaint("[pgweir]\n[nonsense]\na = 1\nb = 2\n"), more));
  CHECK_FALSE(has(complaint("[pgweir\na = 1\n"), more));
  CHECK(complaint("") == "t.ini: the section [pgweir] (or [pgbouncer]) is missing");
}

TEST_CASE("a hundred complaints are kept, and the rest is counted") {
  std::string text = "[pgweir]\n";
  for (int i = 0; i < 350; ++i) text += "x" + std::to_string(i) + " = 1\n";
  const ScratchFile file("");
  const Report report = report_on(file, text);
  CHECK(report.complaints.first.size() == kComplaintsMax);
  CHECK(report.complaints.more == 250);
  CHECK(has(complaint(text), "(and 349 more: "));
}

TEST_CASE("warnings are told beside complaints, and are none") {
  const ScratchFile file("");
  const Report good = report_on(file, "[pgweir]\nmax_prepared_statements = 5\n");
  CHECK(good.complaints.empty());
  CHECK(good.warnings ==
        Sentences{file.path() +
                  ":2: \"max_prepared_statements\" is not built yet and has no effect. " +
                  std::string{find_key("max_prepared_statements", kGlobal)->instead}});
  const Report bad = report_on(file, "[pgweir]\nmax_prepared_statements = 5\nx = 1\n");
  CHECK(bad.complaints.first.size() == 1);
  CHECK(bad.warnings.size() == 1);
}

TEST_CASE("a database without a host is told of every such line") {
  CHECK(has(complaint("[pgweir]\nunix_socket_dir =\nlisten_addr = *\n[databases]\na =\nb =\n"),
            "t.ini:5: database \"a\" has no host"));
}
