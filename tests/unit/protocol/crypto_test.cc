#include "protocol/crypto.h"

#include <doctest/doctest.h>

#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;

namespace {

std::string hex(Bytes bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) text.append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
  return text;
}

std::string decoded(std::string_view text) {
  const auto bytes = base64_decode(text);
  return bytes ? "<" + std::string{as_text(*bytes)} + ">" : "refused";
}

}  // namespace

TEST_CASE("MD5, RFC 1321") {
  CHECK(md5_hex({}) == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5_hex(as_bytes("message digest")) == "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST_CASE("SHA-256, FIPS 180") {
  CHECK(hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HMAC-SHA-256, RFC 4231, and an empty key") {
  CHECK(hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const Buffer key(131, 0xaa);
  CHECK(hex(hmac_sha256(key, as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(hex(hmac_sha256({}, {})) ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("PBKDF2-HMAC-SHA-256, RFC 7914") {
  CHECK(hex(pbkdf2(as_bytes("passwd"), as_bytes("salt"), 1)) ==
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  CHECK(hex(pbkdf2(as_bytes("Password"), as_bytes("NaCl"), 80'000)) ==
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

TEST_CASE("base64, RFC 4648") {
  const std::pair<const char*, const char*> pairs[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : pairs) {
    CHECK(base64_encode(as_bytes(plain)) == coded);
    CHECK(decoded(coded) == "<" + std::string{plain} + ">");
  }
  for (int byte = 0; byte < 256; ++byte) {
    const Buffer one(5, static_cast<std::uint8_t>(byte));
    CHECK(base64_decode(base64_encode(one)) == one);
  }
}

TEST_CASE("base64 that is not canonical is refused") {
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Zg===", "====", "=", "Zh==", "Zm9=", "Zm8=Zm8=", "Zm 9", "Zm9v\n",
        "Zm9-", "Zm_v", "Zg==Zg==", "Z===", "A=AA", "\xff\xff\xff\xff"}) {
    CAPTURE(bad);
    CHECK(decoded(bad) == "refused");
  }
}

TEST_CASE("equality of bytes") {
  CHECK(constant_time_equal({}, {}));
  CHECK(constant_time_equal(as_bytes("abc"), as_bytes("abc")));
  CHECK(!constant_time_equal(as_bytes("abc"), as_bytes("abd")));
  CHECK(!constant_time_equal(as_bytes("abc"), as_bytes("ab")));
  CHECK(!constant_time_equal({}, as_bytes("a")));
}

TEST_CASE("a short secret is gone from the text that it was moved out of") {
  std::string secret = "pencil";
  const std::string moved = std::move(secret);
  wipe(secret);
  const std::string_view memory{reinterpret_cast<const char*>(&secret), sizeof secret};
  CHECK(memory.find("encil") == memory.npos);
  CHECK(moved == "pencil");
}

TEST_CASE("a wiped secret is gone from its memory") {
  std::string secret(100, 's');
  const char* const at = secret.data();
  wipe(secret);
  CHECK(secret.empty());
  CHECK(std::count(at, at + 100, 's') == 0);  // The capacity is still there to be looked at.
  Digest digest{};
  digest.fill(7);
  wipe(digest);
  CHECK(digest == Digest{});
}
