#include "protocol/saslprep.h"

#include <stringprep.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "protocol/crypto.h"

namespace weir::protocol {

namespace {

constexpr std::size_t kNfkcGrowth = 11;  // U+FDFA: 3 bytes become 33. Nothing grows more.

bool is_continuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

// The length of the UTF-8 character that begins here; 0 when it is none. Neither overlong forms,
// nor surrogates, nor anything above U+10FFFF.
std::size_t utf8_character_bytes(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t lead = at[0];
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xc2   ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > left) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(at[i])) return 0;
  }
  const std::uint8_t second = at[1];
  if (lead == 0xe0 && second < 0xa0) return 0;
  if (lead == 0xed && second > 0x9f) return 0;
  if (lead == 0xf0 && second < 0x90) return 0;
  if (lead == 0xf4 && second > 0x8f) return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  for (std::size_t left = text.size(); left > 0;) {
    const std::size_t length = utf8_character_bytes(at, left);
    if (length == 0) return false;
    at += length;
    left -= length;
  }
  return true;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<std::uint8_t>(c) < 0x80; });
}

// libidn's steps with the normalisation moved to the end. RFC 4013 normalises before it looks for
// what is prohibited; PostgreSQL looks first, and only its order gives its hashes (U+0340 shows
// it: prohibited as it stands, harmless once normalised).
std::vector<Stringprep_profile> postgres_order() {
  std::vector<Stringprep_profile> steps;
  for (const Stringprep_profile* step = stringprep_saslprep; step->operation != 0; ++step) {
    steps.push_back(*step);
  }
  std::stable_partition(steps.begin(), steps.end(), [](const Stringprep_profile& step) {
    return step.operation != STRINGPREP_NFKC;
  });
  steps.push_back({});
  return steps;
}

}  // namespace

std::string saslprep(std::string_view password) {
  if (is_ascii(password) || password.size() > kSaslprepBytesMax ||
      password.find('\0') != std::string_view::npos || !is_utf8(password)) {
    return std::string{password};
  }
  Buffer text(password.size() * kNfkcGrowth + 1);  // NUL-terminated, prepared in place.
  std::copy(password.begin(), password.end(), text.begin());
  auto* const in_place = reinterpret_cast<char*>(text.data());
  const std::vector<Stringprep_profile> steps = postgres_order();
  const int outcome = stringprep(in_place, text.size(), STRINGPREP_NO_UNASSIGNED, steps.data());

  std::string prepared{outcome == STRINGPREP_OK ? std::string_view{in_place} : password};
  wipe(text);
  return prepared.empty() ? std::string{password} : prepared;
}

}  // namespace weir::protocol
