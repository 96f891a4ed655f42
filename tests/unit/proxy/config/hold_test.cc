#include "proxy/config/hold.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy/config/check.h"
#include "proxy/config/keys.h"
#include "proxy/config/load.h"

using namespace weir::proxy::config;

namespace {

Config loaded(const std::string& lines) {
  auto config = load_text("t.ini", "[pgweir]\n" + lines);
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error().text));
  return *config;
}

using Sentences = std::vector<std::string>;

}  // namespace

TEST_CASE("a key that takes a restart keeps its value, and is told once with its place") {
  const Config start = loaded("listen_port = 7000\nlisten_addr = 127.0.0.1\nuser = anna\n");
  Config next = loaded(
      "disable_pqexec = 1\nlisten_port = 7001\nlisten_addr = 127.0.0.1\nmax_client_conn = 7\n");
  CHECK(hold(next, start) == Sentences{"t.ini:2: disable_pqexec has changed: it takes a restart",
                                       "t.ini:3: listen_port has changed: it takes a restart",
                                       "user has changed: it takes a restart"});
  Settings expected = start.settings;
  expected.max_client_conn = 7;
  CHECK(next.settings == expected);
  Config again = loaded("listen_port = 7000\nlisten_addr = 127.0.0.1\nuser = anna\n");
  CHECK(hold(again, next).empty());
}

TEST_CASE("the same value in another spelling has not changed") {
  const Config start = loaded("listen_port = 6432\nunix_socket_mode = 0777\nlisten_addr = a,b\n");
  Config next = loaded("listen_port = 0x1920\nunix_socket_mode = 511\nlisten_addr = a , b\n");
  CHECK(hold(next, start).empty());
  CHECK(next.settings == start.settings);
  CHECK(next.texts == start.texts);
}

TEST_CASE("what is not built yet draws no second warning") {
  const Config start = loaded("pkt_buf = 4096\n");
  Config next = loaded("pkt_buf = 8192\n");
  CHECK(hold(next, start).empty());
  CHECK(next.texts == start.texts);  // What SHOW CONFIG would print is in force.
}

TEST_CASE("a unix_socket_dir that is held empty leaves a database without a host nowhere to go") {
  const Config start = loaded("listen_addr = *\nunix_socket_dir =\n");
  Config next = loaded("listen_addr = *\nunix_socket_dir = /tmp\n[databases]\nshop =\n");
  CHECK(check_hosts(next));
  CHECK(hold(next, start).size() == 1);
  const auto checked = check_hosts(next);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().text.find("t.ini:5: database \"shop\" has no host") == 0);
}
