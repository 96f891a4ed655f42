// secrecy_test.cc: whatever slip an operator makes, no sentence and no warning shows a password.
#include <doctest/doctest.h>

#include <string>

#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"

using namespace weir::proxy::config;

TEST_CASE("no sentence and no warning shows a password") {
  for (const char* line : {"a = password=hunter2 x",
                           "a = password=top hunter2=1",
                           "a = password='hunter2",
                           "a = password=hunter2 port=x",
                           "a = password='hunter2' pool_size=x",
                           "a = postgresql://u:hunter2@h:x/d",
                           "a = postgresql://u:hunter2@h:[hunter2",
                           "a = postgresql://u:hun/ter2hunter2@h/d",
                           "a = port=5432,password=hunter2",
                           "a = pool_size=5;password=hunter2",
                           "a = pool_mode=session,password=hunter2",
                           "a = server_lifetime=5;password='hunter2'",
                           "a = query_wait_timeout=5:hunter2",
                           "a = load_balance_hosts=disable;password=hunter2",
                           "a = sslmode=require;password=hunter2",
                           "a = channel_binding=require,password=hunter2",
                           "a = password_alternate=hunter2",
                           "a = password_alternate=top hunter2=1",
                           "a = password=hunter2 password_file=x",
                           "a = server_tls_protocols=x;password=hunter2",
                           "a = dbname=x;password=top hunter2=1",
                           "a = password=top hunter2=",
                           "a = password=top hunter2='1",
                           "a = password=top hunter2=1 x",
                           "a = postgresql://u:top hunter2=1@h/d",
                           "a = postgresql://u@h/d?sslmode=require;password=hunter2"}) {
    CAPTURE(line);
    const auto said = database_complaint(line);
    CHECK(said != "accepted");
    CHECK_FALSE(has(said, "hunter2"));
  }
  for (const char* line :
       {"u = pool_size=5,password=hunter2", "u = query_timeout=5;password=hunter2",
        "u = max_user_connections=1=hunter2"}) {
    CAPTURE(line);
    const auto said = complaint("[pgweir]\n[users]\n" + std::string(line) + "\n");
    CHECK(said != "accepted");
    CHECK_FALSE(has(said, "hunter2"));
  }
  CHECK_FALSE(has(complaint("[pgweir]\n[peers]\n1 = port=5;password=hunter2\n"), "hunter2"));
  CHECK(database_complaint("a = port=5432,password=hunter2") ==
        "t.ini:3: what is written is no number for port: write a whole number without a unit (in "
        "the line of \"a\")");
  const Config uri = with_database("a = postgresql://u@h/d?password=top&hunter2=1");
  REQUIRE(uri.warnings.size() == 1);
  CHECK_FALSE(has(uri.warnings[0], "hunter2"));
  const Config config = with_database("a = password=hunter2 keepalives=1 connect_timeout=1");
  CHECK(config.warnings.size() == 2);
  for (const std::string& warning : config.warnings) CHECK_FALSE(has(warning, "hunter2"));
}
