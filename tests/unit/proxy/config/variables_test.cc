// variables_test.cc: ${NAME} in every place where a value may stand.
#include <doctest/doctest.h>

#include <string>

#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"

using namespace weir::proxy::config;

namespace {

const Environment kSome{{"PORT", "7000"},
                        {"PW", "p w'=${PORT} port=1"},
                        {"HOSTS", "h1,h2"},
                        {"SECRET", "hunter2"},
                        {"URL", "postgresql://u:hunter2@h/live"},
                        {"EMPTY", ""}};

}  // namespace

TEST_CASE("variables in [pgweir]") {
  const Config config = loaded(
      "[pgweir]\nlisten_port = ${PORT}\nauth_query = $${PORT} $1 ${NONE:-x y}\n"
      "logfile = ${EMPTY}\n",
      kSome);
  CHECK(config.settings.listen_port == 7000);
  CHECK(config.settings.auth_query == "${PORT} $1 x y");
  CHECK(config.settings.logfile.empty());
  CHECK(config.source("listen_port") == "t.ini:2");
}

TEST_CASE("variables in a line of [databases], each one value of one word") {
  const Config config = with_database(
      "a = host=${HOSTS} port=${PORT} password=${PW} user='${NONE:-an na}' pool_size=${NONE:-7}",
      kSome);
  const Database& a = *config.find_database("a");
  CHECK(a.hosts == std::vector<std::string>{"h1", "h2"});
  CHECK(a.port == 7000);
  CHECK(a.password == "p w'=${PORT} port=1");
  CHECK(a.user == "an na");
  CHECK(a.pool_size == 7);
}

TEST_CASE("variables in a URI, and a URI in a variable") {
  const Config config =
      with_database("a = postgresql://u:${PW}@h:${PORT}/${NONE:-d}\nb = ${URL} pool_size=3", kSome);
  const Database& a = *config.find_database("a");
  CHECK(a.password == "p w'=${PORT} port=1");
  CHECK(a.hosts == std::vector<std::string>{"h"});
  CHECK(a.port == 7000);
  CHECK(a.dbname == "d");
  const Database& b = *config.find_database("b");
  CHECK(b.password == "hunter2");
  CHECK(b.dbname == "live");
  CHECK(b.pool_size == 3);
}

TEST_CASE("variables in lines of [users]") {
  const Config config =
      loaded("[pgweir]\n[users]\nu = pool_size=${NONE:-4} pool_mode=${MODE:-session}\n", kSome);
  CHECK(config.find_user("u")->pool_size == 4);
  CHECK(config.find_user("u")->pool_mode == PoolMode::session);
}

TEST_CASE("a variable that is not set stops the load, named with its place") {
  const std::string said =
      "the environment has no variable NONE; ${NONE:-text} would do without it";
  CHECK(setting_complaint("listen_port = ${NONE}", kSome) == "t.ini:2: listen_port: " + said);
  CHECK(database_complaint("a = password=${NONE}", kSome) ==
        "t.ini:3: " + said + " (in the line of \"a\")");
  CHECK(has(complaint("[pgweir]\n[users]\nu = pool_size=${NONE}\n", kSome), said));
}

TEST_CASE("a file that cannot be read is called what is written, not what a variable has put in") {
  const Environment environment{{"X", "/nowhere/hunter2"}};
  for (const char* text : {"[pgweir]\nauth_file = ${X}\n", "[pgweir]\nauth_ident_file = ${X}\n",
                           "[pgweir]\nauth_hba_file = ${X}\nauth_type = hba\n",
                           "[pgweir]\n%include ${X}\n", "[pgweir]\n%include ${X}/*/x\n"}) {
    CAPTURE(text);
    const auto config = load_text("t.ini", text, environment);
    const std::string said = config ? config->warnings.at(0) : config.error().text;
    CHECK(has(said, "t.ini:2: "));
    CHECK(has(said, "\"${X}"));
    CHECK_FALSE(has(said, "hunter2"));
  }
}

TEST_CASE("no sentence shows what a variable has put in") {
  for (const char* key :
       {"listen_port", "pool_mode", "query_wait_timeout", "max_packet_size", "log_stats",
        "track_extra_parameters", "proxy_protocol_from", "server_tls_sslmode",
        "server_tls_protocols", "scram_iterations", "stats_period", "auth_type"}) {
    CAPTURE(key);
    // A space, so that it is no name of a parameter either.
    const auto said = setting_complaint(std::string(key) + " = x ${SECRET}", kSome);
    CHECK(said != "accepted");
    CHECK_FALSE(has(said, "hunter2"));
  }
  for (const char* word :
       {"port", "pool_size", "pool_mode", "sslmode", "sslnegotiation", "gssencmode", "sslcrl",
        "server_lifetime", "load_balance_hosts", "target_session_attrs", "channel_binding"}) {
    CAPTURE(word);
    const auto said = database_complaint("a = " + std::string(word) + "=${SECRET}", kSome);
    CHECK(said != "accepted");
    CHECK_FALSE(has(said, "hunter2"));
  }
  for (const char* line :
       {"a = postgresql://h:${SECRET}/d", "a = postgresql://h/d?sslmode=${SECRET}",
        "a = postgresql://h/d?ssl=${SECRET}", "a = postgresql://h/d?gssencmode=${SECRET}",
        "a = user=u password_file=${SECRET}", "a = auth_user=u auth_dbname=${SECRET}",
        "a = ${SECRET}", "a = ${URL}?sslcrl=x", "a = host=h ${SECRET}"}) {
    CAPTURE(line);
    const auto said = database_complaint(line, kSome);
    CHECK(said != "accepted");
    CHECK_FALSE(has(said, "hunter2"));
  }
  for (const std::string& warning :
       with_database("a = postgresql://h/d?x${SECRET}=1&schema=${SECRET}", kSome).warnings) {
    CHECK(has(warning, "parameter of hidden name"));
  }
  CHECK_FALSE(has(complaint("[pgweir]\n[users]\nu = pool_size=${SECRET}\n", kSome), "hunter2"));
  CHECK_FALSE(has(complaint("[pgweir]\n[peers]\n1 = port=${SECRET}\n", kSome), "hunter2"));
}
