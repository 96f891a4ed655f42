#include "proxy/config/connstring.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir::proxy::config;

namespace {

using Words = std::vector<Word>;

Words split(std::string_view text) {
  auto words = split_words(text);
  CHECK_MESSAGE(words.has_value(), (words ? "" : words.error()));
  return words ? *words : Words{};
}

std::string split_complaint(std::string_view text) {
  const auto words = split_words(text);
  return words ? "accepted" : words.error();
}

Connection uri(std::string_view text) {
  auto connection = read_uri({.key = {}, .value = std::string(text)});
  CHECK_MESSAGE(connection.has_value(), (connection ? "" : connection.error()));
  return connection ? *connection : Connection{};
}

std::string uri_complaint(std::string_view text) {
  const auto connection = read_uri({.key = {}, .value = std::string(text)});
  return connection ? "accepted" : connection.error();
}

std::string option(const Connection& connection, std::string_view key) {
  for (const Word& word : connection.options) {
    if (word.key == key) return word.value;
  }
  return "(unset)";
}

}  // namespace

TEST_CASE("words: spaces about the =, quotes with '' inside, nothing at all") {
  CHECK(split("").empty());
  CHECK(split("   ").empty());
  CHECK(split("host=h port=5432") == Words{{"host", "h"}, {"port", "5432"}});
  CHECK(split("  host = h\t port= 1 ") == Words{{"host", "h"}, {"port", "1"}});
  CHECK(split("password='it''s = mine ; ok' user=u") ==
        Words{{"password", "it's = mine ; ok"}, {"user", "u"}});
  CHECK(split("host='h'port=1") == Words{{"host", "h"}, {"port", "1"}});
  CHECK(split("password=a=b;c\\d") == Words{{"password", "a=b;c\\d"}});
  CHECK(split("postgresql://h/d pool_size=5") ==
        Words{{"", "postgresql://h/d"}, {"pool_size", "5"}});
}

TEST_CASE("broken words are refused without quoting what may be a secret") {
  CHECK(split_complaint("host") ==
        "no key=value at the start of the line; a value with spaces needs single quotes");
  CHECK(split_complaint("password=top secret") ==
        "no key=value after \"password\"; a value with spaces needs single quotes");
  CHECK(split_complaint("host=") == "\"host\" has no value");
  CHECK(split_complaint("password=''") == "\"password\" has no value");
  CHECK(split_complaint("password='hunter2 host=h") ==
        "the quote around the value of \"password\" never closes");
  CHECK(split_complaint("=x").find("at the start") != std::string::npos);
  CHECK(split_complaint("a-b=x").find("at the start") != std::string::npos);
}

TEST_CASE("a variable in a word stays in that word, and one that is a URI is taken as it stands") {
  const Environment some{{"PW", "a b' port=1"}, {"URL", "postgresql://u:p@h/d?sslmode=prefer\n"}};
  const auto read = [&](std::string_view text) {
    const auto words = read_words(text, some);
    return words ? *words : Words{{"refused", words.error()}};
  };
  CHECK(read("password=${PW} host=h") == Words{{"password", "a b' port=1", true}, {"host", "h"}});
  CHECK(read("password='x ${PW}'") == Words{{"password", "x a b' port=1", true}});
  CHECK(read("postgresql://u:${PW}@h/d") ==
        Words{{"", "postgresql://u:a%20b%27%20port%3D1@h/d", true}});
  CHECK(read("${URL} pool_size=5") ==
        Words{{"", "postgresql://u:p@h/d?sslmode=prefer", true}, {"pool_size", "5"}});
  CHECK(read("${NONE:-postgresql://h/d}") == Words{{"", "postgresql://h/d", true}});
  CHECK(read("${PW}")[0].value ==
        "a line that begins with a variable needs a postgresql:// URI in it");
  CHECK(read("password=${NONE:-}")[0].value == "\"password\" has no value");
  CHECK(read("password=${NONE}")[0].value.starts_with("the environment has no variable NONE"));
}

TEST_CASE("libpq reads the words that are its own, whatever they hold") {
  const auto connection = read_options({{"host", "h"}, {"password", "a 'b\\ c"}, {"dbname", "d"}});
  REQUIRE(connection);
  CHECK(option(*connection, "password") == "a 'b\\ c");
  CHECK(option(*connection, "host") == "h");
  CHECK(option(*connection, "user") == "(unset)");
  CHECK(connection->warnings.empty());
}

TEST_CASE("a URI gives up its parts, decoded") {
  const auto whole =
      uri("postgresql://us%40er:p%2Fw%3A%25@db.example.org:6000/shop?application_name=x");
  CHECK(option(whole, "user") == "us@er");
  CHECK(option(whole, "password") == "p/w:%");
  CHECK(option(whole, "host") == "db.example.org");
  CHECK(option(whole, "port") == "6000");
  CHECK(option(whole, "dbname") == "shop");
  CHECK(option(whole, "application_name") == "x");
  CHECK(whole.warnings.empty());
  CHECK(option(uri("postgres://%2Fvar%2Frun/d"), "host") == "/var/run");
  CHECK(option(uri("postgresql://[::1]:5433/d"), "host") == "::1");
  CHECK(option(uri("postgresql:///d?host=/tmp"), "host") == "/tmp");
  CHECK(option(uri("postgresql://h1:5433,h2:5433/d"), "host") == "h1,h2");
  CHECK(option(uri("postgresql://u:a?b@h/d?user=x@y"), "password") == "a?b");
  CHECK(option(uri("postgresql://h/d?user=x@y"), "user") == "x@y");
  CHECK(uri("postgresql://").options.empty());
}

TEST_CASE("parameters that only an ORM knows are left out with a warning") {
  const auto prisma =
      uri("postgresql://u:p@h/d?pgbouncer=true&connection_limit=5&schema=public&connect_timeout=3"
          "&application_name=x");
  CHECK(option(prisma, "application_name") == "x");
  REQUIRE(prisma.warnings.size() == 4);
  CHECK(prisma.warnings[0] ==
        "parameter \"pgbouncer\" of the URI is unknown to PostgreSQL and is left out");
  CHECK(prisma.warnings[3] ==
        "connection option \"connect_timeout\" is not built and has no effect");
  CHECK(option(uri("postgresql://h/d?schema=a"), "dbname") == "d");
  CHECK(uri("postgresql://h/d?a%20b=1").warnings[0].find("of odd name") != std::string::npos);
  CHECK(option(uri("postgresql://h/d?&&"), "dbname") == "d");
}

TEST_CASE("a promise that is not built is refused") {
  for (const char* query :
       {"sslcrl=x", "sslcrldir=x", "sslpassword=x", "ssl_min_protocol_version=TLSv1.3",
        "ssl_max_protocol_version=TLSv1.2", "ssl=verify", "requiressl=1", "sslcertmode=require",
        "gssencmode=require", "target_session_attrs=read-write", "sslaccept=strict",
        "require_auth=scram-sha-256", "service=x", "%73slcrl=require", "schema=public&sslcrl=x",
        "replication=database", "requirepeer=postgres"}) {
    CAPTURE(query);
    CHECK(uri_complaint("postgresql://u:p@h/d?" + std::string(query)).find("is refused") !=
          std::string::npos);
  }
  for (const char* query : {"target_session_attrs=any", "gssencmode=prefer"}) {
    CAPTURE(query);
    CHECK(uri("postgresql://u:p@h/d?" + std::string(query)).warnings.empty());
  }
  CHECK_FALSE(read_options({{"sslcrl", "x"}}));
}

TEST_CASE("what a URI says of TLS is kept, whether this libpq knows it or not") {
  const auto all =
      uri("postgresql://h/d?sslmode=verify-full&sslrootcert=/a&sslcert=/b&sslkey=/c"
          "&sslnegotiation=direct&channel_binding=require");
  CHECK(option(all, "sslmode") == "verify-full");
  CHECK(option(all, "sslrootcert") == "/a");
  CHECK(option(all, "sslcert") == "/b");
  CHECK(option(all, "sslkey") == "/c");
  CHECK(option(all, "sslnegotiation") == "direct");
  CHECK(option(all, "channel_binding") == "require");
  CHECK(all.warnings.empty());
  CHECK(option(uri("postgresql://h/d?ssl=true"), "sslmode") == "require");  // As libpq has it.
  CHECK(option(uri("postgresql://h/d?sslmode=disable&ssl=true"), "sslmode") == "require");
  CHECK(option(uri("postgresql://h/d?ssl=true&sslmode=verify-ca"), "sslmode") == "verify-ca");
}

TEST_CASE("load_balance_hosts of a URI is kept, whether this libpq knows it or not") {
  for (const char* word : {"disable", "random"}) {
    const auto read = uri("postgresql://h1,h2/d?load_balance_hosts=" + std::string(word));
    CHECK(option(read, "load_balance_hosts") == word);
    CHECK(option(read, "host") == "h1,h2");
    CHECK(read.warnings.empty());
  }
  CHECK(uri_complaint("postgresql://h1,h2/d?load_balance_hosts=round-robin") ==
        "load_balance_hosts=\"round-robin\" is refused: it is disable or random in a URI");
}

TEST_CASE("a URI that is none is refused, and no piece of its password is shown") {
  for (const char* bad : {"postgresql://u:hunt/er2@h/d", "postgresql://u:hunt@er2@h/d",
                          "postgresql://u:12/er2@h/d", "postgresql://u:hunter2%zz@h/d",
                          "postgresql://u:hunter2@[h/d", "postgresql://u:hunter2@h/d?sslmode"}) {
    CAPTURE(bad);
    const auto said = uri_complaint(bad);
    CHECK(said != "accepted");
    CHECK(said.find("hunt") == std::string::npos);
    CHECK(said.find("er2") == std::string::npos);
  }
}

TEST_CASE("libpq's own options are known by name") {
  CHECK(is_libpq_option("host"));
  CHECK(is_libpq_option("sslrootcert"));
  CHECK_FALSE(is_libpq_option("pool_size"));
  CHECK_FALSE(is_libpq_option(""));
}
