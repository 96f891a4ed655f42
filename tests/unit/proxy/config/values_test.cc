#include "proxy/config/values.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace weir::proxy::config;

namespace {

Said<Value> read(std::string_view name, std::string_view text) {
  return parse_value(*find_key(name, kGlobal), text);
}

std::int64_t number(std::string_view name, std::string_view text) {
  const auto value = read(name, text);
  CHECK_MESSAGE(value.has_value(), (value ? "" : value.error()));
  return value ? std::get<std::int64_t>(*value) : -1;
}

std::string complaint(std::string_view name, std::string_view text) {
  const auto value = read(name, text);
  return value ? "accepted" : value.error();
}

}  // namespace

TEST_CASE("integers are read as strtol base 0 reads them") {
  CHECK(number("max_client_conn", "100") == 100);
  CHECK(number("max_client_conn", "0x10") == 16);
  CHECK(number("max_client_conn", "+7") == 7);
  CHECK(number("unix_socket_mode", "0777") == 0777);
  CHECK(number("unix_socket_mode", "511") == 0777);
  CHECK(number("max_client_conn", "0") == 0);
}

TEST_CASE("integers with anything else about them are refused with a reason") {
  CHECK(complaint("max_client_conn", "10x") ==
        "\"10x\" is no number for max_client_conn: write a whole number without a unit");
  for (const char* bad : {"", "abc", "1.5", "1 0", "0x", "08", "--1", "+-1", "1e3", "10s"}) {
    CAPTURE(bad);
    CHECK(complaint("max_client_conn", bad).find("is no number") != std::string::npos);
  }
  CHECK(complaint("max_client_conn", "-1") ==
        "\"-1\" is out of range for max_client_conn: 0 to 2147483647");
  CHECK(complaint("listen_port", "65536") ==
        "\"65536\" is out of range for listen_port: 0 to 65535");
  for (const char* big : {"2147483648", "99999999999999999999999", "-99999999999999999999999"}) {
    CHECK(complaint("max_client_conn", big).find("out of range") != std::string::npos);
  }
  CHECK(complaint("verbose", "4").find("0 to 3") != std::string::npos);
  CHECK(complaint("worker_threads", "65").find("0 to 64") != std::string::npos);
}

TEST_CASE("times are seconds with fractions, or carry PostgreSQL's units") {
  struct Case {
    const char* text;
    std::int64_t us;
  };
  for (const Case& each : {Case{"5", 5'000'000},
                           {"0.5", 500'000},
                           {".25", 250'000},
                           {"0", 0},
                           {"5s", 5'000'000},
                           {"500ms", 500'000},
                           {"250us", 250},
                           {"1min", 60'000'000},
                           {"1.5 min", 90'000'000},
                           {"0.5h", 1'800'000'000},
                           {"1e1", 10'000'000},
                           {"0.0000004", 0},
                           {"5 S", 5'000'000}}) {
    CAPTURE(each.text);
    CHECK(number("query_wait_timeout", each.text) == each.us);
  }
  CHECK(number("server_lifetime", "1d") == 86'400'000'000);
}

TEST_CASE("times that are none are refused with a reason") {
  CHECK(complaint("query_wait_timeout", "10x") ==
        "\"10x\" is no time for query_wait_timeout: write seconds, or a number with us, ms, s, "
        "min, h or d");
  for (const char* bad : {"", "abc", "s", "inf", "nan", "1 2", "5ss", "5s5", "1e999", "0x10"}) {
    CAPTURE(bad);
    CHECK(complaint("query_wait_timeout", bad).find("is no time") != std::string::npos);
  }
  for (const char* bad : {"-1", "-0.001", "1e12", "-5s"}) {
    CAPTURE(bad);
    CHECK(complaint("query_wait_timeout", bad).find("out of range") != std::string::npos);
  }
}

TEST_CASE("whole seconds and milliseconds become microseconds too") {
  CHECK(number("stats_period", "60") == 60'000'000);
  CHECK(number("stats_period", "1min") == 60'000'000);
  CHECK(number("tcp_keepidle", "30") == 30'000'000);
  CHECK(number("tcp_user_timeout", "250") == 250'000);
  CHECK(number("tcp_user_timeout", "5s") == 5'000'000);
  CHECK(complaint("stats_period", "often").find("is no time") != std::string::npos);
}

TEST_CASE("sizes are bytes or carry kB, MB, GB") {
  CHECK(number("max_packet_size", "4096") == 4096);
  CHECK(number("max_packet_size", "0x1000") == 4096);
  CHECK(number("max_packet_size", "4kB") == 4096);
  CHECK(number("max_packet_size", "1 mb") == 1048576);
  CHECK(complaint("max_packet_size", "4q").find("is no size") != std::string::npos);
  CHECK(complaint("max_packet_size", "0.3").find("is no size") != std::string::npos);
  CHECK(number("max_packet_size", "4294967295") == 4294967295);
  CHECK(complaint("max_packet_size", "4GB").find("0 to 4294967295 bytes") != std::string::npos);
  CHECK(complaint("pkt_buf", "2GB").find("0 to 2147483647 bytes") != std::string::npos);
  CHECK(complaint("max_packet_size", "-1").find("out of range") != std::string::npos);
}

TEST_CASE("switches are 0 and 1, or say so in words") {
  for (const char* yes : {"1", "on", "TRUE", "yes"}) CHECK(std::get<bool>(*read("log_stats", yes)));
  for (const char* not_so : {"0", "off", "False", "no"}) {
    CHECK_FALSE(std::get<bool>(*read("log_stats", not_so)));
  }
  CHECK(complaint("log_stats", "2") == "\"2\" is no switch for log_stats: write 0 or 1");
  CHECK(complaint("log_stats", "") == "\"\" is no switch for log_stats: write 0 or 1");
}

TEST_CASE("choices ignore case, and those that would promise too much are refused") {
  CHECK(std::get<std::string>(*read("pool_mode", "Transaction")) == "transaction");
  CHECK(complaint("pool_mode", "trans") ==
        "\"trans\" is no choice for pool_mode: write one of session, transaction, statement");
  CHECK(complaint("auth_type", "pam") ==
        "auth_type = pam is not built yet, and pgweir does not pretend: write one of any, trust, "
        "plain, md5, cert, hba, scram-sha-256");
  CHECK(complaint("auth_type", "LDAP").find("not built yet") != std::string::npos);
  for (const char* mode : {"disable", "allow", "prefer", "require", "verify-ca", "VERIFY-FULL"}) {
    CHECK(read("client_tls_sslmode", mode));
    CHECK(read("server_tls_sslmode", mode));
  }
  for (const char* type : {"any", "trust", "plain", "md5", "SCRAM-SHA-256", "cert", "hba"})
    CHECK(read("auth_type", type));
}

TEST_CASE("lists lose the spaces around names and the empty names") {
  using Names = std::vector<std::string>;
  CHECK(split_list("a, b ,,c,") == Names{"a", "b", "c"});
  CHECK(split_list("") == Names{});
  CHECK(split_list(" , ") == Names{});
  CHECK(split_list("options") == Names{"options"});
}

TEST_CASE("SHOW CONFIG has bare numbers, no secret, and no text that came out of a variable") {
  const auto shown = [](std::string_view name, const Text& text) {
    return shown_text(*find_key(name, kGlobal), text);
  };
  CHECK(shown("query_wait_timeout", "2min") == "120");
  CHECK(shown("query_wait_timeout", "1500ms") == "1.5");
  CHECK(shown("query_wait_timeout", "250us") == "0.00025");
  CHECK(shown("query_wait_timeout", "0.5") == "0.5");
  CHECK(shown("tcp_user_timeout", "5s") == "5000");
  CHECK(shown("stats_period", "1h") == "3600");
  CHECK(shown("max_packet_size", "16MB") == "16777216");
  CHECK(shown("unix_socket_mode", "0700") == "0700");
  CHECK(shown("log_stats", "off") == "0");
  CHECK(shown("pool_mode", "Transaction") == "transaction");
  CHECK(shown("max_client_conn", "0x10") == "16");
  CHECK(shown("max_client_conn", {"70", "${MAX}"}) == "70");
  CHECK(shown("auth_query", {"SELECT hunter2", "SELECT ${PW}"}) == "SELECT ${PW}");
  CHECK(shown("listen_addr", {"10.0.0.1", "${POD_IP}"}) == "${POD_IP}");
  CHECK(shown("auth_ldap_options", "ldapbindpasswd=hunter2") == "********");
  CHECK(shown("auth_ldap_options", "") == "");
}

TEST_CASE("a complaint shows what was written, not what a variable has put in for it") {
  const auto said = parse_value(*find_key("listen_port", kGlobal), {"hunter2", "${PORT}"});
  REQUIRE_FALSE(said);
  CHECK(said.error() ==
        "\"${PORT}\" is no number for listen_port: write a whole number without a unit");
}

TEST_CASE("a complaint stays on one short line, whatever the value holds") {
  const auto said = complaint("pool_mode", std::string(5000, 'x') + "\n");
  CHECK(said.size() < 300);
  CHECK(complaint("pool_mode", "a\nb\x1b[2J").find("\"a?b?[2J\"") != std::string::npos);
}
