#include "protocol/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "protocol/check.h"

namespace weir::protocol {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNotInAlphabet = 0xff;

constexpr std::array<std::uint8_t, 256> kSextets = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(kNotInAlphabet);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

constexpr std::size_t kBlockBytes = 64;  // Of SHA-256 (FIPS 180-4).

// SHA-256 of what is added. The algorithm is looked up once: OpenSSL 3 takes longer to find it,
// anew for each EVP_sha256() and EVP_Q_mac(), than to hash what a login says.
class Sha256 {
 public:
  Sha256() { begin(); }
  void begin() {
    static const std::unique_ptr<EVP_MD, Free> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
    WEIR_CHECK(context_ && algorithm);
    WEIR_CHECK(EVP_DigestInit_ex(context_.get(), algorithm.get(), nullptr) == 1);
  }
  void add(Bytes part) {
    WEIR_CHECK(EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1);
  }
  // begin() follows before anything else is added.
  Digest end() {
    Digest digest{};
    WEIR_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    return digest;
  }

 private:
  struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

}  // namespace

std::optional<std::string> md5_hex(Bytes text) {
  std::array<std::uint8_t, 16> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1) {
    return std::nullopt;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : digest) {
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

Digest sha256(Bytes text, Bytes more) {
  Sha256 hash;
  hash.add(text);
  hash.add(more);
  return hash.end();
}

// RFC 2104.
Digest hmac_sha256(Bytes key, Bytes text) {
  std::array<std::uint8_t, kBlockBytes> pad{};
  Digest shorter = key.size() > pad.size() ? sha256(key) : Digest{};
  const Bytes fits = key.size() > pad.size() ? Bytes{shorter} : key;
  std::copy(fits.begin(), fits.end(), pad.begin());
  Sha256 hash;
  for (std::uint8_t& byte : pad) byte ^= 0x36;
  hash.add(pad);
  hash.add(text);
  Digest inner = hash.end();
  for (std::uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
  hash.begin();
  hash.add(pad);
  hash.add(inner);
  const Digest digest = hash.end();
  OPENSSL_cleanse(pad.data(), pad.size());
  wipe(shorter);
  wipe(inner);
  return digest;
}

Digest pbkdf2(Bytes password, Bytes salt, std::uint32_t iterations) {
  static constexpr std::uint8_t kNoBytes = 0;
  WEIR_CHECK(iterations >= 1 && iterations <= 0x7fffffff);
  Digest digest{};
  WEIR_CHECK(
      PKCS5_PBKDF2_HMAC(password.empty() ? "" : reinterpret_cast<const char*>(password.data()),
                        static_cast<int>(password.size()), salt.empty() ? &kNoBytes : salt.data(),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                        static_cast<int>(digest.size()), digest.data()) == 1);
  return digest;
}

std::string base64_encode(Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < here ? bytes[at + i] : 0u);
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= here ? kAlphabet[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

std::optional<Buffer> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  text.remove_suffix(padding);

  Buffer bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned bits_count = 0;
  for (const char c : text) {
    const std::uint8_t sextet = kSextets[static_cast<std::uint8_t>(c)];
    if (sextet == kNotInAlphabet) return std::nullopt;
    bits = (bits << 6 | sextet) & 0xfff;  // At most 6 bits are left over from before.
    bits_count += 6;
    if (bits_count < 8) continue;
    bits_count -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> bits_count));
  }
  if ((bits & ((1u << bits_count) - 1)) != 0) return std::nullopt;
  return bytes;
}

bool constant_time_equal(Bytes left, Bytes right) {
  if (left.size() != right.size()) return false;
  return left.empty() || CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void wipe(std::string& secret) {
  // A short text that was moved or shortened is still there, behind the end.
  secret.resize(secret.capacity());
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

void wipe(Buffer& secret) {
  if (!secret.empty()) OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

void wipe(Digest& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

}  // namespace weir::protocol
