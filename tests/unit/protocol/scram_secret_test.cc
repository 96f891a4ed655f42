#include "protocol/scram_secret.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::protocol;
using namespace std::string_literals;

namespace {

// RFC 7677's password under its salt, in PostgreSQL's form.
constexpr const char* kSecret =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

const Buffer& rfc_salt() {
  static const Buffer salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  return salt;
}

}  // namespace

TEST_CASE("a SCRAM secret survives being written and read") {
  const std::string text = kSecret;
  const auto secret = ScramSecret::parse(text);
  REQUIRE(secret);
  CHECK(secret->text() == text);
  CHECK(ScramSecret::from_password("pencil", rfc_salt()).text() == text);
  CHECK(secret->matches("pencil"));
  CHECK(!secret->matches("pencil "));
  CHECK(!secret->matches(""));
}

TEST_CASE("a SCRAM secret that is none") {
  const std::string keys =
      "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
  CHECK(ScramSecret::parse("SCRAM-SHA-256$1:AA==$" + keys));
  for (const auto& bad :
       {""s, "SCRAM-SHA-256"s, "SCRAM-SHA-256$"s, "SCRAM-SHA-1$1:AA==$" + keys,
        "SCRAM-SHA-256$0:AA==$" + keys, "SCRAM-SHA-256$-1:AA==$" + keys,
        "SCRAM-SHA-256$1000001:AA==$" + keys, "SCRAM-SHA-256$1:$" + keys,
        "SCRAM-SHA-256$1:AA$" + keys, "SCRAM-SHA-256$1:AA==$" + keys + "=",
        "SCRAM-SHA-256$1:AA==$" + keys + ":x", "SCRAM-SHA-256$1:AA==$" + keys.substr(1),
        "SCRAM-SHA-256$2147483648:AA==$" + keys,
        "SCRAM-SHA-256$1:" + base64_encode(Buffer(10'000)) + "$" + keys,
        "SCRAM-SHA-256$1$AA==:" + keys, "SCRAM-SHA-256$1:AA==$AAAA:AAAA"s, "\n" + keys}) {
    CAPTURE(bad);
    CHECK(!ScramSecret::parse(bad));
  }
}

TEST_CASE("the mock salt is stable for a user, differs between users and between processes") {
  const Buffer key(32, 1);
  const Buffer other_key(32, 2);
  CHECK(scram_stable_salt(key, "alice") == scram_stable_salt(key, "alice"));
  CHECK(scram_stable_salt(key, "alice") != scram_stable_salt(key, "bob"));
  CHECK(scram_stable_salt(key, "alice") != scram_stable_salt(other_key, "alice"));
  CHECK(scram_stable_salt(key, "alice").size() == 16);
  const ScramSecret mock = scram_mock_secret(key, "alice");
  CHECK(mock.salt == scram_stable_salt(key, "alice"));
  CHECK(mock.iterations == kScramIterations);
  CHECK(scram_mock_secret(key, "alice", 7).iterations == 7);
  CHECK(!mock.matches(""));
  CHECK(!mock.matches("alice"));
}

TEST_CASE("salts of any length up to the maximum make a secret") {
  for (const std::size_t salt_bytes : {1u, 16u, 17u, 1024u}) {
    const auto secret = ScramSecret::from_password("pencil", Buffer(salt_bytes, 7), 1);
    const auto again = ScramSecret::parse(secret.text());
    REQUIRE(again);
    CHECK(again->basis() == ScramBasis{Buffer(salt_bytes, 7), 1});
  }
}

TEST_CASE("the keys of a password belong to its secret") {
  // ClientKey from Python: hmac(pbkdf2_hmac("sha256", b"pencil", salt, 4096), b"Client Key").
  const auto keys = ScramKeys::from_password("pencil", {rfc_salt(), 4'096});
  CHECK(base64_encode(keys.client_key) == "pg/JI9Z+hkSpLRa5btpe9GVrDHJcSEN0viVTVXaZbos=");
  CHECK(base64_encode(keys.server_key) == "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  CHECK(keys.secret == kSecret);
}
