// userlist.h: auth_file, one `"user" "secret"` a line. `""` inside quotes is a quote, what follows
// the secret is ignored, a comment begins its line with ; or #. The last of equal names wins.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/result.h"
#include "proxy/config/config.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

constexpr std::size_t kSecretMax = 65536;  // Bytes.
constexpr std::size_t kUserlistBytesMax = 64 << 20;

// `name` stands for the file in sentences, which never quote a secret.
Result<Secrets> parse_userlist(const std::string& name, std::string_view text);
// A sentence with the cure if everybody may read or change the file; empty: all is well.
std::string too_open(const std::string& path);
// The file of this path. One that cannot be read is complained of at `said_at`, what is wrong in it
// at its own lines.
Result<Secrets> read_userlist(const std::string& path, const Place& said_at);

}  // namespace weir::proxy::config
