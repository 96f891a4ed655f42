#include "proxy/tls/inspect.h"

#include <doctest/doctest.h>

#include "tests/certs/certs.h"

using namespace weir;
using proxy::tls::validity_of_file;

TEST_CASE("the dates of the first certificate in a file, in seconds since 1970") {
  const certs::Folder folder;
  const auto authority = certs::make_authority("Authority");
  const auto old = authority.make_certificate({.common_name = "a", .dates = certs::Dates::expired});
  const auto valid = authority.make_certificate({.common_name = "b"});
  const auto first = validity_of_file(folder.write("old.crt", old.text + valid.text));
  const auto second = validity_of_file(folder.write("valid.crt", valid.text));
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(first->from_s < first->until_s);
  CHECK(first->until_s >= 1'009'756'800);  // 2001-12-31,
  CHECK(first->until_s <= 1'009'929'600);  // give or take a day.
  CHECK(second->until_s > first->until_s);
}

TEST_CASE("a file that has no certificate has no dates") {
  const certs::Folder folder;
  CHECK_FALSE(validity_of_file(folder.path("none")).has_value());
  CHECK_FALSE(validity_of_file(folder.write("empty", "")).has_value());
  CHECK_FALSE(validity_of_file(folder.write("text", "not a certificate")).has_value());
  CHECK_FALSE(proxy::tls::validity_of_peer(nullptr).has_value());
}
