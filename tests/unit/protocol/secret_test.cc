#include "protocol/secret.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::protocol;

TEST_CASE("kinds of stored secrets") {
  using enum SecretKind;
  CHECK(secret_kind("") == none);
  CHECK(secret_kind("hunter2") == plain);
  CHECK(secret_kind("md5") == plain);
  CHECK(secret_kind("md53175bce1d3201d16594cebf9d7eb3f9d") == md5);
  CHECK(secret_kind("md53175bce1d3201d16594cebf9d7eb3f9") == plain);
  CHECK(secret_kind("md53175bce1d3201d16594cebf9d7eb3f9g") == plain);
  CHECK(secret_kind("md53175BCE1D3201D16594CEBF9D7EB3F9D") == plain);  // PostgreSQL: lower case.
  CHECK(secret_kind("SCRAM-SHA-256") == plain);
  CHECK(secret_kind("SCRAM-SHA-256$") == broken);
  CHECK(secret_kind("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
                    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
                    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=") == scram);
}

TEST_CASE("md5 as PostgreSQL stores and answers it") {
  CHECK(md5_secret("postgres", "postgres") == "md53175bce1d3201d16594cebf9d7eb3f9d");
  CHECK(md5_secret("", "") == "md5d41d8cd98f00b204e9800998ecf8427e");
  // md5("3175bce1d3201d16594cebf9d7eb3f9d" || 01 02 03 04), counted by coreutils.
  const std::uint8_t salt[] = {1, 2, 3, 4};
  CHECK(md5_answer("md53175bce1d3201d16594cebf9d7eb3f9d", salt) ==
        "md568be9ed08db75f318087ab337aaea044");
}
