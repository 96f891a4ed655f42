// userlist.h: auth_file, one `"user" "secret"` a line. `""` inside quotes is a quote, a comment
// begins its line with ; or #, and the last of equal names wins. A third word in quotes is a second
// valid secret, while the first is being rotated; PgBouncer ignores it, as both do what follows.
// Two third words are no secrets, since other tools write them: "" and PostgreSQL's VALID UNTIL.
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
constexpr std::size_t kUserFilesMax = 10'000;

// `name` stands for the file in sentences, which never quote a secret.
Result<Secrets> parse_userlist(const std::string& name, std::string_view text);
// A file that is named as `user` and holds nothing but the secret, and on a second line perhaps a
// second one.
Result<Secrets> parse_secret_file(const std::string& name, const std::string& user,
                                  std::string_view text);
// A sentence with the cure if everybody may read or change the file, or one in this directory;
// empty: all is well.
std::string too_open(const std::string& path);
// The file of this path, which was `written` so if it is not empty. One that cannot be read is
// complained of at `said_at`, what is wrong in it at its own lines. Of a directory each regular
// file is read, by a symlink, too, but not one whose name begins with a dot: it is a userlist if
// its first byte that counts is ", ; or #, and else holds a secret of the user that it is named as.
// No user may stand in two of them.
Result<Secrets> read_userlist(const std::string& path, const Place& said_at,
                              const std::string& written = {});

}  // namespace weir::proxy::config
