#include "protocol/decode.h"

#include <doctest/doctest.h>

#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;
using vectors::parse_bytes;

namespace {

std::string shown(const ErrorFields& f) {
  return f.severity + "|" + f.sqlstate + "|" + f.message + "|" + f.detail + "|" + f.hint;
}

std::string error_of(std::string_view body) { return shown(parse_error(parse_bytes(body))); }

}  // namespace

TEST_CASE("a reader takes whole fields or nothing") {
  const Buffer body = parse_bytes(R"(01 02 03 "ab\0" "cd")");
  Reader reader(body);
  CHECK(!reader.take(9));
  CHECK(!reader.take(static_cast<std::size_t>(-1)));
  CHECK(reader.u16() == 0x0102);
  CHECK(reader.u32() == 0x03616200);
  CHECK(reader.left_bytes() == 2);
  CHECK(!reader.cstring());
  CHECK(!reader.u32());
  CHECK(reader.left_bytes() == 2);
  CHECK(as_text(reader.rest()) == "cd");
  CHECK(reader.empty());
  CHECK(!reader.u8());
  CHECK(!reader.u16());
  CHECK(reader.take(0));
}

TEST_CASE("an ErrorResponse says what it says, and what it does not is filled in") {
  CHECK(error_of(R"("SFATAL\0" "VFATAL\0" "C28P01\0" "Mno\0" "Dd\0" "Hh\0" 00)") ==
        "FATAL|28P01|no|d|h");
  CHECK(error_of(R"("SFATALE\0" "VFATAL\0" "C28P01\0" "Mno\0" 00)") == "FATAL|28P01|no||");
  CHECK(error_of(R"("SFATAL\0" "Mno\0" 00)") == "FATAL|XX000|no||");
  CHECK(error_of(R"("C57P03\0" 00)") == "ERROR|57P03|server sent no error message||");
  CHECK(error_of("") == "ERROR|XX000|server sent no error message||");
  CHECK(error_of("00") == "ERROR|XX000|server sent no error message||");
  CHECK(error_of(R"("M")") == "ERROR|XX000|server sent no error message||");
  CHECK(error_of(R"("C28P01\0" "Mno terminator")") == "ERROR|28P01|no terminator||");
  CHECK(error_of(R"("C28P01\0" "Mno last byte\0")") == "ERROR|28P01|no last byte||");
  CHECK(error_of(R"("zunknown\0" "C28P01\0" "Mfirst\0" "Msecond\0" 00 "Mlate\0")") ==
        "ERROR|28P01|first||");
}

TEST_CASE("a code that is no code becomes XX000") {
  for (const char* code :
       {"", "28P0", "28P011", "28p01", "28P0 ", "%s%s%", "\xff\xff\xff\xff\xff"}) {
    const std::string body = std::string{"C"} + code + '\0' + "Mx" + '\0' + '\0';
    CAPTURE(code);
    CHECK(parse_error(as_bytes(body)).sqlstate == "XX000");
  }
}

TEST_CASE("ParameterStatus is two strings") {
  const auto good = parse_parameter_status(parse_bytes(R"("TimeZone\0UTC\0")"));
  REQUIRE(good);
  CHECK(good->name == "TimeZone");
  CHECK(good->value == "UTC");
  CHECK(parse_parameter_status(parse_bytes(R"("a\0" 00)")));
  for (const char* bad :
       {"", "00", R"("a")", R"("a\0")", R"("a\0b")", R"("a\0b\0c")", R"("\0b\0")"}) {
    CAPTURE(bad);
    const auto parsed = parse_parameter_status(parse_bytes(bad));
    REQUIRE(!parsed);
    CHECK(std::string_view{parsed.error().sqlstate} == "08P01");
  }
}

TEST_CASE("BackendKeyData has a key of 4 to 256 bytes") {
  for (const std::size_t key_bytes : {0u, 1u, 3u, 4u, 8u, 32u, 255u, 256u, 257u, 10'000u}) {
    CAPTURE(key_bytes);
    Buffer body = parse_bytes("00 00 00 2a");
    body.resize(4 + key_bytes, 7);
    const auto parsed = parse_backend_key_data(body);
    CHECK(parsed.has_value() == (key_bytes >= 4 && key_bytes <= 256));
    if (parsed) {
      CHECK(parsed->pid == 42);
      CHECK(parsed->key == Buffer(key_bytes, 7));
    }
  }
  CHECK(!parse_backend_key_data(parse_bytes("00 00 2a")));
}

TEST_CASE("Authentication") {
  using enum Authentication::Kind;
  const auto kind_of = [](std::string_view body) {
    return parse_authentication(parse_bytes(body));
  };
  CHECK(kind_of("00 00 00 00")->kind == ok);
  CHECK(kind_of("00 00 00 03")->kind == cleartext);
  const auto md5_asked = kind_of("00 00 00 05 01 02 03 04");
  REQUIRE(md5_asked);
  CHECK(md5_asked->salt == std::array<std::uint8_t, 4>{1, 2, 3, 4});
  const auto sasl_asked = kind_of(R"(00 00 00 0a "A\0B\0" 00)");
  REQUIRE(sasl_asked);
  CHECK(sasl_asked->mechanisms == std::vector<std::string>{"A", "B"});
  CHECK(kind_of(R"(00 00 00 0b "r=")")->data == "r=");
  CHECK(kind_of(R"(00 00 00 0c)")->kind == sasl_final);
  for (const char* bad :
       {"", "00 00 00", "00 00 00 00 00", "00 00 00 03 00", "00 00 00 05", "00 00 00 05 01 02 03",
        "00 00 00 05 01 02 03 04 05", "00 00 00 0a", "00 00 00 0a 00", R"(00 00 00 0a "A\0")",
        R"(00 00 00 0a "A")", R"(00 00 00 0a "A\0" 00 "B\0" 00)"}) {
    CAPTURE(bad);
    const auto parsed = kind_of(bad);
    REQUIRE(!parsed);
    CHECK(std::string_view{parsed.error().sqlstate} == "08P01");
  }
  for (const char* unsupported :
       {"00 00 00 02", "00 00 00 07", "00 00 00 09", "00 00 00 0d", "7f ff ff ff", "ff ff ff ff"}) {
    CAPTURE(unsupported);
    const auto parsed = kind_of(unsupported);
    REQUIRE(!parsed);
    CHECK(std::string_view{parsed.error().sqlstate} == "0A000");
  }
}

TEST_CASE("NegotiateProtocolVersion does not trust its count") {
  const auto good = parse_negotiate_protocol_version(
      parse_bytes(R"(00 03 00 02 00 00 00 02 "_pq_.a\0_pq_.b\0")"));
  REQUIRE(good);
  CHECK(good->version == 0x30002);
  CHECK(good->unknown_options == std::vector<std::string>{"_pq_.a", "_pq_.b"});
  CHECK(parse_negotiate_protocol_version(parse_bytes("00 00 00 00 00 00 00 00")));
  for (const char* bad : {"", "00 03 00 00", "00 03 00 00 00 00 00", "00 03 00 00 00 00 00 01",
                          "00 03 00 00 ff ff ff ff", R"(00 03 00 00 7f ff ff ff "a\0")",
                          R"(00 03 00 00 00 00 00 00 "a\0")"}) {
    CAPTURE(bad);
    CHECK(!parse_negotiate_protocol_version(parse_bytes(bad)));
  }
}

TEST_CASE("PasswordMessage is one string and nothing behind it") {
  CHECK(parse_password(parse_bytes(R"("pw\0")")) == "pw");
  CHECK(parse_password(parse_bytes("00")) == "");
  for (const char* bad : {"", R"("pw")", R"("pw\0" 00)", R"("pw\0more\0")"}) {
    CAPTURE(bad);
    CHECK(!parse_password(parse_bytes(bad)));
  }
}

TEST_CASE("SASLInitialResponse") {
  const Buffer body = parse_bytes(R"("M\0" 00 00 00 03 "n,,")");
  const auto good = parse_sasl_initial_response(body);
  REQUIRE(good);
  CHECK(good->mechanism == "M");
  CHECK(good->data == "n,,");
  const Buffer waiting = parse_bytes(R"("M\0" ff ff ff ff)");
  REQUIRE(parse_sasl_initial_response(waiting));
  CHECK(!parse_sasl_initial_response(waiting)->data);
  for (const char* bad :
       {"", R"("M")", R"("M\0")", R"("M\0" 00 00 00)", R"("M\0" 00 00 00 04 "n,,")",
        R"("M\0" 00 00 00 02 "n,,")", R"("M\0" ff ff ff ff "n")", R"("M\0" 7f ff ff ff "n")",
        R"("M\0" 80 00 00 00 "n")", R"("M\0" ff ff ff fe "n")"}) {
    CAPTURE(bad);
    CHECK(!parse_sasl_initial_response(parse_bytes(bad)));
  }
}
