#include "protocol/encode.h"

#include <doctest/doctest.h>

#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;
using vectors::parse_bytes;

TEST_CASE("errors carry S V C M, and H when there is one") {
  Buffer out;
  put_error(out, Severity::fatal, {"28P01", "no", ""});
  CHECK(out == parse_bytes(R"("E" 00 00 00 1e "SFATAL\0" "VFATAL\0" "C28P01\0" "Mno\0" 00)"));
  out.clear();
  put_error(out, Severity::error, {"0A000", "no", "do"});
  CHECK(out ==
        parse_bytes(R"("E" 00 00 00 22 "SERROR\0" "VERROR\0" "C0A000\0" "Mno\0" "Hdo\0" 00)"));
  out.clear();
  put_server_error(out, Severity::fatal, {"PANIC", "ZZ001", "no", "so", ""});
  CHECK(out ==
        parse_bytes(R"("E" 00 00 00 22 "SFATAL\0" "VFATAL\0" "CZZ001\0" "Mno\0" "Dso\0" 00)"));
  out.clear();
  put_notice(out, Severity::warning, Fault{"00000", "hm", ""});
  CHECK(out == parse_bytes(R"("N" 00 00 00 22 "SWARNING\0" "VWARNING\0" "C00000\0" "Mhm\0" 00)"));
}

TEST_CASE("a NUL cannot turn one field into two") {
  Buffer out;
  using namespace std::string_literals;
  put_error(out, Severity::error, {"XX000", "a\0Cinjected"s, ""});
  CHECK(parse_error(Bytes{out}.subspan(5)).message == "a");
  CHECK(as_text(out).find("injected") == std::string_view::npos);
}

TEST_CASE("authentication messages") {
  Buffer out;
  put_authentication_ok(out);
  put_authentication_cleartext(out);
  put_authentication_md5(out, std::array<std::uint8_t, 4>{1, 2, 3, 4});
  put_authentication_sasl(out, std::array<std::string_view, 2>{"A-PLUS", "A"});
  put_authentication_sasl_continue(out, "r=x");
  put_authentication_sasl_final(out, "v=y");
  CHECK(out == parse_bytes(R"("R" 00 00 00 08 00 00 00 00
                              "R" 00 00 00 08 00 00 00 03
                              "R" 00 00 00 0c 00 00 00 05 01 02 03 04
                              "R" 00 00 00 12 00 00 00 0a "A-PLUS\0A\0" 00
                              "R" 00 00 00 0b 00 00 00 0b "r=x"
                              "R" 00 00 00 0b 00 00 00 0c "v=y")"));
}

TEST_CASE("the rest of a welcome") {
  Buffer out;
  put_parameter_status(out, "TimeZone", "UTC");
  put_backend_key_data(out, 42, std::array<std::uint8_t, 4>{1, 2, 3, 4});
  put_ready_for_query(out, 'T');
  put_negotiate_protocol_version(out, 2, std::array<std::string, 2>{"_pq_.a", "_pq_.b"});
  CHECK(out == parse_bytes(R"("S" 00 00 00 11 "TimeZone\0UTC\0"
                              "K" 00 00 00 0c 00 00 00 2a 01 02 03 04
                              "Z" 00 00 00 05 "T"
                              "v" 00 00 00 1a 00 03 00 02 00 00 00 02 "_pq_.a\0_pq_.b\0")"));
}

TEST_CASE("rows") {
  Buffer out;
  put_row_description(out, std::array<Column, 2>{Column{"a"}, Column{"b", ColumnType::int4}});
  put_data_row(out, std::array<std::optional<std::string_view>, 3>{"x", std::nullopt, ""});
  put_data_row(out, {});
  put_command_complete(out, "SHOW");
  put_empty_query_response(out);
  CHECK(out == parse_bytes(R"(
      "T" 00 00 00 2e 00 02
          "a\0" 00 00 00 00 00 00 00 00 00 19 ff ff ff ff ff ff 00 00
          "b\0" 00 00 00 00 00 00 00 00 00 17 00 04 ff ff ff ff 00 00
      "D" 00 00 00 13 00 03 00 00 00 01 "x" ff ff ff ff 00 00 00 00
      "D" 00 00 00 06 00 00
      "C" 00 00 00 09 "SHOW\0"
      "I" 00 00 00 04)"));
}

TEST_CASE("what goes to a server") {
  Buffer out;
  put_startup(out, kProtocol3_0,
              std::array<std::pair<std::string, std::string>, 1>{{{"user", "a"}}});
  put_password(out, "pw");
  put_sasl_initial_response(out, "M", "n,,");
  put_sasl_response(out, "c=");
  put_query(out, "select 1");
  put_copy_fail(out, "no");
  put_parse(out, "s", "select $1");
  put_bind(out, "", "s", std::array<std::optional<std::string_view>, 2>{"x", std::nullopt});
  put_execute(out, "", 1);
  put_sync(out);
  put_terminate(out);
  CHECK(out == parse_bytes(R"(
      00 00 00 10 00 03 00 00 "user\0a\0" 00
      "p" 00 00 00 07 "pw\0"
      "p" 00 00 00 0d "M\0" 00 00 00 03 "n,,"
      "p" 00 00 00 06 "c="
      "Q" 00 00 00 0d "select 1\0"
      "f" 00 00 00 07 "no\0"
      "P" 00 00 00 12 "s\0select $1\0" 00 00
      "B" 00 00 00 16 00 "s\0" 00 00 00 02 00 00 00 01 "x" ff ff ff ff 00 00
      "E" 00 00 00 09 00 00 00 00 01
      "S" 00 00 00 04
      "X" 00 00 00 04)"));
}

TEST_CASE("packets without a tag") {
  Buffer out;
  put_cancel_request(out, 42, std::array<std::uint8_t, 4>{1, 2, 3, 4});
  put_ssl_request(out);
  CHECK(out == parse_bytes(R"(00 00 00 10 04 d2 16 2e 00 00 00 2a 01 02 03 04
                              00 00 00 08 04 d2 16 2f)"));
}
